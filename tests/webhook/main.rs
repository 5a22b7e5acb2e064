//! Webhooks: real deliveries over real HTTP into the real app, on both stores, against a simulated GitHub.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod bodies;
mod deliveries;
mod github;
mod hook;
mod limits;
mod people;
mod races;
mod redelivery;
mod routing;
mod signatures;
mod stores;

use std::sync::Arc;

use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::store::redis::RedisStore;
use support::redis::RedisServer;

/// Where the jobs are.
#[derive(Clone, Copy)]
pub(crate) enum Backend {
    Embedded,
    Redis,
}

/// A store and what keeps it alive.
pub(crate) struct Stored {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) redis: Option<RedisServer>,
}

impl Backend {
    pub(crate) fn open(self) -> Stored {
        match self {
            Self::Embedded => Stored { store: Arc::new(EmbeddedStore::new()), redis: None },
            Self::Redis => {
                let redis = RedisServer::start();
                Stored { store: Arc::new(RedisStore::connect(&redis.url()).unwrap()), redis: Some(redis) }
            }
        }
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
