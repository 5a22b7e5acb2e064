//! The store's own repairs: lapsed leases go back to the queue, half-made claims are completed or dropped.
//!
//! Looks at the store every few seconds and at a ticket only when a claim was left half-made.

use std::time::Duration;

use tokio::time::timeout_at;
use tracing::{debug, warn};

use super::{Parts, STORE_RETRY};
use crate::claim;
use crate::job::{Job, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::platform;
use crate::runner::Tick;
use crate::store;

/// Pause between two looks: a lapsed lease is seen within its TTL and this.
const PAUSE: Duration = Duration::from_secs(3);
/// A claim that has not become visible by now was left by somebody who died or who got no answer; the lock tells
/// which of them may still be at it.
const HALF_MADE_AFTER: Duration = Duration::from_secs(10);
/// Repairs of one kind in one turn; the next turn is seconds away.
const BATCH: usize = 100;

/// The reconciler.
pub struct Recovery {
    parts: Parts,
}

impl Recovery {
    /// Uses these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    async fn recover_lapsed(&self) -> store::Result<()> {
        for recovered in self.parts.store.recover_lapsed(BATCH).await? {
            let key = &recovered.key;
            warn!(
                ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project,
                job.attempt = recovered.attempt, consumer = recovered.consumer,
                "the consumer of this job stopped its heartbeat; the job is queued again"
            );
        }
        Ok(())
    }

    async fn settle_claims(&self) -> store::Result<()> {
        for claim in self.parts.store.half_made_claims(HALF_MADE_AFTER, BATCH).await? {
            self.settle(&claim.job).await?;
        }
        Ok(())
    }

    /// Completes the claim when the label was written, drops it when it was not, leaves it when nobody can tell yet.
    async fn settle(&self, job: &Job) -> store::Result<()> {
        let store = self.parts.store.as_ref();
        let Some(lock) = store.lock_claim(&job.key).await? else { return Ok(()) };
        let written = timeout_at(lock.valid_until(), self.label_written(job)).await;
        let settled = match written {
            Ok(Ok(true)) => store.publish_claim(job).await.map(|_| "completed"),
            Ok(Ok(false)) => store.drop_claim(job).await.map(|_| "dropped"),
            Ok(Err(error)) => {
                debug!(ticket.id = job.key.ticket, project = job.key.project, %error, "half-made claim left for later");
                Ok("left")
            }
            Err(_late) => Ok("left"),
        };
        claim::release(store, lock).await;
        let settled = settled?;
        if settled != "left" {
            let key = &job.key;
            warn!(
                ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project, job.id = job.run_id,
                "half-made claim {settled}"
            );
        }
        Ok(())
    }

    async fn label_written(&self, job: &Job) -> platform::Result<bool> {
        let config = self.parts.config.current();
        let Some(project) = config.projects.get(&job.key.project) else { return Ok(false) };
        match self.parts.trackers.of(project)?.read(&job.key.ticket).await {
            Ok(ticket) => Ok(Lifecycle::of(&ticket.labels) == Some(Lifecycle::Enqueued)),
            Err(platform::Error::NotFound { .. } | platform::Error::Moved { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Tick for Recovery {
    async fn tick(&mut self) -> Duration {
        let turn = async {
            self.recover_lapsed().await?;
            self.settle_claims().await
        };
        match turn.await {
            Ok(()) => PAUSE,
            Err(error) => {
                self.parts.availability.report(&error);
                STORE_RETRY
            }
        }
    }
}
