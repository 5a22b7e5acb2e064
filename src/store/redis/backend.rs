//! [`RedisStore`]: the contract, method by method, in terms of the files beside this one.
//!
//! Who calls: `app` makes one, everything else sees a `dyn Store`. What must stay true: no logic here.

use std::time::Duration;

use async_trait::async_trait;

use super::announcements::Announcements;
use super::claims::{self, End};
use super::connection::Connection;
use super::queue::Taker;
use super::{deliveries, housekeeping, leases, records, runs, view, waiting, withdrawals};
use crate::job::{ClaimLock, Job, JobLease, JobState, RunResult, Withdrawal};
use crate::run_record::{RunNote, RunRecord};
use crate::store::view::{JobView, LastRun};
use crate::store::{
    Acquisition, Attempt, AttemptLimits, Concurrency, DeliveryHold, HalfMadeClaim, LeaseName, QueueCounts, Recorded,
    Recovered, ReleaseReason, Renewal, Result, StopHints, Store, WaitingLine, Withdrawn,
};
use crate::ticket::{PlatformKind, TicketKey};

/// The store in a Redis that any number of replicas share.
#[derive(Debug)]
pub struct RedisStore {
    redis: Connection,
    announcements: Announcements,
    taker: Taker,
}

impl RedisStore {
    /// A store at `redis://[user:password@]host[:port][/db]` or `rediss://…` (TLS). Succeeds while Redis is away: it
    /// connects at the first call, and again whenever the connection was lost.
    ///
    /// # Errors
    /// Only when `url` is not such an address; the text names `REDIS_URL` and never shows the password.
    pub fn connect(url: &str) -> Result<Self> {
        let redis = Connection::to(url)?;
        let announcements = Announcements::of(redis.client().clone());
        let taker = Taker::through(redis.clone());
        Ok(Self { redis, announcements, taker })
    }
}

