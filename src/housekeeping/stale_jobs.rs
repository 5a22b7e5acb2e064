//! Stale jobs: a ticket that shows InProgress and that nobody works on goes back to Pending.
//!
//! What must stay true: after a store that came back empty, silence counts only when every living run has had the
//! time to announce itself again.

use std::time::Duration;

use tracing::{debug, warn};

use super::{Orphan, Parts, STORE_RETRY, Walks};
use crate::claim::{self, Claim};
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
    /// Shows Pending and offers the ticket to the claim service at once: a project that is not polled would wait for
    /// ever, and a polled one needs not wait for its next poll. A closed ticket only loses its label.
    async fn put_back(&self, orphan: Orphan) -> Result<bool, claim::Error> {
        let Orphan { project, platform, lock, ticket } = orphan;
        let to = ticket.open.then_some(Lifecycle::Pending);
        let written = platform.transition(&lock, to).await;
        claim::release(self.parts.store.as_ref(), lock).await;
        written?;
        warn!(
            ticket.platform = %platform.kind(), ticket.id = ticket.id, project = project.name,
            "stale job: the ticket was in progress and nobody worked on it; put back"
        );
        if to.is_some() {
            let config = self.parts.config.current();
            let (platform, ticket) = (platform.as_ref(), ticket.id.as_str());
            let request = claim::Request { config: &config, project: &project, platform, ticket, asked_by: None };
            if !matches!(self.parts.claims.claim(&request).await?, Claim::Claimed(_)) {
                debug!(ticket.id = ticket, project = project.name, "left for the next poll");
            }
        }
        Ok(true)
    }
}
