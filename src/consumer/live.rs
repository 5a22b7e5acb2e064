//! The one comment of a run while it goes on: written once a run has lasted a while, edited as it gets on.
//!
//! Who calls: `run_job` begins it and ends it, `show` asks where it is before the result takes its place. What must stay
//! true: nobody waits for it but the result's own comment and the job's end; what is told in between is tried once and
//! given up; nothing of it is under way when the result is written, so that no older word lands on top of it; a stale
//! epoch writes nothing; a run that is over soon costs no call.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use super::{Parts, show};
use crate::claim;
use crate::clock;
use crate::config::Pipeline;
use crate::job::{ClaimLock, JobLease};
use crate::pipeline::Writer;
use crate::pipeline::report::Ways;
use crate::pipeline::report::live::{Running, marker};
use crate::platform::{Comment, CommentId, Platform, Writing};
use crate::run_record::{Progress, at_millis};

/// For one attempt to say something in between. A little more than one call may take, so that its own end comes first:
/// a request that is cut off from here might still arrive.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(40);
/// How long to wait for whoever tells the ticket that it waits: as long as their claim lock lasts, which is what lets them
/// write.
const FENCE_PATIENCE: Duration = ClaimLock::TTL;
/// Pause between two attempts to get that lock.
const FENCE_RETRY: Duration = Duration::from_millis(100);

/// The comment of one run, as this attempt knows it. Clones share it.
#[derive(Clone)]
pub(super) struct LiveComment {
    parts: Parts,
    lease: JobLease,
    writer: Writer,
    started: DateTime<Utc>,
    /// Nothing more is to be said in between.
    over: CancellationToken,
    known: Arc<Mutex<Known>>,
}

/// What is known of the comment. Whoever holds this is the only one who writes it.
struct Known {
    id: Option<CommentId>,
    /// Whether it may be there, as long as `id` does not tell.
    writing: Writing,
    /// What it says, if that is certain.
    says: Option<String>,
    /// Somebody who told the ticket that it waits may still be at it.
    in_doubt: bool,
    /// A person deleted it, or the platform takes no edits: nothing is said before the result.
    is_silent: bool,
}

/// When something is worth saying in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Also if there is no comment yet.
    Anyway,
    /// If there is one and it is known where.
    IfKnown,
}

impl LiveComment {
    /// Of a job that has just been taken.
    pub(super) fn of(parts: &Parts, lease: &JobLease, writer: Writer) -> Self {
        // An earlier attempt may have written it, or whoever tells tickets that they wait.
        let may_exist = lease.attempt > 1
            || lease.earlier_result.is_some()
            || parts.pace.may_have_comment(&lease.job.run_id, lease.age);
        let known = Known {
            id: None,
            writing: if may_exist { Writing::NewOrEdit } else { Writing::New },
            says: None,
            in_doubt: may_exist,
            is_silent: false,
        };
        Self {
            parts: parts.clone(),
            lease: lease.clone(),
            writer,
            started: at_millis(clock::unix_millis()),
            over: CancellationToken::new(),
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// What is said of this run.
    pub(super) fn run<'a>(&'a self, pipeline: &Pipeline, ways: Ways) -> Running<'a> {
        Running {
            job: &self.lease.job,
            steps: pipeline.steps.len(),
            attempt: (self.lease.attempt, pipeline.attempts),
            host: self.parts.runner.host(),
            started: self.started,
            ways,
        }
    }

    /// Tells how far the run is until that is over. Meant for a task of its own.
    pub(super) async fn keep(
        self,
        platform: Arc<dyn Platform>,
        pipeline: Arc<Pipeline>,
        ways: Ways,
        mut progress: watch::Receiver<Progress>,
    ) {
        let pace = self.parts.pace;
        self.settle_doubt(&mut *self.known.lock().await).await;
        let mut due = Instant::now() + pace.running_after;
        loop {
            tokio::select! {
                () = self.over.cancelled() => return,
                () = sleep_until(due) => {}
            }
            let mut known = self.known.lock().await;
            if self.over.is_cancelled() {
                return;
            }
            let wrote = Instant::now();
            let body = self.run(&pipeline, ways).comment(&progress.borrow_and_update());
            self.try_to_say(&mut known, platform.as_ref(), body, Worth::Anyway).await;
            drop(known);
            due = tokio::select! {
                () = self.over.cancelled() => return,
                () = sleep(pace.elapsed_pause) => Instant::now(),
                changed = progress.changed() => match changed {
                    Ok(()) => wrote + pace.step_pause,
                    Err(_) => return,
                },
            };
        }
    }

