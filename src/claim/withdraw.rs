//! Taking a ticket's request back: drop the job that waits, stop the run that is under way.
//!
//! Who calls: whoever hears that somebody closed the ticket, removed its trigger label, or said so: webhooks, commands.
//! The consumer looks at the ticket with each heartbeat besides, by the same rule ([`taken_back`]). What must stay true:
//! a delivery is no evidence, so the ticket itself says whether it asks no more; the store decides in one step whether
//! a job is dropped or asked to stop; a crash after that step leaves a remembered withdrawal, by which the reconcilers
//! take the label away instead of queueing the ticket again.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use super::{ClaimService, Error, Request, carries_trigger, keys_on_tracker, release, ways};
use crate::config::Project;
use crate::job::{AskedBy, Cause, ClaimLock, Job, Withdrawal, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::pipeline::report::Ways;
use crate::pipeline::report::live::{cancelled_unrun, marker};
use crate::platform::{self, Comment, Platform, Writing};
use crate::store::{self, Withdrawn};
use crate::ticket::{Ticket, TicketKey};

/// How long to wait for the claim lock of a ticket whose job was dropped. A claim that is under way takes its own label
/// away, and what is left over is the reconciler's.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two attempts to get it.
const LOCK_RETRY: Duration = Duration::from_millis(100);

/// Who takes a request back, and on what ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recall<'a> {
    /// Somebody says so, whatever the ticket shows.
    Cancelled {
        /// The name the platform shows for them.
        by: Option<&'a str>,
    },
    /// Something happened to the ticket that may take the request back; the ticket itself is asked.
    TicketChanged {
        /// The name the platform shows for whoever did it.
        by: Option<&'a str>,
    },
}

/// Why a ticket asks no more for a run that was asked for like this, if so.
pub fn taken_back(project: &Project, asked_by: AskedBy, ticket: &Ticket) -> Option<Cause> {
    if !ticket.open {
        return Some(Cause::TicketClosed);
    }
    let unlabelled = asked_by == AskedBy::TriggerLabel && !carries_trigger(project, &ticket.labels);
    unlabelled.then_some(Cause::TriggerRemoved)
}

impl ClaimService {
    /// Takes the request back, in whichever project of the tracker the ticket has its job.
    ///
    /// # Errors
    /// When the store or the platform could not be asked. A job that was dropped stays dropped.
    pub async fn withdraw(&self, request: &Request<'_>, recall: Recall<'_>) -> Result<Withdrawn, Error> {
        let mut outcome = Withdrawn::Nothing;
        for key in self.live_keys(request).await? {
            let project = request.config.projects.get(&key.project).map_or(request.project, AsRef::as_ref);
            let withdrawn = match why(request, project, recall).await? {
                Some(withdrawal) => {
                    let ways = ways(request.config, project);
                    self.withdraw_job(request.platform, &key, &withdrawal, ways).await?
                }
                None => Withdrawn::Kept,
            };
            outcome = the_more_telling(outcome, withdrawn);
        }
        if outcome == Withdrawn::Nothing && matches!(recall, Recall::TicketChanged { .. }) {
            self.let_labels_ask_again(request).await?;
        }
        Ok(outcome)
    }

