//! From label to result: the real app in this process, on both stores, against a simulated GitHub over HTTP.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod attempts;
mod commands;
mod configuration;
mod leaders;
mod limits;
mod live;
mod reconcilers;
mod results;
mod runs;
mod shared;
mod stops;
mod trouble;
mod wishes;
mod withdrawals;

use std::sync::Arc;

use agent_smith::job::{AskedBy, Job};
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::store::redis::RedisStore;
use agent_smith::ticket::{PlatformKind, TicketKey};
use support::redis::RedisServer;
use support::world::eventually;

/// Where the jobs are.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    Embedded,
    Redis,
}

/// A store and what keeps it alive.
pub(crate) struct Stored {
    pub(crate) store: Arc<dyn Store>,
    _redis: Option<RedisServer>,
}

impl Backend {
    pub(crate) fn open(self) -> Stored {
        match self {
            Self::Embedded => Stored { store: Arc::new(EmbeddedStore::new()), _redis: None },
            Self::Redis => {
                let redis = RedisServer::start();
                Stored { store: Arc::new(RedisStore::connect(&redis.url()).unwrap()), _redis: Some(redis) }
            }
        }
    }
}

impl Stored {
    /// Every ticket is through: nothing waits, runs, or is locked.
    pub(crate) async fn is_left_clean(&self, project: &str, tickets: &[u64]) {
        eventually("the queue is empty", async || {
            let counts = self.store.counts().await.unwrap();
            (counts.claiming + counts.queued + counts.running + counts.set_aside == 0).then_some(())
        })
        .await;
        for ticket in tickets {
            let key = TicketKey::new(PlatformKind::GitHub, project, ticket.to_string());
            let lock = eventually("the claim lock is free", async || self.store.lock_claim(&key).await.unwrap()).await;
            self.store.unlock_claim(lock).await.unwrap();
        }
    }

    /// Queues a job as the claim service does, without a look at the ticket.
    pub(crate) async fn queue(&self, key: TicketKey) {
        self.queue_job(&Job::new(key, "fix-bug", AskedBy::TriggerLabel)).await;
    }

    /// The same with this very job.
    pub(crate) async fn queue_job(&self, job: &Job) {
        let lock = self.store.lock_claim(&job.key).await.unwrap().unwrap();
        self.store.record_claim(&lock, job).await.unwrap();
        assert!(self.store.publish_claim(job).await.unwrap());
        self.store.unlock_claim(lock).await.unwrap();
    }

    /// Leaves a recorded claim behind, as a process does that dies before it makes the job visible.
    pub(crate) async fn leave_half_made_claim(&self, key: TicketKey) {
        let lock = self.store.lock_claim(&key).await.unwrap().unwrap();
        self.store.record_claim(&lock, &Job::new(key, "fix-bug", AskedBy::TriggerLabel)).await.unwrap();
        self.store.unlock_claim(lock).await.unwrap();
    }
}

/// Runs a test once on each store.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn embedded() {
                    super::$name($crate::Backend::Embedded).await;
                }
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn redis() {
                    super::$name($crate::Backend::Redis).await;
                }
            }
        )+
    };
}
pub(crate) use on_both_stores;
