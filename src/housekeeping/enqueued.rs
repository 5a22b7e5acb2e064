//! Enqueued without a job: the ticket's job was lost with the store's data, so it is queued again.
//!
//! The only other place beside the claim service that pushes a job. What must stay true: the pipeline is resolved anew
//! from the labels; a ticket is queued only for the project that it routes to.

use std::time::Duration;

use tracing::{debug, warn};

use super::{Orphan, Parts, STORE_RETRY, Walks};
use crate::claim::{self, Claim};
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
        let Orphan { project, platform, lock, ticket } = orphan;
        let result = if ticket.open {
            let config = self.parts.config.current();
            self.parts.claims.requeue(&lock, &config, &project, &ticket).await.map(Some)
        } else {
            platform.transition(&lock, None).await.map(|_| None).map_err(claim::Error::from)
        };
        claim::release(self.parts.store.as_ref(), lock).await;
        let repaired = match result? {
            Some(Claim::Claimed(job)) => {
                warn!(
                    ticket.platform = %platform.kind(), ticket.id = ticket.id, project = project.name,
                    pipeline = job.pipeline, job.id = job.run_id, "the ticket was enqueued without a job; queued again"
                );
                true
            }
            Some(other) => {
                debug!(ticket.id = ticket.id, project = project.name, "not queued again: {other:?}");
                false
            }
            None => true,
        };
        Ok(repaired)
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
