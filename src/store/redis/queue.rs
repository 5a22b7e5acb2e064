//! Taking a job, and waiting for one.
//!
//! Who calls: `backend`. What must stay true: a wait holds no connection; no announcement is lost between asking and
//! waiting; a take that is dropped at any point loses nothing, not even an attempt.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::announcements::Announcements;
use super::codec::{self, millis};
use super::connection::Connection;
use super::leases;
use super::runs;
use super::scripts::{self, on_queue};
use crate::job::JobLease;
use crate::store::{Error, ReleaseReason, Result};

/// The next job, waiting up to `wait` for one.
pub(super) async fn take(
    redis: &Connection,
    announcements: &Announcements,
    (consumer, ttl): (&str, Duration),
    wait: Duration,
) -> Result<Option<JobLease>> {
    let until = Instant::now() + wait;
    loop {
        let mut announced = std::pin::pin!(announcements.jobs().notified());
        // Listening before asking: what becomes visible after the question ends the wait.
        announced.as_mut().enable();
        match take_unharmed(redis, consumer, ttl).await? {
            Answer::Job(lease) => return Ok(Some(lease)),
            Answer::Nothing { due_in } => {
                let now = Instant::now();
                if now >= until {
                    return Ok(None);
                }
                let look_again = due_in.map_or(until, |due_in| until.min(now + due_in));
                // Either way we ask again: at the end of the wait too, because an announcement may have got lost.
                let _ = timeout_at(look_again, announced).await;
            }
        }
    }
}

enum Answer<L> {
    Job(L),
    Nothing { due_in: Option<Duration> },
}

/// Asks once, in a task of its own: when the caller is dropped while the question is on its way, the job that comes
/// back is put back.
async fn take_unharmed(redis: &Connection, consumer: &str, ttl: Duration) -> Result<Answer<JobLease>> {
    let (connection, consumer) = (redis.clone(), consumer.to_owned());
    let asking = async move { take_once(&connection, &consumer, ttl).await };
    let answer = tokio::spawn(asking.in_current_span())
        .await
        .map_err(|error| Error::Unavailable(format!("the take was cut off: {error}")))??;
    match answer {
        Answer::Job(hand_over) => {
            hand_over.accept().map(Answer::Job).ok_or_else(|| Error::Unavailable("the take was cut off".into()))
        }
        Answer::Nothing { due_in } => Ok(Answer::Nothing { due_in }),
    }
}

async fn take_once(redis: &Connection, consumer: &str, ttl: Duration) -> Result<Answer<HandOver>> {
    loop {
        let mut call = on_queue(&scripts::TAKE);
        call.arg(consumer).arg(millis(ttl)).arg(codec::random_token());
        let asked_at = Instant::now();
        let (found, fields, aside): (String, Vec<String>, Vec<String>) = redis.run(&call).await?;
        codec::log_set_aside(&aside);
        if found != "job" {
            let due_in = fields.first().filter(|millis| !millis.is_empty());
            let due_in = due_in.map(|millis| codec::number("the next delayed job", "due time", millis)).transpose()?;
            return Ok(Answer::Nothing { due_in: due_in.map(Duration::from_millis) });
        }
        match read_lease(&fields, consumer, (asked_at, ttl)) {
            Ok(lease) => {
                let hand_over = HandOver { lease: Some(lease), redis: redis.clone() };
                hand_over.show_heartbeat(ttl).await;
                return Ok(Answer::Job(hand_over));
            }
            Err(error) => {
                let (ticket, epoch) = (text(&fields, 0), text(&fields, 5));
                set_aside(redis, ticket, epoch, &error.to_string()).await?;
            }
        }
    }
}

fn text(fields: &[String], index: usize) -> &str {
    fields.get(index).map_or("", String::as_str)
}

fn read_lease(fields: &[String], consumer: &str, term: (Instant, Duration)) -> Result<JobLease> {
    let field = |index| text(fields, index);
    let job = codec::job(field(0), field(1), field(2), field(3))?;
    let attempt = codec::number(field(0), "attempt", field(4))?;
    let epoch = codec::number(field(0), "epoch", field(5))?;
    let earlier = codec::run_result(field(0), field(7), field(8).to_owned())?;
    Ok(JobLease::obtained(job, (attempt, epoch, field(6).to_owned()), earlier, term).held_by(consumer))
}

/// Sets a job aside that the script could read and we could not. `epoch` is that of its take, empty before the first.
pub(super) async fn set_aside(redis: &Connection, ticket: &str, epoch: &str, reason: &str) -> Result<()> {
    let set_aside: bool = redis.run(on_queue(&scripts::SET_ASIDE).arg(ticket).arg(epoch).arg(reason)).await?;
    if set_aside {
        codec::log_set_aside(&[format!("{ticket} {reason}")]);
    }
    Ok(())
}

/// A lease on its way to the one who asked. Dropped with the lease still inside, it puts the job back at the front.
struct HandOver {
    lease: Option<JobLease>,
    redis: Connection,
}

impl HandOver {
    async fn show_heartbeat(&self, ttl: Duration) {
        if let Some(lease) = &self.lease {
            leases::show_heartbeat(&self.redis, lease, ttl).await;
        }
    }

    fn accept(mut self) -> Option<JobLease> {
        self.lease.take()
    }
}

impl Drop for HandOver {
    fn drop(&mut self) {
        // Without a runtime the process is ending; then the lease lapses.
        let (Some(lease), Ok(runtime)) = (self.lease.take(), Handle::try_current()) else { return };
        let redis = self.redis.clone();
        runtime.spawn(async move {
            let back = runs::Back { reason: ReleaseReason::HandedBack, delay: Duration::ZERO, to_front: true };
            if let Err(error) = runs::release(&redis, &lease, back).await {
                tracing::warn!(%error, ticket.id = lease.job.key.ticket, "a job nobody waited for could not be put back; its lease will lapse");
            }
        });
    }
}
