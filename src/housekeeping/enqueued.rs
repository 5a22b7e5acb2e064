//! Enqueued without a job: the ticket's job was lost with the store's data, so it is queued again.
//!
//! The only other place beside the claim service that pushes a job. What must stay true: the pipeline is resolved anew
//! from the labels; a ticket is queued only for the project that it routes to; a label that somebody set who may not
//! start runs is taken away, because it hides that the ticket has no job.

use std::time::Duration;

use tracing::{debug, warn};

use super::{Orphan, Parts, STORE_RETRY, Walks, warn_set_by_hand};
use crate::claim::{self, Claim, Rejection};
use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::runner::Tick;

/// The reconciler.
pub struct Enqueued {
    parts: Parts,
    walks: Walks,
}

impl Enqueued {
    /// Uses these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, walks: Walks::default() }
    }

    async fn queue_again(&self, orphan: Orphan) -> Result<bool, claim::Error> {
        let config = self.parts.config.current();
        let result = self.settled(&config, &orphan).await;
        let Orphan { project, platform, lock, ticket } = orphan;
        claim::release(self.parts.store.as_ref(), lock).await;
        match result? {
            Some(Claim::Claimed(job)) => {
                warn!(
                    ticket.platform = %platform.kind(), ticket.id = ticket.id, project = project.name,
                    pipeline = job.pipeline, job.id = job.run_id, "the ticket was enqueued without a job; queued again"
                );
                Ok(true)
            }
            Some(Claim::Rejected(Rejection::Actor(reason))) => {
                warn_set_by_hand(&project, &ticket, &reason);
                self.parts.offer(&config, &project, platform.as_ref(), &ticket).await?;
                Ok(true)
            }
            Some(other) => {
                debug!(ticket.id = ticket.id, project = project.name, "not queued again: {other:?}");
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// Queues it again, or takes the label away from a ticket that is closed, or that got it from somebody who may not
    /// start runs. `None`: it is closed.
    async fn settled(&self, config: &Config, orphan: &Orphan) -> Result<Option<Claim>, claim::Error> {
        let claim = match orphan.ticket.open {
            true => Some(self.parts.claims.requeue(&orphan.lock, &orphan.request(config), &orphan.ticket).await?),
            false => None,
        };
        if matches!(claim, None | Some(Claim::Rejected(Rejection::Actor(_)))) {
            orphan.platform.transition(&orphan.lock, None).await?;
        }
        Ok(claim)
    }
}

impl Tick for Enqueued {
    async fn tick(&mut self) -> Duration {
        let pause = self.parts.config.current().agent.lifecycle.reconcile_interval;
        let young = match self.parts.silence_counts_in().await {
            Ok(wait) => wait,
            Err(error) => {
                self.parts.availability.report(&error);
                return STORE_RETRY;
            }
        };
        // A consumer that took a job and has not shown InProgress yet must get the time to announce itself.
        if !young.is_zero() {
            return young.min(pause);
        }
        match self.parts.reconcile(Lifecycle::Enqueued, &self.walks, |orphan| self.queue_again(orphan)).await {
            Ok(_) => pause,
            Err(error) => {
                self.parts.availability.report(&error);
                STORE_RETRY
            }
        }
    }
}
