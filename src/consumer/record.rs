//! Writing down what becomes of a run, for operators.
//!
//! Who calls: `run_job`, for each job that was taken. What must stay true: a record is never waited for while anything
//! else could go on, and one that cannot be written changes nothing about the run; a stale epoch writes nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tracing::debug;

use super::end::End;
use super::{Parts, show};
use crate::clock;
use crate::job::{JobLease, Verdict};
use crate::run_record::{AttemptRecord, Progress, RunNote, RunState, at_millis};
use crate::store::ReleaseReason;
use crate::ticket::Ticket;

/// Pause between two writes while the run goes on: an operator sees a step within a second, and a pipeline of a thousand
/// quick steps costs the store no more than a heartbeat would.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of one attempt. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    noted: Arc<Mutex<Noted>>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug)]
struct Noted {
    taken: DateTime<Utc>,
    title: String,
    url: String,
    began: bool,
    verdict: Option<Verdict>,
    reason: String,
}

impl Record {
    /// Of a job that has just been taken.
    pub(super) fn begin() -> Self {
        let noted = Noted {
            taken: now(),
            title: String::new(),
            url: String::new(),
            began: false,
            verdict: None,
            reason: String::new(),
        };
        Self { noted: Arc::new(Mutex::new(noted)), progress: watch::Sender::default() }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The steps begin. What the pipeline tells of them.
    pub(super) fn steps_begin(&self, ticket: &Ticket) -> watch::Sender<Progress> {
        self.noted().began = true;
        self.read(ticket);
        self.progress.clone()
    }

    /// What the pipeline tells of its steps, for whoever else wants to know.
    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The ticket was read.
    pub(super) fn read(&self, ticket: &Ticket) {
        let mut noted = self.noted();
        (noted.title, noted.url) = (ticket.title.clone(), ticket.url.clone());
    }

    /// It has this result.
    pub(super) fn result(&self, verdict: Verdict) {
        self.noted().verdict = Some(verdict);
    }

    /// Why it ends as it does; the first reason stands.
    pub(super) fn because(&self, reason: impl Into<String>) {
        let mut noted = self.noted();
        if noted.reason.is_empty() {
            noted.reason = reason.into();
        }
    }

    /// Writes the beginning, and each step, until dropped.
    pub(super) async fn keep(self, parts: Parts, lease: JobLease) {
        let mut progress = self.progress.subscribe();
        loop {
            progress.borrow_and_update();
            self.write(&parts, &lease, RunState::Running).await;
            tokio::time::sleep(PAUSE).await;
            if progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// Writes the end, before the job leaves this consumer.
    pub(super) async fn end(&self, parts: &Parts, lease: &JobLease, end: &End) {
        let (began, verdict) = {
            let noted = self.noted();
            (noted.began, noted.verdict)
        };
        let state = match end {
            End::Finish => verdict.map_or(RunState::Dropped, RunState::from),
            End::HandBack(ReleaseReason::HandedBack, _) if began => RunState::HandedBack,
            End::HandBack(ReleaseReason::Broken, _) => RunState::BrokenOff,
            // Nothing was tried, or it is somebody else's.
            End::HandBack(ReleaseReason::HandedBack, _) | End::Abandon => return,
        };
        self.write(parts, lease, state).await;
    }

    async fn write(&self, parts: &Parts, lease: &JobLease, state: RunState) {
        let note = self.note(parts, lease, state);
        match parts.store.record_run(lease, &note).await {
            Ok(true) => {}
            Ok(false) => debug!("the record of the run is somebody else's by now"),
            Err(error) => debug!(%error, "could not write the record of the run"),
        }
    }

    fn note(&self, parts: &Parts, lease: &JobLease, state: RunState) -> RunNote {
        let mask = show::mask(&parts.config.current());
        let progress = self.progress.borrow().clone();
        let noted = self.noted();
        let log = noted.began.then(|| parts.runner.log_path(&lease.job.run_id, lease.attempt));
        RunNote {
            title: noted.title.clone(),
            url: noted.url.clone(),
            change_request: progress.change_request,
            attempt: AttemptRecord {
                attempt: lease.attempt,
                epoch: lease.epoch,
                host: parts.runner.host().to_owned(),
                state,
                reason: mask.apply(&noted.reason),
                started_utc: noted.taken,
                ended_utc: (!state.is_live()).then(now),
                steps: progress.steps,
                steps_left_out: 0,
                log: log.map(|path| path.display().to_string()),
                workspace: progress.workspace,
            },
        }
    }
}

fn now() -> DateTime<Utc> {
    at_millis(clock::unix_millis())
}
