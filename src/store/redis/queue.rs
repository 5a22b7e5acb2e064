//! Taking a job, and waiting for one.
//!
//! Who calls: `backend`. What must stay true: a wait holds no connection; no announcement is lost between asking and
//! waiting; a take that is dropped at any point loses nothing, not even an attempt, and neither does one whose answer
//! got lost on the way.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use crate::store::concurrency::{Full, HeldBack};
use crate::store::{Concurrency, Error, ReleaseReason, Result};

/// Questions kept whose answer got lost. A process asks a few at a time; the lease of a forgotten one lapses.
const MOST_UNANSWERED: usize = 64;
/// A question that failed faster than this is asked once more: the connection had broken unnoticed.
const ASK_AGAIN_WITHIN: Duration = Duration::from_millis(500);

/// Asks for jobs. Clones share what is unanswered.
#[derive(Debug, Clone)]
pub(super) struct Taker {
    redis: Connection,
    /// Tokens of questions that Redis may have answered with a job although we did not hear it. The next question uses
    /// the token again and so gets that very job.
    unanswered: Arc<Mutex<Vec<String>>>,
    held_back: Arc<HeldBack>,
}

/// For whom a job is taken: consumer, lease, and the limits in the words of the script.
type Asker = (String, Duration, Arc<[String]>);

enum Answer<L> {
    Job(L),
    Nothing { due_in: Option<Duration> },
}

impl Taker {
    /// Takes through this connection.
    pub(super) fn through(redis: Connection) -> Self {
        Self { redis, unanswered: Arc::default(), held_back: Arc::default() }
    }

    /// The next job that the limits let run, waiting up to `wait` for one.
    pub(super) async fn take(
        &self,
        announcements: &Announcements,
        (consumer, ttl): (&str, Duration),
        wait: Duration,
        limits: &Concurrency,
    ) -> Result<Option<JobLease>> {
        let asker: Asker = (consumer.to_owned(), ttl, in_words(limits));
        let until = Instant::now() + wait;
        loop {
            let mut announced = std::pin::pin!(announcements.jobs().notified());
            // Listening before asking: what becomes visible after the question ends the wait.
            announced.as_mut().enable();
            match self.take_unharmed(&asker).await? {
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

    /// Asks in a task of its own: when the caller is dropped while the question is on its way, the job that comes back
    /// is put back.
    async fn take_unharmed(&self, asker: &Asker) -> Result<Answer<JobLease>> {
        let (taker, asker) = (self.clone(), asker.clone());
        let asking = async move { taker.take_readable(&asker).await };
        let cut_off = |why: String| Error::Unavailable(format!("the take was cut off: {why}"));
        match tokio::spawn(asking.in_current_span()).await.map_err(|error| cut_off(error.to_string()))?? {
            Answer::Job(hand_over) => hand_over.accept().map(Answer::Job).ok_or_else(|| cut_off("no lease".into())),
            Answer::Nothing { due_in } => Ok(Answer::Nothing { due_in }),
        }
    }

    /// Takes until a job is readable; the others are set aside.
    async fn take_readable(&self, asker: &Asker) -> Result<Answer<HandOver>> {
        let (consumer, ttl) = (asker.0.as_str(), asker.1);
        loop {
            let asked_at = Instant::now();
            let (found, fields, aside, full) = self.ask(asker).await?;
            codec::log_set_aside(&aside);
            if found != "job" {
                self.held_back.note(read_full(&full));
                let due_in = fields.first().filter(|millis| !millis.is_empty());
                let due_in = due_in.map(|millis| codec::number("the next delayed job", "due time", millis));
                return Ok(Answer::Nothing { due_in: due_in.transpose()?.map(Duration::from_millis) });
            }
            match read_lease(&fields, consumer, (asked_at, ttl)) {
                Ok(lease) => {
                    let hand_over = HandOver { lease: Some(lease), redis: self.redis.clone() };
                    hand_over.show_heartbeat(ttl).await;
                    return Ok(Answer::Job(hand_over));
                }
                Err(error) => {
                    let (ticket, epoch) = (text(&fields, 0), text(&fields, 5));
                    set_aside(&self.redis, ticket, epoch, &error.to_string()).await?;
                }
            }
        }
    }

    /// One question, asked a second time if it failed at once. Its token makes asking again safe.
    async fn ask(&self, asker: &Asker) -> Result<Reply> {
        let asked_before = self.unanswered().pop();
        let again = asked_before.is_some();
        let token = asked_before.unwrap_or_else(codec::random_token);
        let asked_at = Instant::now();
        let mut reply = self.ask_once(asker, &token, again).await;
        if reply.is_err() && asked_at.elapsed() < ASK_AGAIN_WITHIN {
            reply = self.ask_once(asker, &token, true).await;
        }
        if matches!(reply, Err(Error::Unavailable(_))) {
            let mut unanswered = self.unanswered();
            if unanswered.len() < MOST_UNANSWERED {
                unanswered.push(token);
            }
        }
        reply
    }

    async fn ask_once(&self, (consumer, ttl, limits): &Asker, token: &str, again: bool) -> Result<Reply> {
        let mut call = on_queue(if limits.is_empty() { &scripts::TAKE } else { &scripts::TAKE_WITHIN });
        call.arg(consumer).arg(millis(*ttl)).arg(codec::random_token()).arg(token).arg(if again {
            "again"
        } else {
            ""
        });
        for word in limits.iter() {
            call.arg(word);
        }
        self.redis.run(&call).await
    }

    fn unanswered(&self) -> MutexGuard<'_, Vec<String>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `job` or `none`, its fields, what was set aside, and what is full.
type Reply = (String, Vec<String>, Vec<String>, Vec<String>);

/// The limits as `pop_within.lua` reads them; nothing at all when there are none.
fn in_words(limits: &Concurrency) -> Arc<[String]> {
    if limits.is_none() {
        return Arc::default();
    }
    let [projects, pipelines] = limits.by_name();
    let count = projects.len().to_string();
    let pairs = projects.chain(pipelines).flat_map(|(name, most)| [name.to_owned(), most.to_string()]);
    std::iter::once(count).chain(pairs).collect()
}

fn read_full(pairs: &[String]) -> BTreeSet<Full> {
    let limit = |pair: &[String]| match pair[0].as_str() {
        "project" => Full::Project(pair[1].clone()),
        _ => Full::Pipeline(pair[1].clone()),
    };
    pairs.chunks_exact(2).map(limit).collect()
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
    let lease = JobLease::obtained(job, (attempt, epoch, field(6).to_owned()), earlier, term);
    let age = Duration::from_millis(codec::number(field(0), "age", field(11))?);
    Ok(lease.held_by(consumer).asked_to_stop(codec::withdrawal(field(9), field(10))).claimed_ago(age))
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
