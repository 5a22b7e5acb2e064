//! What the reconcilers ask: lapsed leases, states of many tickets, the age of the data, counts.
//!
//! Who calls: `backend`. What must stay true: one bad entry spoils no answer about the others.

use std::time::Duration;

use redis::Pipeline;

use super::codec::{self, millis};
use super::connection::Connection;
use super::keys;
use super::scripts::{self, on_queue};
use crate::job::JobState;
use crate::store::{Error, QueueCounts, Recovered, Result};
use crate::ticket::{PlatformKind, TicketKey};

/// Tickets per round trip: about 50 kB of request, and well under a millisecond of Redis.
const STATES_PER_TRIP: usize = 500;
/// Live jobs looked through per round trip: well under a millisecond of Redis.
const JOBS_PER_TRIP: usize = 1_000;
/// Jobs per script, so that no script holds Redis for long.
const RECOVERED_PER_SCRIPT: usize = 500;

/// Puts up to `limit` jobs with lapsed leases back.
pub(super) async fn recover_lapsed(redis: &Connection, limit: usize) -> Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    loop {
        let share = (limit - recovered.len()).min(RECOVERED_PER_SCRIPT);
        let mut call = on_queue(&scripts::RECOVER_LAPSED);
        call.arg(share);
        let (jobs, aside): (Vec<(String, String, String)>, Vec<String>) = redis.run(&call).await?;
        codec::log_set_aside(&aside);
        let found = jobs.len() + aside.len();
        recovered.extend(jobs.iter().filter_map(|(ticket, attempt, consumer)| {
            // Unreadable ones are queued again all the same; the next take sets them aside and logs it.
            let (key, attempt) = (codec::ticket_key(ticket).ok()?, codec::number(ticket, "attempt", attempt).ok()?);
            Some(Recovered { key, attempt, consumer: consumer.clone() })
        }));
        if found < RECOVERED_PER_SCRIPT || recovered.len() >= limit {
            return Ok(recovered);
        }
    }
}

/// For each ticket the state of its job; a heartbeat without a job counts as running.
pub(super) async fn job_states(redis: &Connection, tickets: &[TicketKey]) -> Result<Vec<Option<JobState>>> {
    let mut states = Vec::with_capacity(tickets.len());
    for tickets in tickets.chunks(STATES_PER_TRIP) {
        let names: Vec<String> = tickets.iter().map(ToString::to_string).collect();
        let mut ask = Pipeline::new();
        ask.cmd("HMGET").arg(keys::JOBS).arg(&names);
        // One EXISTS each: heartbeats live in different slots, so no single command may name two of them.
        for name in &names {
            ask.cmd("EXISTS").arg(keys::heartbeat(name));
        }
        let mut reply: Vec<redis::Value> = redis.send(&ask).await?;
        let alive: Vec<bool> = read(redis::Value::Array(reply.split_off(1)))?;
        let words: Vec<Option<String>> = read(reply.pop().unwrap_or(redis::Value::Nil))?;
        states.extend(words.iter().zip(alive).map(|(word, alive)| {
            let state = word.as_deref().and_then(codec::job_state);
            state.or(alive.then_some(JobState::Running))
        }));
    }
    if states.len() == tickets.len() {
        Ok(states)
    } else {
        Err(Error::Malformed(format!("asked for {} states, got {}", tickets.len(), states.len())))
    }
}

/// The live jobs of a ticket, under whatever project's name.
pub(super) async fn live_jobs(
    redis: &Connection,
    platform: PlatformKind,
    ticket: &str,
) -> Result<Vec<(TicketKey, JobState)>> {
    let pattern = format!("{platform}:*:{}", literal(ticket));
    let (mut live, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let mut ask = Pipeline::new();
        ask.cmd("HSCAN").arg(keys::JOBS).arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(JOBS_PER_TRIP);
        let ((next, found),): ((String, Vec<(String, String)>),) = redis.send(&ask).await?;
        for (name, word) in &found {
            // The pattern's star also matches a colon, so a name is only what it says once it is taken apart.
            let key = codec::ticket_key(name).ok().filter(|key| key.platform == platform && key.ticket == ticket);
            live.extend(key.zip(codec::job_state(word)));
        }
        if next == "0" {
            // A scan returns what is there all the time at least once, and may return it twice.
            live.sort_by(|(a, _), (b, _)| a.cmp(b));
            live.dedup_by(|(a, _), (b, _)| a == b);
            return Ok(live);
        }
        cursor = next;
    }
}

/// The text as a pattern that matches nothing but the text.
fn literal(text: &str) -> String {
    text.chars().flat_map(|c| "*?[]^-\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

fn read<T: redis::FromRedisValue>(value: redis::Value) -> Result<T> {
    redis::from_redis_value(value).map_err(|error| Error::Malformed(error.to_string()))
}

/// How long until the data are `ttl` old.
pub(super) async fn silence_counts_in(redis: &Connection, ttl: Duration) -> Result<Duration> {
    let age: String = redis.run(on_queue(&scripts::GENERATION_AGE).arg(codec::random_token())).await?;
    let age: u64 = codec::number("the data", "age", &age)?;
    Ok(Duration::from_millis(millis(ttl).saturating_sub(age)))
}

/// How many jobs stand where.
pub(super) async fn counts(redis: &Connection) -> Result<QueueCounts> {
    let (live, claiming, running, set_aside): (u64, u64, u64, u64) = redis.run(&on_queue(&scripts::COUNTS)).await?;
    Ok(QueueCounts { claiming, queued: live.saturating_sub(claiming + running), running, set_aside })
}
