//! Half-made claims: recorded and neither made visible nor dropped. They are completed when the label was written,
//! dropped when it was not.
//!
//! Looks at the store every few seconds and at a ticket only when a claim was left. What must stay true: claims of a
//! project whose platform does not answer wait and hold up nobody else's.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use indexmap::IndexMap;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::{PROJECTS_AT_ONCE, Parts, STORE_RETRY};
use crate::claim;
use crate::job::Job;
use crate::lifecycle::Lifecycle;
use crate::platform;
use crate::runner::Tick;
use crate::store;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(3);
/// A claim that has not become visible by now was left by somebody who died or who got no answer; the lock tells
/// which of them may still be at it.
const HALF_MADE_AFTER: Duration = Duration::from_secs(10);
/// Claims in one turn: enough that those of projects that wait for their platform do not hide the others.
const BATCH: usize = 1_000;
/// For a look at one ticket, well within the lock. A platform that takes longer is asked again in the next turn.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// The reconciler.
pub struct HalfMade {
    parts: Parts,
}

/// What became of one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// It is over, by us or by somebody else.
    Yes,
    /// Nobody can tell yet, and neither for the next one of the project.
    NotYet,
}

impl HalfMade {
    /// Uses these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    async fn settle_all(&self) -> store::Result<()> {
        let mut by_project: IndexMap<String, Vec<Job>> = IndexMap::new();
        for claim in self.parts.store.half_made_claims(HALF_MADE_AFTER, BATCH).await? {
            by_project.entry(claim.job.key.project.clone()).or_default().push(claim.job);
        }
        let passes: Vec<store::Result<()>> = stream::iter(by_project.into_values())
            .map(|jobs| async move { self.settle_project(&jobs).await })
            .buffer_unordered(PROJECTS_AT_ONCE)
            .collect()
            .await;
        passes.into_iter().collect()
    }

    async fn settle_project(&self, jobs: &[Job]) -> store::Result<()> {
        for job in jobs {
            if self.parts.stop.is_cancelled() || self.settle(job).await? == Settled::NotYet {
                break;
            }
        }
        Ok(())
    }

    async fn settle(&self, job: &Job) -> store::Result<Settled> {
        let store = self.parts.store.as_ref();
        let Some(lock) = store.lock_claim(&job.key).await? else { return Ok(Settled::Yes) };
        let written = tokio::select! {
            written = timeout(LOOK_LIMIT, self.label_written(job)) => written,
            () = self.parts.stop.cancelled() => Ok(Err(platform::Error::Transport("the term is over".to_owned()))),
        };
        let (ended, how) = match written {
            Ok(Ok(true)) => (store.publish_claim(job).await, "completed"),
            Ok(Ok(false)) => (store.drop_claim(job).await, "dropped"),
            Ok(Err(error)) => {
                debug!(ticket.id = job.key.ticket, project = job.key.project, %error, "half-made claim left for later");
                claim::release(store, lock).await;
                return Ok(Settled::NotYet);
            }
            Err(_late) => {
                claim::release(store, lock).await;
                return Ok(Settled::NotYet);
            }
        };
        claim::release(store, lock).await;
        if ended? {
            let key = &job.key;
            warn!(
                ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project, job.id = job.run_id,
                "half-made claim {how}"
            );
        }
        Ok(Settled::Yes)
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

impl Tick for HalfMade {
    async fn tick(&mut self) -> Duration {
        match self.settle_all().await {
            Ok(()) => PAUSE,
            Err(error) => {
                self.parts.availability.report(&error);
                STORE_RETRY
            }
        }
    }
}
