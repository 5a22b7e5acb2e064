//! The store's contract: leases, claim locks, claim records, the fair job queue, heartbeats, recovery.
//!
//! Two backends keep it: `redis` for any number of replicas, `embedded` for one box. One conformance suite
//! (`tests/store.rs`) runs on both. Only this room speaks Redis. Who calls: the leader loop (leases), the claim
//! service (locks and records), the consumer (queue), housekeeping (recovery and look-ups).
//!
//! What must stay true: every multi-key change is atomic; a ticket has at most one live job; epochs rise with every
//! take, also across a loss of the data; a write with a stale epoch changes nothing.

use std::time::Duration;

use async_trait::async_trait;

use crate::job::{ClaimLock, Job, JobLease, JobState, RunResult, Verdict, Withdrawal};
use crate::run_record::{RunNote, RunRecord};
use crate::ticket::{PlatformKind, TicketKey};

mod budget;
mod concurrency;
pub mod embedded;
mod limits;
pub mod redis;
mod stops;
mod view;
mod waiting;

pub use budget::{Attempt, AttemptLimits};
pub use concurrency::{Concurrency, UnderWay};
pub use limits::{MAX_ENDED_RUNS, RUNS_REMEMBERED};
pub use stops::StopHints;
pub use view::{JobView, LastRun};
pub use waiting::WaitingLine;

/// Why the store could not answer. Expected refusals are outcomes, not errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be reached or did not answer in time. Worth a retry.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// The store answered with something that it should not hold. Not worth a retry.
    #[error("store holds malformed data: {0}")]
    Malformed(String),
    /// The store answers, and takes no more of this. Passes when jobs end.
    #[error("{0}")]
    Full(String),
}

/// The store's answer.
pub type Result<T> = std::result::Result<T, Error>;

/// A lease that at most one process holds at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseName {
    /// Polls the platforms.
    Poller,
    /// Runs the reconcilers.
    Housekeeping,
}

impl LeaseName {
    /// The word in the store's key, in logs and on `/health`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poller => "poller",
            Self::Housekeeping => "housekeeping",
        }
    }
}

/// What became of an attempt to get a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquisition {
    /// The lease is the caller's.
    Obtained,
    /// Somebody else has it, and keeps it for this long unless they renew it or give it up.
    HeldByOther {
        /// From now.
        expires_in: Duration,
    },
}

impl Acquisition {
    /// True when the lease is the caller's.
    pub fn is_obtained(self) -> bool {
        self == Self::Obtained
    }
}

/// What the store says of an attempt to record a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The claim is recorded; the caller owns the ticket's next run.
    New,
    /// The ticket has a live job already.
    AlreadyLive(JobState),
}

/// What a heartbeat learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// The lease goes on.
    Renewed,
    /// The lease goes on, and somebody asked the run to stop.
    StopAsked(Withdrawal),
    /// The store had lost its data since the take; the job is registered again and the lease goes on.
    Restored,
    /// Somebody else has the job, or it is over. The run must stop and write nothing more.
    Lost,
}

/// What became of taking a ticket's request back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// The ticket has no live job.
    Nothing,
    /// It has one, and this withdrawal does not take it back: something else asked for the run.
    Kept,
    /// The job waited for a consumer, or to become visible, and is gone.
    Dropped(Job),
    /// The job was taken already: its run is asked to stop, now or by an earlier request, which stands.
    Stopping,
    /// Too late: the run is over with this result, which stands.
    Over(Verdict),
}

/// Why a job goes back to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The consumer gives it back unharmed (shutdown, platform not reachable): the attempt does not count.
    HandedBack,
    /// The attempt broke off: the next take is attempt + 1.
    Broken,
}

/// A job whose lease lapsed and that is queued again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The ticket.
    pub key: TicketKey,
    /// The number of the attempt that broke off.
    pub attempt: u32,
    /// Who held it.
    pub consumer: String,
}

/// A claim that was recorded and neither made visible nor dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalfMadeClaim {
    /// The job it would have become.
    pub job: Job,
}

/// What became of an attempt to hold a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryHold {
    /// The delivery is the caller's to act on.
    Held,
    /// Somebody else is at work on it.
    HeldByOther,
    /// It was acted on, and this was the answer.
    Answered(String),
}

/// How long it is remembered that a webhook offered a ticket: longer than the poll waits for a webhook that is late.
pub const OFFER_REMEMBERED: Duration = Duration::from_secs(600);

/// How many jobs stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Recorded, not visible yet.
    pub claiming: u64,
    /// Waiting, delayed ones included.
    pub queued: u64,
    /// Leased.
    pub running: u64,
    /// Entries set aside because they could not be read.
    pub set_aside: u64,
}