    /// Says something after the run and before a result, once.
    pub(super) async fn say(&self, platform: &dyn Platform, body: String, worth: Worth) {
        let mut known = self.end().await;
        self.try_to_say(&mut known, platform, body, worth).await;
    }

    /// The result with the place it belongs to. Nothing is said in between any more.
    pub(super) async fn last_word(&self, body: &str) -> Comment {
        let mut known = self.end().await;
        self.settle_doubt(&mut known).await;
        Comment::new(marker(&self.lease.job.run_id), body).writing(known.writing).at(known.id.clone())
    }

    /// The same for a job that ends without a result: where the ticket was told of it, if it was.
    pub(super) async fn last_edit(&self, body: &str) -> Option<Comment> {
        let comment = self.last_word(body).await;
        let may_exist = comment.known.is_some() || comment.writing != Writing::New;
        may_exist.then(|| comment.writing(Writing::EditOnly))
    }

    /// Ends it when dropped, however the job's task ends.
    pub(super) fn guard(&self) -> DropGuard {
        self.over.clone().drop_guard()
    }

    /// Nothing more begins. What is under way may go on.
    pub(super) fn stop(&self) {
        self.over.cancel();
    }

    /// Ends it: nothing is under way any more and nothing begins.
    pub(super) async fn ended(&self) {
        drop(self.end().await);
    }

    /// The same, and what is known by then.
    async fn end(&self) -> MutexGuard<'_, Known> {
        self.stop();
        self.known.lock().await
    }

    async fn try_to_say(&self, known: &mut Known, platform: &dyn Platform, body: String, worth: Worth) {
        let is_idle = known.is_silent || known.says.as_ref() == Some(&body) || platform.held_back().is_some();
        if is_idle || (known.id.is_none() && worth == Worth::IfKnown) {
            return;
        }
        if known.id.is_none() {
            self.settle_doubt(known).await;
        }
        let writing = if worth == Worth::Anyway { known.writing } else { Writing::EditOnly };
        let comment = Comment::new(marker(&self.lease.job.run_id), &body).writing(writing).at(known.id.clone());
        let comment = comment.interim();
        let said = timeout(LONGEST_ATTEMPT, self.writer.once(|| platform.comment(&self.lease, &comment))).await;
        known.says = None;
        match said {
            Ok(Some(Ok(Some(id)))) => (known.id, known.says) = (Some(id), Some(body)),
            Ok(Some(Ok(None))) => {
                debug!("the comment is not there any more, or cannot be edited: the result comes alone");
                (known.id, known.writing, known.is_silent) = (None, Writing::NewOrEdit, true);
            }
            Ok(Some(Err(error))) => {
                debug!(%error, "could not tell the ticket how far its run is");
                (known.writing, known.is_silent) = (Writing::NewOrEdit, !error.is_temporary());
            }
            // Not sent, or cut off when the process had to end, or late: it may still arrive.
            Ok(None) | Err(_) => known.writing = Writing::NewOrEdit,
        }
    }

    /// Whoever tells tickets that they wait holds the claim lock of the ticket and looks under it whether the job still
    /// waits. It was taken before this: once the lock was free, nobody is at it any more.
    async fn settle_doubt(&self, known: &mut Known) {
        let until = Instant::now() + FENCE_PATIENCE;
        let hard = self.parts.shutdown.hard();
        while known.in_doubt && Instant::now() < until && !hard.is_cancelled() {
            match self.parts.store.lock_claim(&self.lease.job.key).await {
                Ok(Some(lock)) => {
                    claim::release(self.parts.store.as_ref(), lock).await;
                    break;
                }
                Ok(None) => sleep(FENCE_RETRY).await,
                Err(error) => {
                    self.parts.availability.report(&error);
                    sleep(FENCE_RETRY).await;
                }
            }
        }
        known.in_doubt = false;
    }
}

/// What the tracker of this job hears of people.
pub(super) fn ways(parts: &Parts, lease: &JobLease) -> Ways {
    let config = parts.config.current();
    config.projects.get(&lease.job.key.project).map(|project| claim::ways(&config, project)).unwrap_or_default()
}

/// A reason that may hold what a step printed, without what must not be published.
pub(super) fn masked(parts: &Parts, why: &str) -> String {
    show::mask(&parts.config.current()).apply(why)
}
