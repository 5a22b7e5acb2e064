//! Leases, claim locks and heartbeats: one string key each, with a TTL and the holder's token as its value.
//!
//! Who calls: `backend`, `runs`. What must stay true: nobody deletes or extends a key whose value is not theirs.

use std::time::Duration;

use redis::Pipeline;
use tokio::time::Instant;
use tracing::debug;

use super::codec::{millis, random_token};
use super::connection::Connection;
use super::{keys, scripts};
use crate::job::{ClaimLock, JobLease, WriteRight};
use crate::store::{Acquisition, LeaseName, Result};
use crate::ticket::TicketKey;

/// A probe that is cut in half leaves nothing behind for longer than this.
const PROBE_TTL: Duration = Duration::from_secs(1);

/// Gives `holder` the lease for `ttl` from now, unless somebody else has it.
pub(super) async fn acquire(redis: &Connection, name: LeaseName, holder: &str, ttl: Duration) -> Result<Acquisition> {
    let left: i64 = redis.run(scripts::ACQUIRE_LEASE.key(keys::leader(name)).arg(holder).arg(millis(ttl))).await?;
    Ok(match u64::try_from(left) {
        Ok(left) => Acquisition::HeldByOther { expires_in: Duration::from_millis(left) },
        Err(_negative) => Acquisition::Obtained,
    })
}

/// True when the lease was `holder`'s and lasts `ttl` from now.
pub(super) async fn renew(redis: &Connection, name: LeaseName, holder: &str, ttl: Duration) -> Result<bool> {
    redis.run(scripts::RENEW_LEASE.key(keys::leader(name)).arg(holder).arg(millis(ttl))).await
}

/// True when the lease was `holder`'s and is free now.
pub(super) async fn release(redis: &Connection, name: LeaseName, holder: &str) -> Result<bool> {
    delete_if_equal(redis, keys::leader(name), holder, keys::LEASES_CHANNEL).await
}

/// Finds out whether Redis takes writes. A Redis that is full, cannot save or has become a replica answers `PING` and
/// refuses everything that we need it for.
pub(super) async fn probe(redis: &Connection) -> Result<()> {
    let mut probe = Pipeline::new();
    probe.cmd("SET").arg(keys::PROBE).arg("").arg("PX").arg(millis(PROBE_TTL)).ignore();
    probe.cmd("DEL").arg(keys::PROBE).ignore();
    redis.send(&probe).await
}

/// The claim lock of a ticket, unless somebody has it.
pub(super) async fn lock_claim(redis: &Connection, ticket: &TicketKey) -> Result<Option<ClaimLock>> {
    let token = random_token();
    let asked_at = Instant::now();
    let mut set = Pipeline::new();
    set.cmd("SET").arg(keys::claim_lock(ticket)).arg(&token).arg("NX").arg("PX").arg(millis(ClaimLock::TTL));
    let (obtained,): (Option<String>,) = redis.send(&set).await?;
    Ok(obtained.map(|_| ClaimLock::obtained(ticket.clone(), token, asked_at)))
}

/// Deletes the lock if it is still this one.
pub(super) async fn unlock_claim(redis: &Connection, lock: &ClaimLock) -> Result<()> {
    delete_if_equal(redis, keys::claim_lock(lock.ticket()), lock.token(), "").await?;
    Ok(())
}

/// Shows a sign of life for `ttl`. A failure is no harm: the lease decides, and the next renewal shows it again.
pub(super) async fn show_heartbeat(redis: &Connection, lease: &JobLease, ttl: Duration) {
    let mut set = Pipeline::new();
    set.cmd("SET").arg(keys::heartbeat(&lease.job.key)).arg(heartbeat_value(lease)).arg("PX").arg(millis(ttl)).ignore();
    if let Err(error) = redis.send::<()>(&set).await {
        debug!(%error, ticket.id = lease.job.key.ticket, "the heartbeat could not be shown");
    }
}

/// Takes the sign of life away if it is still this lease's. A failure is no harm: it expires.
pub(super) async fn hide_heartbeat(redis: &Connection, lease: &JobLease) {
    let key = keys::heartbeat(&lease.job.key);
    if let Err(error) = delete_if_equal(redis, key, &heartbeat_value(lease), "").await {
        debug!(%error, ticket.id = lease.job.key.ticket, "the heartbeat could not be taken away");
    }
}

fn heartbeat_value(lease: &JobLease) -> String {
    format!("{}/{}", lease.consumer, lease.epoch)
}

async fn delete_if_equal(redis: &Connection, key: String, value: &str, tell: &str) -> Result<bool> {
    redis.run(scripts::COMPARE_AND_DELETE.key(key).arg(value).arg(tell)).await
}
