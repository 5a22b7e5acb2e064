//! Deliveries of webhooks: who is at work on one, how it was answered; and which tickets webhooks have offered.
//!
//! One string key each, with a TTL. Who calls: `backend`. What must stay true: an answer is recorded by the one who holds
//! the delivery, and by nobody who came too late.

use std::time::Duration;

use redis::Pipeline;

use super::codec::millis;
use super::connection::Connection;
use super::{keys, scripts};
use crate::store::{DeliveryHold, Error, Result};
use crate::ticket::{PlatformKind, TicketKey};

/// Holds the delivery for `ttl`, unless somebody else holds it or it was answered.
pub(super) async fn hold(redis: &Connection, id: &str, holder: &str, ttl: Duration) -> Result<DeliveryHold> {
    let key = keys::delivery(id);
    let found: String = redis.run(scripts::HOLD_DELIVERY.key(key).arg(held(holder)).arg(millis(ttl))).await?;
    match found.split_once(' ') {
        None if found.is_empty() => Ok(DeliveryHold::Held),
        Some(("held", _)) => Ok(DeliveryHold::HeldByOther),
        Some(("answered", answer)) => Ok(DeliveryHold::Answered(answer.to_owned())),
        _ => Err(Error::Malformed(format!("delivery {id} is neither held nor answered"))),
    }
}

/// Records the answer for `ttl`. False: the delivery is not the holder's any more.
pub(super) async fn answer(
    redis: &Connection,
    id: &str,
    (holder, answer): (&str, &str),
    ttl: Duration,
) -> Result<bool> {
    let mut call = scripts::ANSWER_DELIVERY.key(keys::delivery(id));
    redis.run(call.arg(held(holder)).arg(format!("answered {answer}")).arg(millis(ttl))).await
}

/// Lets go of a delivery unanswered. False: it is not the holder's any more.
pub(super) async fn drop_held(redis: &Connection, id: &str, holder: &str) -> Result<bool> {
    redis.run(scripts::COMPARE_AND_DELETE.key(keys::delivery(id)).arg(held(holder)).arg("")).await
}

/// Remembers for `ttl` that a webhook offered the ticket.
pub(super) async fn note_offer(redis: &Connection, ticket: &TicketKey, ttl: Duration) -> Result<()> {
    let mut set = Pipeline::new();
    for key in [keys::offered(ticket), keys::last_offer(ticket.platform, &ticket.project)] {
        set.cmd("SET").arg(key).arg("").arg("PX").arg(millis(ttl)).ignore();
    }
    redis.send(&set).await
}

/// For each ticket whether a webhook has offered it lately.
pub(super) async fn offered(redis: &Connection, tickets: &[TicketKey]) -> Result<Vec<bool>> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let mut ask = Pipeline::new();
    for ticket in tickets {
        ask.cmd("EXISTS").arg(keys::offered(ticket));
    }
    redis.send(&ask).await
}

/// How long ago a ticket of the project was offered, by what is left of `ttl`.
pub(super) async fn since_last_offer(
    redis: &Connection,
    platform: PlatformKind,
    project: &str,
    ttl: Duration,
) -> Result<Option<Duration>> {
    let mut ask = Pipeline::new();
    ask.cmd("PTTL").arg(keys::last_offer(platform, project));
    let (left,): (i64,) = redis.send(&ask).await?;
    // Negative: there is no such key.
    Ok(u64::try_from(left).ok().map(|left| ttl.saturating_sub(Duration::from_millis(left))))
}

fn held(holder: &str) -> String {
    format!("held {holder}")
}
