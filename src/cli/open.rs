//! The configuration and the store, for the commands that need them.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ValueEnum;

use super::usage;
use crate::config::{Broken, Env, Live, Loaded};
use crate::store::embedded::EmbeddedStore;
use crate::store::redis::RedisStore;
use crate::store::{Error, Store};

/// Where jobs and leases live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreKind {
    /// Redis, at REDIS_URL; any number of replicas share it.
    Redis,
    /// In this process; for exactly one, without Redis.
    Embedded,
}

/// Reads the file. A bad project is left out and among the problems of what was loaded; of a bad file every mistake is
/// printed, and it is the end.
pub(super) fn open_config(path: &Path, env: &Env) -> Result<(Live, Loaded), ExitCode> {
    Live::start(path, env.clone()).map_err(|broken| match &broken {
        Broken::Unreadable { .. } => usage(&broken.to_string()),
        Broken::Mistakes(problems) => {
            let mut err = std::io::stderr().lock();
            for problem in problems {
                let _ = writeln!(err, "{problem}");
            }
            drop(err);
            usage(&format!("{} cannot be used: repair what is marked as an error above", path.display()))
        }
    })
}

/// `None`: Redis was asked for and there is no address.
pub(super) fn open_store(kind: StoreKind, env: &Env) -> Result<Option<Arc<dyn Store>>, String> {
    let store: Arc<dyn Store> = match (kind, env.redis_url()) {
        (StoreKind::Embedded, _) => Arc::new(EmbeddedStore::new()),
        (StoreKind::Redis, Some(url)) => Arc::new(RedisStore::connect(url).map_err(|error| match error {
            Error::Unavailable(reason) => reason,
            other @ (Error::Malformed(_) | Error::Full(_)) => other.to_string(),
        })?),
        (StoreKind::Redis, None) => return Ok(None),
    };
    Ok(Some(store))
}

/// What a log may say of a Redis address: everything but user, password and query.
pub(super) fn redis_place(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return "the address in REDIS_URL".to_owned() };
    // Both only fail for addresses that cannot hold a user at all.
    let _ = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_address_is_shown_without_its_password() {
        assert_eq!(redis_place("redis://user:geheim@cache:6380/2?x=geheim"), "redis://cache:6380/2");
        assert_eq!(redis_place("redis://:geheim@cache"), "redis://cache");
        assert_eq!(redis_place("rediss://cache/#insecure"), "rediss://cache/");
    }
}
