//! Jobs, the leases on them, and the right to write to a ticket.
//!
//! A job is a claimed ticket on its way through the queue. Whoever wants to write to a ticket must hold either its
//! claim lock or the lease of its job; both implement [`WriteRight`], which a platform demands and checks. Only the
//! store makes them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::ticket::{Account, TicketKey};

/// How often a run is begun before its ticket is Failed, unless its pipeline says otherwise. Three: a crash of one box and
/// of the next one is bad luck, a third in a row is the job.
pub const MAX_ATTEMPTS: u32 = 3;

/// A claimed ticket and the pipeline that will run for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The ticket.
    pub key: TicketKey,
    /// Name of the pipeline, resolved at the claim.
    pub pipeline: String,
    /// Identifies this run for ever: a UUID, rising with time.
    pub run_id: String,
    /// What asked for the run; a removed trigger label takes the job back only when a trigger label asked for it.
    pub asked_by: AskedBy,
}

impl Job {
    /// A new job with a run id of its own.
    pub fn new(key: TicketKey, pipeline: impl Into<String>, asked_by: AskedBy) -> Self {
        Self { key, pipeline: pipeline.into(), run_id: uuid::Uuid::now_v7().to_string(), asked_by }
    }
}

/// What on the ticket asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedBy {
    /// A trigger label of the project.
    TriggerLabel,
    /// `agent-smith:pending`, set by a person on a ticket without a trigger label.
    PendingLabel,
    /// It was assigned to the account that the trigger section names.
    Assignment,
    /// A comment of somebody who may write to the tracker.
    Comment,
    /// An operator of this installation.
    Operator,
}

/// Where a job stands in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Recorded by a claim that has not made it visible to consumers yet.
    Claiming,
    /// Waits for a consumer.
    Queued,
    /// Leased by a consumer.
    Running,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every step succeeded.
    Done,
    /// A step failed, or the run could not be carried out.
    Failed,
    /// Somebody took the request back. Not a failure.
    Cancelled,
}

/// The terminal result of a run, as recorded in the store before it is shown on the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// How it ended.
    pub verdict: Verdict,
    /// The comment that tells a person what happened, in Markdown.
    pub comment: String,
}

/// A request for a run that was taken back: why, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Why.
    pub cause: Cause,
    /// The name that the platform shows for whoever did it, where that is known: one line of at most 100 characters.
    /// Data, never to be trusted.
    pub by: Option<String>,
}

/// Why a request was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The ticket was closed.
    TicketClosed,
    /// The trigger label that asked for the run was removed.
    TriggerRemoved,
    /// The ticket does not exist any more, or not here.
    TicketGone,
    /// Somebody said so. Labels that are still on the ticket do not ask again.
    Cancelled,
}

impl Withdrawal {
    /// Characters of a name that are kept: more than any platform's longest login.
    const LONGEST_NAME: usize = 100;

    /// A withdrawal by the one whom the platform shows as `by`.
    pub fn new(cause: Cause, by: Option<&str>) -> Self {
        let name = |by: &str| -> String {
            let words = by.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join(" ").chars().take(Self::LONGEST_NAME).collect()
        };
        Self { cause, by: by.map(name).filter(|name| !name.is_empty()) }
    }

    /// True when a trigger label that the ticket still carries must not ask for the next run: somebody stopped it with
    /// the label in place.
    pub fn outlives_the_job(&self) -> bool {
        self.cause == Cause::Cancelled
    }

    /// True when it takes back a job that was asked for like this. A removed label takes back only what it asked for.
    pub fn applies_to(&self, asked_by: AskedBy) -> bool {
        self.cause != Cause::TriggerRemoved || asked_by == AskedBy::TriggerLabel
    }

    /// Completes "because ...", with the name written as `show` does.
    pub fn in_words(&self, show: impl Fn(&str) -> String) -> String {
        let by = self.by.as_deref().map_or(String::new(), |by| format!(" by {}", show(by)));
        match self.cause {
            Cause::TicketClosed => format!("the ticket was closed{by}"),
            Cause::TriggerRemoved => format!("the trigger label was removed{by}"),
            Cause::TicketGone => format!("the ticket was moved or deleted{by}"),
            Cause::Cancelled => format!("it was cancelled{by}"),
        }
    }
}

/// Completes "because ...", for the log.
impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words(str::to_owned))
    }
}

/// The right to write to one ticket, for a limited time.
///
/// A platform refuses a write whose right has run out, because by then somebody else may hold it.
pub trait WriteRight: Send + Sync {
    /// The ticket this right is for.
    fn ticket(&self) -> &TicketKey;
    /// After this instant the holder may write nothing.
    fn valid_until(&self) -> Instant;
    /// True while the holder may write.
    fn is_valid(&self) -> bool {
        Instant::now() < self.valid_until()
    }
}

/// Somebody of whom it was found out that they may give orders: the witness that an answer to them demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitled(Account);

impl Entitled {
    /// For the claim room alone, which has asked the configuration and the platform.
    pub fn found(account: Account) -> Self {
        Self(account)
    }

    /// Who it is.
    pub fn account(&self) -> &Account {
        &self.0
    }
}

/// The short mutex around a claim. Holding one proves that no other claim of this ticket is under way.
#[derive(Debug)]
pub struct ClaimLock {
    key: TicketKey,
    token: String,
    valid_until: Instant,
}

impl ClaimLock {
    /// How long a claim lock lasts. The claim inside must be over by then; 30 s leaves room for four calls of 5 s.
    pub const TTL: Duration = Duration::from_secs(30);
    /// Taken off the end, for clocks that run at different speeds and for a write that is already on its way.
    const MARGIN: Duration = Duration::from_secs(2);