/// The contract. Every method may fail with [`Error::Unavailable`]; none waits longer than about three seconds, except
/// [`Store::take_within`] and [`Store::lease_released`], which wait by design and can be dropped at any time without harm.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// `redis` or `embedded`, for logs and `/health`.
    fn kind(&self) -> &'static str;

    /// Finds out whether the store answers and takes writes.
    async fn ping(&self) -> Result<()>;

    // --- leases -------------------------------------------------------------------------------------------------

    /// Tries to become the holder for `ttl`. A lease that `holder` holds already is extended.
    async fn acquire_lease(&self, name: LeaseName, holder: &str, ttl: Duration) -> Result<Acquisition>;
    /// Extends a lease that `holder` holds. False: it is no longer theirs.
    async fn renew_lease(&self, name: LeaseName, holder: &str, ttl: Duration) -> Result<bool>;
    /// Gives a lease up, only if `holder` holds it, and tells the waiting ones.
    async fn release_lease(&self, name: LeaseName, holder: &str) -> Result<bool>;
    /// Resolves when some lease was given up. A hint that can get lost: wait on it only beside a timer.
    async fn lease_released(&self);

    // --- claim --------------------------------------------------------------------------------------------------

    /// Takes the claim lock of a ticket for [`ClaimLock::TTL`]; `None` when somebody else has it.
    async fn lock_claim(&self, key: &TicketKey) -> Result<Option<ClaimLock>>;
    /// Releases the lock by compare-and-delete. A lock that has expired meanwhile is no error.
    async fn unlock_claim(&self, lock: ClaimLock) -> Result<()>;
    /// Records the claim, unless the ticket has a live job. The job is not visible to consumers yet.
    async fn record_claim(&self, lock: &ClaimLock, job: &Job) -> Result<Recorded>;
    /// Makes a recorded claim visible to consumers and wakes one. False: there is no such claim any more.
    async fn publish_claim(&self, job: &Job) -> Result<bool>;
    /// Forgets a recorded claim that is not visible yet. False: there is none.
    async fn drop_claim(&self, job: &Job) -> Result<bool>;
    /// Up to `limit` claims that were recorded at least `older_than` ago and are still not visible, oldest first.
    async fn half_made_claims(&self, older_than: Duration, limit: usize) -> Result<Vec<HalfMadeClaim>>;

    // --- queue --------------------------------------------------------------------------------------------------

    /// Takes the next job for `ttl` that these limits let run: round-robin over projects, first in first out inside one.
    /// A project that has as many runs as it may is passed over, and inside a project so are jobs of such a pipeline, as
    /// far as some fifty jobs are looked at; what was passed over keeps its place. A job that has a result already, or was
    /// asked to stop, has no steps to run: it is first and needs no slot. Waits up to `wait` for a job to
    /// appear or a slot to become free; `None` when none did. Raises the epoch and the number of the attempt. An entry
    /// that cannot be read is set aside with a reason and logged.
    async fn take_within(
        &self,
        consumer: &str,
        ttl: Duration,
        wait: Duration,
        limits: &Concurrency,
    ) -> Result<Option<JobLease>>;
    /// The same without limits.
    async fn take(&self, consumer: &str, ttl: Duration, wait: Duration) -> Result<Option<JobLease>> {
        self.take_within(consumer, ttl, wait, &Concurrency::NONE).await
    }
    /// Asks, right before the steps of an attempt begin, whether these limits let them, and counts the attempt if so. The
    /// same attempt is counted once, however often it asks and is handed back. From then until the lease ends the time counts for the run. What
    /// was counted is lost with the data.
    async fn begin_attempt(&self, lease: &JobLease, limits: &AttemptLimits<'_>) -> Result<Attempt>;
    /// Heartbeat: extends the lease in the store and, on success, the lease's own deadline.
    async fn renew(&self, lease: &JobLease, ttl: Duration) -> Result<Renewal>;
    /// True when the lease's epoch is still the job's epoch. Ask before each write to a ticket.
    async fn confirm(&self, lease: &JobLease) -> Result<bool>;
    /// Records the terminal result, before it is shown on the ticket. The first one stands; returns the one that
    /// stands, or `None` when the epoch is stale.
    async fn record_result(&self, lease: &JobLease, result: &RunResult) -> Result<Option<RunResult>>;
    /// Ends the job. False: the epoch is stale and nothing was changed.
    async fn finish(&self, lease: &JobLease) -> Result<bool>;
    /// Puts the job back at the end of its project's queue (at its front if only its end is left to show), visible after `delay`; at once when the attempt broke off and
    /// somebody has asked the run to stop meanwhile. False: the epoch is stale.
    async fn release(&self, lease: &JobLease, reason: ReleaseReason, delay: Duration) -> Result<bool>;

    // --- withdrawal ---------------------------------------------------------------------------------------------

    /// Takes a ticket's request back, in one step: a job that waits is dropped, whether it is being claimed, queued or
    /// delayed; one that was taken is asked to stop, and the one who runs it gets a hint. The first request stands, and so
    /// does a result that is recorded. A withdrawal that drops a job, or that outlives it
    /// ([`Withdrawal::outlives_the_job`]), is remembered until it is forgotten or a later run of the ticket ends Done
    /// or Failed.
    async fn withdraw(&self, key: &TicketKey, withdrawal: &Withdrawal) -> Result<Withdrawn>;
    /// The withdrawal that is remembered for each ticket.
    async fn withdrawals(&self, keys: &[TicketKey]) -> Result<Vec<Option<Withdrawal>>>;
    /// The tickets of which a withdrawal is remembered, in no order.
    async fn withdrawn_tickets(&self) -> Result<Vec<TicketKey>>;
    /// Forgets the withdrawal of a ticket.
    async fn forget_withdrawal(&self, key: &TicketKey) -> Result<()>;
    /// The live job of a ticket, for a person who asks. Costs time in proportion to the queue of its project.
    async fn look(&self, key: &TicketKey) -> Result<Option<JobView>>;
    /// The jobs that wait visibly: up to `of_each` of a project and `in_all` together, the project whose turn is next
    /// first. Costs time in proportion to what is told.
    async fn waiting(&self, of_each: usize, in_all: usize) -> Result<Vec<WaitingLine>>;
    /// How the last run of a ticket ended, if it recorded a result within about a month.
    async fn last_run(&self, key: &TicketKey) -> Result<Option<LastRun>>;
    /// Hints about runs that are asked to stop from now on.
    fn stop_hints(&self) -> StopHints;

    // --- records of runs ----------------------------------------------------------------------------------------

    // A record begins with the claim, follows the job by itself, and is gone with a claim that did not come about. Those
    // of runs that are over are kept for RUNS_REMEMBERED, the newest MAX_ENDED_RUNS.

    /// Writes down how far the run of this lease is. False: the epoch is stale and nothing was changed.
    async fn record_run(&self, lease: &JobLease, note: &RunNote) -> Result<bool>;
    /// Up to `limit` runs, the newest claim first, that were claimed before the run `before`.
    async fn runs(&self, before: Option<&str>, limit: usize) -> Result<Vec<RunRecord>>;
    /// One run.
    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>>;

    // --- webhooks -----------------------------------------------------------------------------------------------

    /// Holds a delivery for `ttl`, or goes on holding one that is `holder`'s already. What nobody goes on holding and
    /// nobody answers is free again at its end. `id` is at most a few hundred bytes.
    async fn hold_delivery(&self, id: &str, holder: &str, ttl: Duration) -> Result<DeliveryHold>;
    /// Remembers for `ttl` how a delivery was answered. False: it is not `holder`'s any more and nothing was changed.
    async fn answer_delivery(&self, id: &str, holder: &str, answer: &str, ttl: Duration) -> Result<bool>;
    /// Lets go of a delivery unanswered, so that it may be sent again. False: it is not `holder`'s any more.
    async fn drop_delivery(&self, id: &str, holder: &str) -> Result<bool>;
    /// Remembers for `ttl` that a webhook offered this ticket to the claim service.
    async fn note_offer(&self, ticket: &TicketKey, ttl: Duration) -> Result<()>;
    /// For each ticket whether that is remembered.
    async fn offered(&self, tickets: &[TicketKey]) -> Result<Vec<bool>>;
    /// How long ago a webhook offered any ticket of this project, if that is remembered. `ttl`: as in
    /// [`Store::note_offer`].
    async fn since_last_offer(&self, platform: PlatformKind, project: &str, ttl: Duration) -> Result<Option<Duration>>;

    // --- housekeeping -------------------------------------------------------------------------------------------

    /// Puts up to `limit` jobs whose lease lapsed back to the front of their queue; the next take is attempt + 1.
    async fn recover_lapsed(&self, limit: usize) -> Result<Vec<Recovered>>;
    /// For each ticket the state of its live job; a ticket with a heartbeat but no job counts as running.
    async fn job_states(&self, keys: &[TicketKey]) -> Result<Vec<Option<JobState>>>;
    /// Every live job of a ticket on this platform, under whatever project's name: a project that was renamed or removed
    /// from the file leaves its jobs behind under the old one. Costs time in proportion to all live jobs.
    async fn live_jobs(&self, platform: PlatformKind, ticket: &str) -> Result<Vec<(TicketKey, JobState)>>;
    /// How long to wait before the absence of a job may be believed: zero when the store has had its data for at
    /// least `ttl`, or when nothing can have survived its start (embedded).
    async fn silence_counts_in(&self, ttl: Duration) -> Result<Duration>;
    /// How many jobs stand where.
    async fn counts(&self) -> Result<QueueCounts>;
}
