//! Cancelled tickets: a label that was taken away since the cancel counts again when it comes back.
//!
//! Webhooks tell of a label that goes; without them this finds out. What must stay true: a ticket is read under its claim
//! lock while it has no job, so that a cancel that comes meanwhile is not forgotten; an answer that failed is no
//! evidence.

use std::collections::HashMap;
use std::time::Duration;

use rand::seq::SliceRandom;
use tokio::time::timeout_at;
use tracing::debug;

use super::{Parts, STORE_RETRY};
use crate::claim::{self, taken_back};
use crate::config::Project;
use crate::job::{AskedBy, WriteRight};
use crate::platform::{self, Platform};
use crate::runner::Tick;
use crate::store;
use crate::ticket::TicketKey;

/// Tickets read for one project in one pass, drawn anew each time. With the usual ten minutes between two passes this is
/// a fifteenth of what GitHub grants an hour, and far more cancelled tickets than a project has.
const READS: usize = 50;

/// The reconciler.
pub struct Cancelled {
    parts: Parts,
}

impl Cancelled {
    /// Uses these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    async fn forget_settled(&self) -> store::Result<()> {
        let config = self.parts.config.current();
        let mut by_project: HashMap<String, Vec<TicketKey>> = HashMap::new();
        for key in self.parts.store.withdrawn_tickets().await? {
            by_project.entry(key.project.clone()).or_default().push(key);
        }
        for (name, mut keys) in by_project {
            let Some(project) = config.projects.get(&name) else { continue };
            let Ok(platform) = self.parts.trackers.of(project) else { continue };
            keys.shuffle(&mut rand::rng());
            for key in keys.iter().take(READS) {
                if self.parts.stop.is_cancelled() || !self.settle(project, platform.as_ref(), key).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// False when the platform does not answer, and so neither for the next one of the project.
    async fn settle(&self, project: &Project, platform: &dyn Platform, key: &TicketKey) -> store::Result<bool> {
        let Some(lock) = self.parts.store.lock_claim(key).await? else { return Ok(true) };
        let looking = async {
            if claim::live_job(self.parts.store.as_ref(), &self.parts.config.current(), project, &key.ticket)
                .await?
                .is_some()
            {
                return Ok(true);
            }
            let settled = match platform.read(&key.ticket).await {
                Ok(ticket) => taken_back(project, AskedBy::TriggerLabel, &ticket).is_some(),
                Err(platform::Error::NotFound { .. } | platform::Error::Moved { .. }) => true,
                Err(error) => {
                    debug!(project = project.name, ticket.id = key.ticket, %error, "could not look at a cancelled ticket");
                    return Ok(false);
                }
            };
            if settled {
                self.parts.store.forget_withdrawal(key).await?;
            }
            Ok(true)
        };
        let looked = tokio::select! {
            looked = timeout_at(lock.valid_until(), looking) => looked.unwrap_or(Ok(false)),
            () = self.parts.stop.cancelled() => Ok(false),
        };
        claim::release(self.parts.store.as_ref(), lock).await;
        looked
    }
}

impl Tick for Cancelled {
    async fn tick(&mut self) -> Duration {
        match self.forget_settled().await {
            Ok(()) => self.parts.config.current().agent.lifecycle.reconcile_interval,
            Err(error) => {
                self.parts.availability.report(&error);
                STORE_RETRY
            }
        }
    }
}