    /// For the store alone: the lock it has just obtained, asked for at `asked_at`.
    pub fn obtained(key: TicketKey, token: String, asked_at: Instant) -> Self {
        Self { key, token, valid_until: asked_at + Self::TTL - Self::MARGIN }
    }

    /// The value that proves ownership when the lock is released.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl WriteRight for ClaimLock {
    fn ticket(&self) -> &TicketKey {
        &self.key
    }
    fn valid_until(&self) -> Instant {
        self.valid_until
    }
}

/// A job that this process has taken, and for how long it may act on it.
///
/// Clones share the deadline: a renewal by the heartbeat is seen by the run.
#[derive(Debug, Clone)]
pub struct JobLease {
    /// The job.
    pub job: Job,
    /// 1 for the first take, higher after a crash.
    pub attempt: u32,
    /// Rises with every take of any job. A stale epoch may write nothing.
    pub epoch: u64,
    /// Who took it, as told to the store.
    pub consumer: String,
    /// A result that an earlier attempt recorded and did not get to show.
    pub earlier_result: Option<RunResult>,
    /// A stop that was asked for before this take, while an earlier attempt ran: the steps must not run again.
    pub stop_asked: Option<Withdrawal>,
    /// How long before this take the ticket was claimed, by the store's clock. Data that were lost begin anew.
    pub age: Duration,
    generation: Arc<Mutex<String>>,
    deadline: Arc<Deadline>,
}

#[derive(Debug)]
struct Deadline {
    base: Instant,
    millis: AtomicU64,
}

impl JobLease {
    /// For the store alone: a lease asked for at `asked_at` that lasts `ttl`.
    pub fn obtained(
        job: Job,
        (attempt, epoch, generation): (u32, u64, String),
        earlier_result: Option<RunResult>,
        (asked_at, ttl): (Instant, Duration),
    ) -> Self {
        let deadline = Arc::new(Deadline { base: asked_at, millis: AtomicU64::new(0) });
        let generation = Arc::new(Mutex::new(generation));
        let (consumer, stop_asked, age) = (String::new(), None, Duration::ZERO);
        let lease = Self { job, attempt, epoch, consumer, earlier_result, stop_asked, age, generation, deadline };
        lease.extend(asked_at, ttl);
        lease
    }

    /// For the store alone: names the consumer that took the job.
    #[must_use]
    pub fn held_by(self, consumer: impl Into<String>) -> Self {
        Self { consumer: consumer.into(), ..self }
    }

    /// For the store alone: a stop was asked for before this take.
    #[must_use]
    pub fn asked_to_stop(self, stop_asked: Option<Withdrawal>) -> Self {
        Self { stop_asked, ..self }
    }

    /// For the store alone: so long before this take the ticket was claimed.
    #[must_use]
    pub fn claimed_ago(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    /// Identifies the life of the store's data that knows this lease; differs after the store came back empty.
    pub fn generation(&self) -> String {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For the store alone: a new life of the data knows the lease now. Clones see it too.
    pub fn adopt_generation(&self, generation: String) {
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner) = generation;
    }

    /// Moves the deadline after a renewal that was asked for at `asked_at` and granted for `ttl`.
    ///
    /// A tenth is kept back, five seconds at most: the holder stops before the store may give the job away.
    pub fn extend(&self, asked_at: Instant, ttl: Duration) {
        let margin = (ttl / 10).min(Duration::from_secs(5));
        let until = asked_at.saturating_duration_since(self.deadline.base) + ttl.saturating_sub(margin);
        let millis = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.deadline.millis.fetch_max(millis, Ordering::AcqRel);
    }

    /// Ends the right at once, because the store said that somebody else has the job.
    pub fn revoke(&self) {
        self.deadline.millis.store(0, Ordering::Release);
    }
}

impl WriteRight for JobLease {
    fn ticket(&self) -> &TicketKey {
        &self.job.key
    }
    fn valid_until(&self) -> Instant {
        self.deadline.base + Duration::from_millis(self.deadline.millis.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::PlatformKind;

    #[test]
    fn a_withdrawal_names_who_and_why_in_one_line() {
        let by = |by: &str| Withdrawal::new(Cause::Cancelled, Some(by));
        assert_eq!(by(" Ann\n\u{7}  Lee ").to_string(), "it was cancelled by Ann Lee");
        assert_eq!(by("\n").to_string(), "it was cancelled");
        assert_eq!(by(&"ü".repeat(300)).by.map(|name| name.chars().count()), Some(100));
        let removed = Withdrawal::new(Cause::TriggerRemoved, None);
        assert_eq!(removed.to_string(), "the trigger label was removed");
        assert!(removed.applies_to(AskedBy::TriggerLabel) && !removed.applies_to(AskedBy::PendingLabel));
        assert!(!removed.outlives_the_job() && by("x").outlives_the_job());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_before_its_ttl_and_renewals_are_shared() {
        let job = Job::new(TicketKey::new(PlatformKind::GitHub, "p", "1"), "fix-bug", AskedBy::TriggerLabel);
        let start = Instant::now();
        let lease = JobLease::obtained(job, (1, 7, "g".into()), None, (start, Duration::from_secs(20)));
        let shared = lease.clone();
        tokio::time::advance(Duration::from_secs(17)).await;
        assert!(shared.is_valid());
        lease.extend(Instant::now(), Duration::from_secs(20));
        tokio::time::advance(Duration::from_secs(17)).await;
        assert!(shared.is_valid());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!shared.is_valid());
        lease.extend(Instant::now(), Duration::from_secs(20));
        assert!(shared.is_valid());
        shared.revoke();
        assert!(!lease.is_valid());
    }
}