    /// The keys under which the ticket has a live job: the projects of its tracker, else a name that the file does not
    /// know any more. Such a name says nothing of its tracker, and another one may have a ticket of the same number: so
    /// the ticket itself must show that it was claimed.
    async fn live_keys(&self, request: &Request<'_>) -> Result<Vec<TicketKey>, Error> {
        let keys = keys_on_tracker(request.config, request.project, request.ticket);
        let states = self.store.job_states(&keys).await?;
        let live: Vec<TicketKey> = keys.into_iter().zip(states).filter_map(|(key, state)| state.map(|_| key)).collect();
        if !live.is_empty() {
            return Ok(live);
        }
        let jobs = self.store.live_jobs(request.project.tracker.platform(), request.ticket).await?;
        let unknown =
            jobs.into_iter().map(|(key, _)| key).filter(|key| !request.config.projects.contains_key(&key.project));
        let unknown: Vec<TicketKey> = unknown.collect();
        if unknown.is_empty() {
            return Ok(unknown);
        }
        match request.platform.read(request.ticket).await {
            Ok(ticket) => {
                let shown = Lifecycle::of(&ticket.labels);
                let is_claimed = matches!(shown, Some(Lifecycle::Enqueued | Lifecycle::InProgress));
                Ok(if is_claimed { unknown } else { Vec::new() })
            }
            Err(platform::Error::NotFound { .. } | platform::Error::Moved { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// A label that is taken away and comes back is a new request, also after the old one was cancelled.
    async fn let_labels_ask_again(&self, request: &Request<'_>) -> Result<(), Error> {
        let keys = keys_on_tracker(request.config, request.project, request.ticket);
        let remembered = self.store.withdrawals(&keys).await?;
        for (key, withdrawal) in keys.into_iter().zip(remembered) {
            let (Some(withdrawal), Some(project)) = (withdrawal, request.config.projects.get(&key.project)) else {
                continue;
            };
            // The label of the old one goes first: without what is remembered it would be queued again.
            self.show_dropped(request.platform, &key, None).await?;
            if withdrawal.outlives_the_job()
                && why(request, project, Recall::TicketChanged { by: None }).await?.is_some()
            {
                self.store.forget_withdrawal(&key).await?;
            }
        }
        Ok(())
    }

    async fn withdraw_job(
        &self,
        platform: &dyn Platform,
        key: &TicketKey,
        withdrawal: &Withdrawal,
        ways: Ways,
    ) -> Result<Withdrawn, Error> {
        let age = self.store.look(key).await?.map_or(Duration::ZERO, |view| view.since);
        let withdrawn = self.store.withdraw(key, withdrawal).await?;
        let what = match &withdrawn {
            Withdrawn::Dropped(_) => "job dropped",
            Withdrawn::Stopping => "run asked to stop",
            Withdrawn::Nothing | Withdrawn::Kept | Withdrawn::Over(_) => return Ok(withdrawn),
        };
        info!(
            ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project,
            "{what}, because {withdrawal}"
        );
        if let Withdrawn::Dropped(job) = &withdrawn
            && let Err(error) =
                self.show_dropped(platform, key, self.last_word((job, age), withdrawal, ways).as_ref()).await
        {
            warn!(
                ticket.id = key.ticket, project = key.project, %error,
                "the label of a dropped job is still on its ticket; the reconciler takes it away"
            );
        }
        Ok(withdrawn)
    }

    /// What a ticket is told that was told before that it waits.
    fn last_word(&self, (job, age): (&Job, Duration), withdrawal: &Withdrawal, ways: Ways) -> Option<Comment> {
        self.pace.may_have_comment(&job.run_id, age).then(|| {
            Comment::new(marker(&job.run_id), cancelled_unrun(job, withdrawal, ways)).writing(Writing::EditOnly)
        })
    }

    /// Takes the lifecycle label of a dropped job away, and says so where the ticket was told that it waits, unless
    /// somebody claimed the ticket anew meanwhile.
    async fn show_dropped(
        &self,
        platform: &dyn Platform,
        key: &TicketKey,
        last_word: Option<&Comment>,
    ) -> Result<(), Error> {
        let until = Instant::now() + LOCK_PATIENCE;
        let lock = loop {
            match self.store.lock_claim(key).await? {
                Some(lock) => break lock,
                None if Instant::now() < until => tokio::time::sleep(LOCK_RETRY).await,
                None => return Ok(()),
            }
        };
        let settled = timeout_at(lock.valid_until(), async {
            match self.store.job_states(std::slice::from_ref(key)).await?.as_slice() {
                [None] => {}
                _ => return Ok(()),
            }
            self.settle_withdrawn(&lock, std::slice::from_ref(key), platform).await?;
            if let Some(comment) = last_word
                && let Err(error) = platform.comment(&lock, comment).await
            {
                debug!(ticket.id = key.ticket, project = key.project, %error, "its comment still says that it waits");
            }
            Ok(())
        });
        let settled = settled.await;
        release(self.store.as_ref(), lock).await;
        settled.map_err(|_late| Error::TooSlow)?
    }

    /// Finishes a withdrawal whose job is gone: takes the label away that the job had. False: none is remembered. `keys`:
    /// under which the ticket may have had its job. The caller holds the lock and has seen that it has none now.
    ///
    /// # Errors
    /// When the store or the platform could not be asked; the withdrawal stays remembered.
    pub async fn settle_withdrawn(
        &self,
        lock: &ClaimLock,
        keys: &[TicketKey],
        platform: &dyn Platform,
    ) -> Result<bool, Error> {
        let remembered = self.store.withdrawals(keys).await?;
        if remembered.iter().all(Option::is_none) {
            return Ok(false);
        }
        match platform.read(&lock.ticket().ticket).await {
            Ok(ticket) => {
                // A person may have asked again by now, or the ticket shows a result of before.
                if let Some(Lifecycle::Enqueued | Lifecycle::InProgress) = Lifecycle::of(&ticket.labels) {
                    platform.transition(lock, None).await?;
                }
            }
            Err(platform::Error::NotFound { .. } | platform::Error::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        for (key, withdrawal) in keys.iter().zip(remembered) {
            if withdrawal.is_some_and(|withdrawal| !withdrawal.outlives_the_job()) {
                self.store.forget_withdrawal(key).await?;
            }
        }
        Ok(true)
    }

    /// The withdrawal that is remembered for a ticket.
    pub(super) async fn remembered(&self, key: &TicketKey) -> store::Result<Option<Withdrawal>> {
        Ok(self.store.withdrawals(std::slice::from_ref(key)).await?.pop().flatten())
    }
}

/// What takes the request of this project back, if anything does.
async fn why(request: &Request<'_>, project: &Project, recall: Recall<'_>) -> Result<Option<Withdrawal>, Error> {
    let by = match recall {
        Recall::Cancelled { by } => return Ok(Some(Withdrawal::new(Cause::Cancelled, by))),
        Recall::TicketChanged { by } => by,
    };
    let cause = match request.platform.read(request.ticket).await {
        // Whether the label is what asked for the run is for the store to say, in the same step.
        Ok(mut ticket) => {
            // It may have been read for another project of the tracker; which states count as open is each one's own.
            ticket.open = project.tracker.tells_open(&ticket.state).unwrap_or(ticket.open);
            taken_back(project, AskedBy::TriggerLabel, &ticket)
        }
        Err(platform::Error::NotFound { .. } | platform::Error::Moved { .. }) => Some(Cause::TicketGone),
        Err(error) => return Err(error.into()),
    };
    Ok(cause.map(|cause| Withdrawal::new(cause, by)))
}

/// Of two answers about jobs of one ticket, the one that a person wants to hear.
fn the_more_telling(a: Withdrawn, b: Withdrawn) -> Withdrawn {
    let rank = |withdrawn: &Withdrawn| match withdrawn {
        Withdrawn::Nothing => 0,
        Withdrawn::Kept => 1,
        Withdrawn::Over(_) => 2,
        Withdrawn::Dropped(_) => 3,
        Withdrawn::Stopping => 4,
    };
    if rank(&b) > rank(&a) { b } else { a }
}
