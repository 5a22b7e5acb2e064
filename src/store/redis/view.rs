//! What is told of a ticket's job to a person who asks.
//!
//! Who calls: `backend`. What must stay true: it only reads.

use std::time::Duration;

use super::codec;
use super::connection::Connection;
use super::scripts::{self, on_queue};
use crate::job::JobState;
use crate::store::view::{JobView, LastRun};
use crate::store::{Error, Result, UnderWay};
use crate::ticket::TicketKey;

/// The live job of a ticket.
pub(super) async fn look(redis: &Connection, key: &TicketKey) -> Result<Option<JobView>> {
    let ticket = key.to_string();
    let fields: Vec<String> = redis.run(on_queue(&scripts::LOOK).arg(&ticket)).await?;
    if fields.is_empty() {
        return Ok(None);
    }
    let field = |index: usize| fields.get(index).map_or("", String::as_str);
    let Some(state) = codec::job_state(field(0)) else { return Ok(None) };
    let ahead = Some(field(2)).filter(|ahead| !ahead.is_empty());
    Ok(Some(JobView {
        job: codec::job(&ticket, field(3), field(4), field(5))?,
        state,
        since: Duration::from_millis(codec::number(&ticket, "age", field(1))?),
        ahead: ahead.map(|ahead| codec::number(&ticket, "place in the queue", ahead)).transpose()?,
        beside: UnderWay {
            of_project: codec::number(&ticket, "runs of its project", field(10))?,
            of_pipeline: codec::number(&ticket, "runs of its pipeline", field(11))?,
        },
        attempt: codec::number(&ticket, "attempt", field(6))?,
        consumer: (state == JobState::Running).then(|| field(7).to_owned()),
        stop_asked: codec::withdrawal(field(8), field(9)),
    }))
}

/// How the last run of a ticket ended.
pub(super) async fn last_run(redis: &Connection, key: &TicketKey) -> Result<Option<LastRun>> {
    let ticket = key.to_string();
    let told: Vec<String> = redis.run(on_queue(&scripts::LAST_RUN).arg(&ticket)).await?;
    let [age, rest] = told.as_slice() else { return Ok(None) };
    let mut words = rest.splitn(3, ' ');
    let (Some(verdict), Some(run_id), Some(pipeline)) = (words.next(), words.next(), words.next()) else {
        return Err(Error::Malformed(format!("the last run of {ticket} is `{rest}`")));
    };
    Ok(Some(LastRun {
        run_id: run_id.to_owned(),
        pipeline: pipeline.to_owned(),
        verdict: codec::verdict(&ticket, verdict)?,
        ended: Duration::from_millis(codec::number(&ticket, "age of the last run", age)?),
    }))
}
