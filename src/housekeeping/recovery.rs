//! The store's own repair: lapsed leases go back to the queue.
//!
//! Looks at the store every few seconds and at no platform, so that nothing but the store can hold it up.

use std::time::Duration;

use tracing::warn;

use super::{Parts, STORE_RETRY};
use crate::runner::Tick;
use crate::store;

/// Pause between two looks: a lapsed lease is seen within its TTL and this.
const PAUSE: Duration = Duration::from_secs(3);
/// Repairs in one turn; the next turn is seconds away.
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
}

impl Tick for Recovery {
    async fn tick(&mut self) -> Duration {
        match self.recover_lapsed().await {
            Ok(()) => PAUSE,
            Err(error) => {
                self.parts.availability.report(&error);
                STORE_RETRY
            }
        }
    }
}