#[async_trait]
impl Store for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn ping(&self) -> Result<()> {
        leases::probe(&self.redis).await
    }

    async fn acquire_lease(&self, name: LeaseName, holder: &str, ttl: Duration) -> Result<Acquisition> {
        leases::acquire(&self.redis, name, holder, ttl).await
    }

    async fn renew_lease(&self, name: LeaseName, holder: &str, ttl: Duration) -> Result<bool> {
        leases::renew(&self.redis, name, holder, ttl).await
    }

    async fn release_lease(&self, name: LeaseName, holder: &str) -> Result<bool> {
        leases::release(&self.redis, name, holder).await
    }

    async fn lease_released(&self) {
        self.announcements.leases().notified().await;
    }

    async fn lock_claim(&self, key: &TicketKey) -> Result<Option<ClaimLock>> {
        leases::lock_claim(&self.redis, key).await
    }

    async fn unlock_claim(&self, lock: ClaimLock) -> Result<()> {
        leases::unlock_claim(&self.redis, &lock).await
    }

    async fn record_claim(&self, lock: &ClaimLock, job: &Job) -> Result<Recorded> {
        claims::record(&self.redis, lock, job).await
    }

    async fn publish_claim(&self, job: &Job) -> Result<bool> {
        claims::end(&self.redis, job, End::Publish).await
    }

    async fn drop_claim(&self, job: &Job) -> Result<bool> {
        claims::end(&self.redis, job, End::Drop).await
    }

    async fn half_made_claims(&self, older_than: Duration, limit: usize) -> Result<Vec<HalfMadeClaim>> {
        claims::half_made(&self.redis, older_than, limit).await
    }

    async fn take_within(
        &self,
        consumer: &str,
        ttl: Duration,
        wait: Duration,
        limits: &Concurrency,
    ) -> Result<Option<JobLease>> {
        self.taker.take(&self.announcements, (consumer, ttl), wait, limits).await
    }

    async fn begin_attempt(&self, lease: &JobLease, limits: &AttemptLimits<'_>) -> Result<Attempt> {
        runs::begin_attempt(&self.redis, lease, limits).await
    }

    async fn renew(&self, lease: &JobLease, ttl: Duration) -> Result<Renewal> {
        runs::renew(&self.redis, lease, ttl).await
    }

    async fn confirm(&self, lease: &JobLease) -> Result<bool> {
        runs::confirm(&self.redis, lease).await
    }

    async fn record_result(&self, lease: &JobLease, result: &RunResult) -> Result<Option<RunResult>> {
        runs::record_result(&self.redis, lease, result).await
    }

    async fn finish(&self, lease: &JobLease) -> Result<bool> {
        runs::finish(&self.redis, lease).await
    }

    async fn release(&self, lease: &JobLease, reason: ReleaseReason, delay: Duration) -> Result<bool> {
        runs::release(&self.redis, lease, runs::Back { reason, delay, to_front: false }).await
    }

    async fn hold_delivery(&self, id: &str, holder: &str, ttl: Duration) -> Result<DeliveryHold> {
        deliveries::hold(&self.redis, id, holder, ttl).await
    }

    async fn answer_delivery(&self, id: &str, holder: &str, answer: &str, ttl: Duration) -> Result<bool> {
        deliveries::answer(&self.redis, id, (holder, answer), ttl).await
    }

    async fn drop_delivery(&self, id: &str, holder: &str) -> Result<bool> {
        deliveries::drop_held(&self.redis, id, holder).await
    }

    async fn note_offer(&self, ticket: &TicketKey, ttl: Duration) -> Result<()> {
        deliveries::note_offer(&self.redis, ticket, ttl).await
    }

    async fn offered(&self, tickets: &[TicketKey]) -> Result<Vec<bool>> {
        deliveries::offered(&self.redis, tickets).await
    }

    async fn since_last_offer(&self, platform: PlatformKind, project: &str, ttl: Duration) -> Result<Option<Duration>> {
        deliveries::since_last_offer(&self.redis, platform, project, ttl).await
    }

    async fn withdraw(&self, key: &TicketKey, withdrawal: &Withdrawal) -> Result<Withdrawn> {
        withdrawals::withdraw(&self.redis, key, withdrawal).await
    }

    async fn withdrawals(&self, keys: &[TicketKey]) -> Result<Vec<Option<Withdrawal>>> {
        withdrawals::remembered(&self.redis, keys).await
    }

    async fn withdrawn_tickets(&self) -> Result<Vec<TicketKey>> {
        withdrawals::tickets(&self.redis).await
    }

    async fn forget_withdrawal(&self, key: &TicketKey) -> Result<()> {
        withdrawals::forget(&self.redis, key).await
    }

    async fn look(&self, key: &TicketKey) -> Result<Option<JobView>> {
        view::look(&self.redis, key).await
    }

    async fn waiting(&self, of_each: usize, in_all: usize) -> Result<Vec<WaitingLine>> {
        waiting::waiting(&self.redis, of_each, in_all).await
    }

    async fn last_run(&self, key: &TicketKey) -> Result<Option<LastRun>> {
        view::last_run(&self.redis, key).await
    }

    async fn record_run(&self, lease: &JobLease, note: &RunNote) -> Result<bool> {
        records::note(&self.redis, lease, note).await
    }

    async fn runs(&self, before: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        records::list(&self.redis, before, limit).await
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>> {
        records::one(&self.redis, run_id).await
    }

    fn stop_hints(&self) -> StopHints {
        self.announcements.stops()
    }

    async fn recover_lapsed(&self, limit: usize) -> Result<Vec<Recovered>> {
        housekeeping::recover_lapsed(&self.redis, limit).await
    }

    async fn job_states(&self, keys: &[TicketKey]) -> Result<Vec<Option<JobState>>> {
        housekeeping::job_states(&self.redis, keys).await
    }

    async fn live_jobs(&self, platform: PlatformKind, ticket: &str) -> Result<Vec<(TicketKey, JobState)>> {
        housekeeping::live_jobs(&self.redis, platform, ticket).await
    }

    async fn silence_counts_in(&self, ttl: Duration) -> Result<Duration> {
        housekeeping::silence_counts_in(&self.redis, ttl).await
    }

    async fn counts(&self) -> Result<QueueCounts> {
        housekeeping::counts(&self.redis).await
    }
}
