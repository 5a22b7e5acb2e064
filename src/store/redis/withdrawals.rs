//! Taking requests back, and what is remembered of it.
//!
//! Who calls: `backend`. What must stay true: whether a job is dropped or asked to stop is decided in one script; a
//! result that is recorded stands.

use redis::Pipeline;

use super::codec;
use super::connection::Connection;
use super::keys;
use super::scripts::{self, on_queue};
use crate::job::{AskedBy, Withdrawal};
use crate::store::limits::MAX_WITHDRAWALS;
use crate::store::{Error, Result, Withdrawn};
use crate::ticket::TicketKey;

/// Tickets per round trip, as many as elsewhere.
const TICKETS_PER_TRIP: usize = 500;

/// Takes a ticket's request back.
pub(super) async fn withdraw(redis: &Connection, key: &TicketKey, withdrawal: &Withdrawal) -> Result<Withdrawn> {
    let ticket = key.to_string();
    let any = withdrawal.applies_to(AskedBy::PendingLabel);
    let mut call = on_queue(&scripts::WITHDRAW);
    call.arg(&ticket).arg(codec::cause_word(withdrawal.cause)).arg(withdrawal.by.as_deref().unwrap_or_default());
    call.arg(if any { "" } else { codec::asked_by_word(AskedBy::TriggerLabel) });
    call.arg(if withdrawal.outlives_the_job() { "outlives" } else { "" }).arg(MAX_WITHDRAWALS);
    call.arg(withdrawal.to_string());
    let reply: Vec<String> = redis.run(&call).await?;
    let reply: Vec<&str> = reply.iter().map(String::as_str).collect();
    match reply.as_slice() {
        ["nothing"] => Ok(Withdrawn::Nothing),
        ["kept"] => Ok(Withdrawn::Kept),
        ["stopping"] => Ok(Withdrawn::Stopping),
        ["over", verdict] => codec::verdict(&ticket, verdict).map(Withdrawn::Over),
        ["dropped", pipeline, run_id, asked_by] => {
            codec::job(&ticket, pipeline, run_id, asked_by).map(Withdrawn::Dropped)
        }
        other => Err(Error::Malformed(format!("the withdrawal of {ticket} answered {other:?}"))),
    }
}

/// The withdrawal that is remembered for each ticket.
pub(super) async fn remembered(redis: &Connection, tickets: &[TicketKey]) -> Result<Vec<Option<Withdrawal>>> {
    let mut withdrawals = Vec::with_capacity(tickets.len());
    for tickets in tickets.chunks(TICKETS_PER_TRIP) {
        let names: Vec<String> = tickets.iter().map(ToString::to_string).collect();
        let mut ask = Pipeline::new();
        ask.cmd("HMGET").arg(keys::WITHDRAWN).arg(&names);
        let (notes,): (Vec<Option<String>>,) = redis.send(&ask).await?;
        withdrawals.extend(notes.iter().map(|note| note.as_deref().and_then(read)));
    }
    Ok(withdrawals)
}

/// The tickets that have one: a few kilobytes, ten thousand of them less than a megabyte.
pub(super) async fn tickets(redis: &Connection) -> Result<Vec<TicketKey>> {
    let mut ask = Pipeline::new();
    ask.cmd("HKEYS").arg(keys::WITHDRAWN);
    let (names,): (Vec<String>,) = redis.send(&ask).await?;
    Ok(names.iter().filter_map(|name| codec::ticket_key(name).ok()).collect())
}

/// Forgets the one of a ticket.
pub(super) async fn forget(redis: &Connection, key: &TicketKey) -> Result<()> {
    let mut delete = Pipeline::new();
    delete.cmd("HDEL").arg(keys::WITHDRAWN).arg(key.to_string()).ignore();
    redis.send(&delete).await
}

/// Reads `<ms> <cause> <by>`.
fn read(note: &str) -> Option<Withdrawal> {
    let mut parts = note.splitn(3, ' ').skip(1);
    codec::withdrawal(parts.next()?, parts.next().unwrap_or_default())
}
