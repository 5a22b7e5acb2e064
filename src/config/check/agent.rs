//! The `agent` section: times that must fit together, and where data is kept.
//!
//! Called by `load`. What must stay true: a renewal that fails once leaves time for another before the lease ends.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::{Spot, coding, limits};
use crate::config::env::Env;
use crate::config::model::{Agent, Leader, LifecycleTimes, Queue, Secrets};
use crate::config::problem::Desk;
use crate::config::raw;

/// The `agent` section with its defaults.
pub(in crate::config) fn agent(
    raw: raw::Agent,
    spot: Spot<'_>,
    (env, secrets): (&Env, &Secrets),
    desk: &mut Desk<'_, '_>,
) -> Agent {
    let queue = raw.queue.unwrap_or_default();
    let leader = raw.leader.unwrap_or_default();
    let lifecycle = raw.lifecycle.unwrap_or_default();
    let lease = ("lease_seconds", leader.lease_seconds);
    check_renewal(spot.child("leader"), lease, ("renew_seconds", leader.renew_seconds), desk);
    let ttl = ("heartbeat_ttl_seconds", lifecycle.heartbeat_ttl_seconds);
    let renew = ("heartbeat_renew_seconds", lifecycle.heartbeat_renew_seconds);
    check_renewal(spot.child("lifecycle"), ttl, renew, desk);
    let seconds = Duration::from_secs;
    Agent {
        queue: Queue {
            max_parallel_jobs: NonZeroUsize::new(queue.max_parallel_jobs.into()).unwrap_or(NonZeroUsize::MIN),
            consume_block: seconds(queue.consume_block_seconds),
            shutdown_grace: seconds(queue.shutdown_grace_seconds),
            redis_retry_interval: seconds(queue.redis_retry_interval_seconds),
        },
        leader: Leader { lease: seconds(leader.lease_seconds), renew: seconds(leader.renew_seconds) },
        lifecycle: LifecycleTimes {
            heartbeat_ttl: seconds(lifecycle.heartbeat_ttl_seconds),
            heartbeat_renew: seconds(lifecycle.heartbeat_renew_seconds),
            stale_scan: seconds(lifecycle.stale_scan_seconds),
            reconcile_interval: seconds(lifecycle.reconcile_interval_seconds),
        },
        data_dir: data_dir(raw.data_dir, spot.child("data_dir"), env, desk),
        coding: raw.coding.and_then(|raw| coding::coding(raw, spot.child("coding"), secrets, desk)),
        limits: limits::limits(raw.limits),
    }
}

/// Reported at the renewal, or at the lease when only that is written.
fn check_renewal(section: Spot<'_>, lease: (&str, u64), renew: (&str, u64), desk: &mut Desk<'_, '_>) {
    if renew.1 * 2 >= lease.1 {
        let at = if section.child(renew.0).exists() { renew.0 } else { lease.0 };
        let message = format!("`{}` ({}) must be less than half of `{}` ({})", renew.0, renew.1, lease.0, lease.1);
        desk.error(section.child(at).span(), message + ", so that one failed renewal does not lose it");
    }
}

fn data_dir(written: Option<String>, spot: Spot<'_>, env: &Env, desk: &mut Desk<'_, '_>) -> PathBuf {
    let path = match written {
        Some(path) if path.trim().is_empty() || path.contains('\0') => {
            desk.error(spot.span(), "`data_dir` must be a directory; remove the line for the default");
            default_data_dir(env)
        }
        Some(path) if path.starts_with('~') => {
            desk.error(spot.span(), "`~` is not expanded here; write `${HOME}`");
            default_data_dir(env)
        }
        Some(path) => PathBuf::from(path),
        None => default_data_dir(env),
    };
    // Steps run in directories of their own, so a relative path must not depend on where it is read.
    std::path::absolute(&path).unwrap_or(path)
}

/// systemd gives the first (a list, when there are several); the next two are the convention for a person's account.
fn default_data_dir(env: &Env) -> PathBuf {
    let first_of_list = |list: &str| list.split(':').find(|path| !path.is_empty()).map(PathBuf::from);
    let below = |name: &str, path: &str| Some(PathBuf::from(env.trimmed(name)?).join(path));
    env.trimmed("STATE_DIRECTORY")
        .and_then(first_of_list)
        .or_else(|| below("XDG_STATE_HOME", "agent-smith"))
        .or_else(|| below("HOME", ".local/state/agent-smith"))
        .unwrap_or_else(|| PathBuf::from("/var/lib/agent-smith"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_follows_the_environment() {
        let all = [("STATE_DIRECTORY", "/s:/t"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        let expected = ["/s", "/x/agent-smith", "/h/.local/state/agent-smith", "/var/lib/agent-smith"];
        for (unset, path) in expected.into_iter().enumerate() {
            let env: Env = all.into_iter().skip(unset).collect();
            assert_eq!(default_data_dir(&env), PathBuf::from(path));
        }
    }
}
