//! Everything that acts on a lease: renew, confirm, record the result, finish, release.
//!
//! Who calls: `backend`, and `queue` to put a job back. What must stay true: each of these is refused when the epoch is
//! stale; each registers the job again when the data were lost while the lease lasts, so that a run that is nearly done
//! when Redis comes back empty ends as if nothing had happened.

use std::time::Duration;

use redis::{Script, ScriptInvocation};
use tokio::time::Instant;

use super::codec::{self, millis};
use super::connection::Connection;
use super::leases;
use super::scripts::{self, on_queue};
use crate::job::{JobLease, RunResult, WriteRight};
use crate::store::limits::bounded;
use crate::store::view::LAST_RUN_REMEMBERED;
use crate::store::{Attempt, AttemptLimits, Error, ReleaseReason, Renewal, Result};

/// Heartbeat.
pub(super) async fn renew(redis: &Connection, lease: &JobLease, ttl: Duration) -> Result<Renewal> {
    let asked_at = Instant::now();
    let hold = ask(redis, lease, fenced(&scripts::RENEW, lease).arg(millis(ttl))).await?;
    if !hold.is_ours() {
        lease.revoke();
        return Ok(Renewal::Lost);
    }
    lease.extend(asked_at, ttl);
    leases::show_heartbeat(redis, lease, ttl).await;
    let told = |index: usize| hold.rest.get(index).map_or("", String::as_str);
    Ok(codec::withdrawal(told(0), told(1)).map_or(hold.renewal, Renewal::StopAsked))
}

/// Lets the steps of an attempt begin, if the limits do.
pub(super) async fn begin_attempt(redis: &Connection, lease: &JobLease, limits: &AttemptLimits<'_>) -> Result<Attempt> {
    let mut call = fenced(&scripts::BEGIN_ATTEMPT, lease);
    call.arg(limits.counted_for);
    call.arg(limits.attempts.map_or(String::new(), |most| most.to_string())).arg(millis(limits.window));
    call.arg(limits.wall.map_or(String::new(), |wall| millis(wall).to_string()));
    let hold = ask(redis, lease, &call).await?;
    if !hold.is_ours() {
        return Ok(Attempt::Lost);
    }
    let ticket = lease.job.key.to_string();
    let told = |index: usize| hold.rest.get(index).map_or("", String::as_str);
    let time = |name, index| codec::number(&ticket, name, told(index)).map(Duration::from_millis);
    let (spent, room_in) = (time("time spent", 1)?, time("wait for room", 2)?);
    match told(0) {
        "begun" => Ok(Attempt::Begun { spent, next_in: room_in }),
        "no-time" => Ok(Attempt::NoTimeLeft),
        "none-left" => Ok(Attempt::NoneLeft { room_in }),
        other => Err(Error::Malformed(format!("the attempt of {ticket} is `{other}`"))),
    }
}

/// True when the job is still this lease's.
pub(super) async fn confirm(redis: &Connection, lease: &JobLease) -> Result<bool> {
    Ok(ask(redis, lease, &fenced(&scripts::CONFIRM, lease)).await?.is_ours())
}

/// Records the result, unless there is one; the one that stands, or `None` when the epoch is stale.
pub(super) async fn record_result(
    redis: &Connection,
    lease: &JobLease,
    result: &RunResult,
) -> Result<Option<RunResult>> {
    let result = bounded(result);
    let mut call = fenced(&scripts::RECORD_RESULT, lease);
    call.arg(codec::verdict_word(result.verdict)).arg(&result.comment);
    let hold = ask(redis, lease, &call).await?;
    if !hold.is_ours() {
        return Ok(None);
    }
    let mut stands = hold.rest.into_iter();
    let (verdict, comment) = (stands.next().unwrap_or_default(), stands.next().unwrap_or_default());
    codec::run_result(&lease.job.key.to_string(), &verdict, comment)
}

/// Ends the job. False: the epoch is stale.
pub(super) async fn finish(redis: &Connection, lease: &JobLease) -> Result<bool> {
    let ours = ask(redis, lease, fenced(&scripts::FINISH, lease).arg(millis(LAST_RUN_REMEMBERED))).await?.is_ours();
    leases::hide_heartbeat(redis, lease).await;
    Ok(ours)
}

/// How a job goes back to its queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Back {
    pub(super) reason: ReleaseReason,
    pub(super) delay: Duration,
    pub(super) to_front: bool,
}

/// Puts the job back. False: the epoch is stale.
pub(super) async fn release(redis: &Connection, lease: &JobLease, back: Back) -> Result<bool> {
    let reason = match back.reason {
        ReleaseReason::HandedBack => "handed-back",
        ReleaseReason::Broken => "broken",
    };
    let mut call = fenced(&scripts::RELEASE, lease);
    call.arg(reason).arg(millis(back.delay)).arg(if back.to_front { "front" } else { "back" });
    let ours = ask(redis, lease, &call).await?.is_ours();
    leases::hide_heartbeat(redis, lease).await;
    Ok(ours)
}

/// What `fence.lua` found, and what the script added.
pub(super) struct Hold {
    renewal: Renewal,
    rest: Vec<String>,
}

impl Hold {
    pub(super) fn is_ours(&self) -> bool {
        self.renewal != Renewal::Lost
    }
}

/// The call of a script that acts on a lease, with the ARGV that `fence.lua` reads.
pub(super) fn fenced<'a>(script: &'a Script, lease: &JobLease) -> ScriptInvocation<'a> {
    let left = lease.valid_until().saturating_duration_since(Instant::now());
    let earlier = lease.earlier_result.as_ref();
    let mut call = on_queue(script);
    call.arg(lease.job.key.to_string()).arg(lease.epoch).arg(lease.generation()).arg(codec::random_token());
    call.arg(millis(left));
    call.arg(&lease.job.pipeline).arg(&lease.job.run_id).arg(codec::asked_by_word(lease.job.asked_by));
    call.arg(lease.attempt).arg(&lease.consumer);
    call.arg(earlier.map_or("", |result| codec::verdict_word(result.verdict)));
    call.arg(earlier.map_or("", |result| result.comment.as_str()));
    call
}

pub(super) async fn ask(redis: &Connection, lease: &JobLease, call: &ScriptInvocation<'_>) -> Result<Hold> {
    let mut reply: Vec<String> = redis.run(call).await?;
    if reply.len() < 2 {
        return Err(Error::Malformed(format!("the lease check of {} answered {reply:?}", lease.job.key)));
    }
    let rest = reply.split_off(2);
    let renewal = match reply.first().map(String::as_str) {
        Some("held") => Renewal::Renewed,
        Some("restored") => Renewal::Restored,
        _ => Renewal::Lost,
    };
    if let (true, Some(generation)) = (renewal != Renewal::Lost, reply.pop()) {
        lease.adopt_generation(generation);
    }
    Ok(Hold { renewal, rest })
}
