//! Records of runs: what the consumer notes, and what operators are told.
//!
//! Who calls: `backend`. The scripts of claim, withdrawal and finish begin and end a record by themselves. What must stay
//! true: a stale epoch notes nothing; one record that cannot be read hides no other.

use std::collections::HashMap;

use tracing::warn;

use super::codec;
use super::connection::Connection;
use super::runs::{ask, fenced};
use super::scripts::{self, on_queue};
use crate::job::JobLease;
use crate::run_record::{ATTEMPTS_KEPT, LiveRun, RunNote, RunRecord, RunState, at_millis, claimed_utc};
use crate::store::{Error, Result};

/// Notes how far a run is. False: the epoch is stale.
pub(super) async fn note(redis: &Connection, lease: &JobLease, note: &RunNote) -> Result<bool> {
    let note = note.clone().bounded();
    let attempt = serde_json::to_string(&note.attempt).map_err(|error| Error::Malformed(error.to_string()))?;
    let mut call = fenced(&scripts::RECORD_RUN, lease);
    call.arg(&note.title).arg(&note.url).arg(note.change_request.as_deref().unwrap_or_default());
    call.arg(note.attempt.attempt).arg(attempt).arg(ATTEMPTS_KEPT);
    call.arg(claimed_utc(&lease.job.run_id).timestamp_millis());
    Ok(ask(redis, lease, &call).await?.is_ours())
}

/// Runs that were claimed before that one, the newest first.
pub(super) async fn list(redis: &Connection, before: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
    let mut call = on_queue(&scripts::RUNS);
    call.arg("before").arg(before.unwrap_or_default()).arg(limit);
    let told: Vec<Vec<String>> = redis.run(&call).await?;
    Ok(told.into_iter().filter_map(readable).collect())
}

/// One run.
pub(super) async fn one(redis: &Connection, run_id: &str) -> Result<Option<RunRecord>> {
    let mut call = on_queue(&scripts::RUNS);
    call.arg("only").arg(run_id).arg(1);
    let told: Vec<Vec<String>> = redis.run(&call).await?;
    Ok(told.into_iter().find_map(readable))
}

fn readable(told: Vec<String>) -> Option<RunRecord> {
    let run_id = told.first().cloned().unwrap_or_default();
    read(told).inspect_err(|error| warn!(job.id = run_id, %error, "the record of a run cannot be read")).ok()
}

fn read(told: Vec<String>) -> Result<RunRecord> {
    let mut told = told.into_iter();
    let mut next = || told.next().unwrap_or_default();
    let (run_id, state, epoch, stop, stop_by) = (next(), next(), next(), next(), next());
    let live = codec::job_state(&state).map(|state| LiveRun {
        state,
        epoch: epoch.parse().unwrap_or(0),
        stop_asked: codec::withdrawal(&stop, &stop_by),
    });
    let rest: Vec<String> = told.collect();
    let fields: HashMap<&str, &str> = rest.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    let job = codec::job(field("ticket"), field("pipeline"), &run_id, field("asked_by"))?;
    let queued = codec::number(&run_id, "queued_at", field("queued_at"))?;
    let mut record = RunRecord::of_job(&job, at_millis(queued));
    record.title = field("title").to_owned();
    record.url = field("url").to_owned();
    record.reason = field("reason").to_owned();
    record.change_request = Some(field("change_request")).filter(|address| !address.is_empty()).map(str::to_owned);
    if let Some(state) = RunState::from_word(field("state")) {
        record.state = state;
        record.ended_utc = Some(at_millis(codec::number(&run_id, "ended_at", field("ended_at"))?));
    }
    for (_, attempt) in fields.iter().filter(|(name, _)| name.starts_with("attempt:")) {
        let attempt = serde_json::from_str(attempt);
        record.attempts.push(attempt.map_err(|error| Error::Malformed(format!("an attempt of {run_id}: {error}")))?);
    }
    Ok(record.settled(live.as_ref()))
}
