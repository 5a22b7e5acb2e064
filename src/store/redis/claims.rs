//! Claim records: a job that is not visible to consumers yet.
//!
//! Who calls: `backend`. What must stay true: a ticket has at most one live job, and a record ends in exactly one way,
//! visible or dropped.

use std::time::Duration;

use super::codec::{self, millis};
use super::connection::Connection;
use super::scripts::{self, on_queue};
use crate::job::{ClaimLock, Job, WriteRight};
use crate::store::limits::{MAX_LIVE_JOBS, queue_is_full};
use crate::store::{Error, HalfMadeClaim, Recorded, Result};

/// Records a claim, unless the ticket has a live job.
pub(super) async fn record(redis: &Connection, lock: &ClaimLock, job: &Job) -> Result<Recorded> {
    if lock.ticket() != &job.key {
        return Err(Error::Malformed(format!("the claim lock of {} does not cover {}", lock.ticket(), job.key)));
    }
    let mut call = on_queue(&scripts::RECORD_CLAIM);
    call.arg(job.key.to_string()).arg(&job.pipeline).arg(&job.run_id);
    call.arg(codec::asked_by_word(job.asked_by)).arg(MAX_LIVE_JOBS);
    let (outcome, note): (String, String) = redis.run(&call).await?;
    codec::log_set_aside(&[note]);
    match outcome.as_str() {
        "new" => Ok(Recorded::New),
        "full" => Err(queue_is_full()),
        state => codec::job_state(state)
            .map(Recorded::AlreadyLive)
            .ok_or_else(|| Error::Malformed(format!("state of {} is `{state}`", job.key))),
    }
}

/// How a record ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// Consumers may take the job.
    Publish,
    /// The claim did not come about.
    Drop,
}

/// Ends the record of this very run. False: there is none.
pub(super) async fn end(redis: &Connection, job: &Job, end: End) -> Result<bool> {
    let word = match end {
        End::Publish => "publish",
        End::Drop => "drop",
    };
    redis.run(on_queue(&scripts::END_CLAIM).arg(job.key.to_string()).arg(&job.run_id).arg(word)).await
}

/// Ticket, pipeline, run id, asked by.
type Record = (String, String, String, String);

/// Records that are at least `older_than` old, oldest first.
pub(super) async fn half_made(redis: &Connection, older_than: Duration, limit: usize) -> Result<Vec<HalfMadeClaim>> {
    let mut call = on_queue(&scripts::HALF_MADE_CLAIMS);
    call.arg(millis(older_than)).arg(limit);
    let (claims, aside): (Vec<Record>, Vec<String>) = redis.run(&call).await?;
    codec::log_set_aside(&aside);
    let mut readable = Vec::with_capacity(claims.len());
    for (ticket, pipeline, run_id, asked_by) in claims {
        match codec::job(&ticket, &pipeline, &run_id, &asked_by) {
            Ok(job) => readable.push(HalfMadeClaim { job }),
            Err(error) => super::queue::set_aside(redis, &ticket, "", &error.to_string()).await?,
        }
    }
    Ok(readable)
}
