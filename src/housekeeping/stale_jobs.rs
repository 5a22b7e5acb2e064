//! Stale jobs: a ticket that shows InProgress and that nobody works on goes back to Pending.
//!
//! What must stay true: after a store that came back empty, silence counts only when every living run has had the
//! time to announce itself again; a label that somebody set who may not start runs becomes no Pending.

use std::time::Duration;

use tracing::{debug, warn};

use super::{Orphan, Parts, STORE_RETRY, Walks, warn_set_by_hand};
use crate::claim::{self, Admitted};
use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::runner::Tick;

/// The reconciler.
pub struct StaleJobs {
    parts: Parts,
    walks: Walks,
}

impl StaleJobs {
    /// Uses these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, walks: Walks::default() }
    }
}

impl Tick for StaleJobs {
    async fn tick(&mut self) -> Duration {
        let pause = self.parts.config.current().agent.lifecycle.stale_scan;
        match self.parts.silence_counts_in().await {
            Ok(wait) if wait.is_zero() => {}
            Ok(wait) => {
                debug!(wait_s = wait.as_secs(), "the store is young: waiting before silence counts as death");
                return wait.min(pause);
            }
            Err(error) => {
                self.parts.availability.report(&error);
                return STORE_RETRY;
            }
        }
        match self.parts.reconcile(Lifecycle::InProgress, &self.walks, |orphan| self.put_back(orphan)).await {
            Ok(_) => pause,
            Err(error) => {
                self.parts.availability.report(&error);
                STORE_RETRY
            }
        }
    }
}

impl StaleJobs {
    /// Shows Pending and offers the ticket to the claim service. A closed ticket only loses its label, and so does one that
    /// got it from somebody who may not start runs: a Pending of ours would ask in our name.
    async fn put_back(&self, orphan: Orphan) -> Result<bool, claim::Error> {
        let config = self.parts.config.current();
        let written = self.relabelled(&config, &orphan).await;
        let Orphan { project, platform, lock, ticket } = orphan;
        claim::release(self.parts.store.as_ref(), lock).await;
        match written? {
            Admitted::Yes => warn!(
                ticket.platform = %platform.kind(), ticket.id = ticket.id, project = project.name,
                "stale job: the ticket was in progress and nobody worked on it; put back"
            ),
            Admitted::No(reason) => warn_set_by_hand(&project, &ticket, &reason),
        }
        if ticket.open {
            self.parts.offer(&config, &project, platform.as_ref(), &ticket).await?;
        }
        Ok(true)
    }

    async fn relabelled(&self, config: &Config, orphan: &Orphan) -> Result<Admitted, claim::Error> {
        let Orphan { platform, lock, ticket, .. } = orphan;
        let counts = match ticket.open {
            true => self.parts.claims.counts_as_lost(lock, &orphan.request(config), ticket).await?,
            false => Admitted::Yes,
        };
        let asks = ticket.open && counts == Admitted::Yes;
        platform.transition(lock, asks.then_some(Lifecycle::Pending)).await?;
        Ok(counts)
    }
}
