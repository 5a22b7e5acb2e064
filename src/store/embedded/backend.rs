//! [`EmbeddedStore`]: the contract over plain data structures behind one mutex.
//!
//! Who calls: `app` makes one, everything else sees a `dyn Store`. What must stay true: the mutex is never held across
//! an await, so a dropped call has either happened or not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::entry::Taken;
use super::state::{Delivery, State};
use crate::job::{ClaimLock, Job, JobLease, JobState, RunResult, Withdrawal, WriteRight};
use crate::run_record::{RunNote, RunRecord, RunState};
use crate::store::concurrency::HeldBack;
use crate::store::stops::{Announcer, StopHints};
use crate::store::view::{JobView, LAST_RUN_REMEMBERED, LastRun};
use crate::store::{
    Acquisition, Attempt, AttemptLimits, Concurrency, DeliveryHold, Error, HalfMadeClaim, LeaseName, QueueCounts,
    Recorded, Recovered, ReleaseReason, Renewal, Result, Store, WaitingLine, Withdrawn,
};
use crate::ticket::{PlatformKind, TicketKey};

/// The store in the memory of this process.
#[derive(Debug)]
pub struct EmbeddedStore {
    state: Mutex<State>,
    job_visible: Notify,
    lease_free: Notify,
    stops: Announcer,
    held_back: HeldBack,
    generation: String,
}

impl EmbeddedStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            job_visible: Notify::new(),
            lease_free: Notify::new(),
            stops: Announcer::default(),
            held_back: HeldBack::default(),
            generation: random_token(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease(&self, taken: Taken, consumer: &str, term: (Instant, Duration)) -> JobLease {
        let identity = (taken.attempt, taken.epoch, self.generation.clone());
        let lease = JobLease::obtained(taken.job, identity, taken.earlier_result, term);
        lease.held_by(consumer).asked_to_stop(taken.stop_asked).claimed_ago(taken.age)
    }
}

impl Default for EmbeddedStore {
    fn default() -> Self {
        Self::new()
    }
}

fn random_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[async_trait]
impl Store for EmbeddedStore {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn acquire_lease(&self, name: LeaseName, holder: &str, ttl: Duration) -> Result<Acquisition> {
        let (mut state, now) = (self.state(), Instant::now());
        if state.leases.extend(name, holder, ttl, now) || state.leases.take(name, holder, ttl, now) {
            return Ok(Acquisition::Obtained);
        }
        Ok(Acquisition::HeldByOther { expires_in: state.leases.expires_in(&name, now) })
    }

    async fn renew_lease(&self, name: LeaseName, holder: &str, ttl: Duration) -> Result<bool> {
        Ok(self.state().leases.extend(name, holder, ttl, Instant::now()))
    }

    async fn release_lease(&self, name: LeaseName, holder: &str) -> Result<bool> {
        let freed = self.state().leases.free(&name, holder, Instant::now());
        if freed {
            self.lease_free.notify_waiters();
        }
        Ok(freed)
    }

    async fn lease_released(&self) {
        self.lease_free.notified().await;
    }

    async fn lock_claim(&self, key: &TicketKey) -> Result<Option<ClaimLock>> {
        let (token, now) = (random_token(), Instant::now());
        let obtained = self.state().claim_locks.take(key.clone(), &token, ClaimLock::TTL, now);
        Ok(obtained.then(|| ClaimLock::obtained(key.clone(), token, now)))
    }

    async fn unlock_claim(&self, lock: ClaimLock) -> Result<()> {
        self.state().claim_locks.free(lock.ticket(), lock.token(), Instant::now());
        Ok(())
    }

    async fn record_claim(&self, lock: &ClaimLock, job: &Job) -> Result<Recorded> {
        if lock.ticket() != &job.key {
            return Err(Error::Malformed(format!("the claim lock of {} does not cover {}", lock.ticket(), job.key)));
        }
        let mut state = self.state();
        let recorded = state.queue.record(job, Instant::now())?;
        if recorded == Recorded::New {
            state.records.begin(job);
        }
        Ok(recorded)
    }

    async fn publish_claim(&self, job: &Job) -> Result<bool> {
        let published = self.state().queue.publish(job);
        if published {
            self.job_visible.notify_waiters();
        }
        Ok(published)
    }

    async fn drop_claim(&self, job: &Job) -> Result<bool> {
        let mut state = self.state();
        let dropped = state.queue.drop_claim(job);
        if dropped {
            state.records.forget(&job.run_id);
        }
        Ok(dropped)
    }

    async fn half_made_claims(&self, older_than: Duration, limit: usize) -> Result<Vec<HalfMadeClaim>> {
        Ok(self.state().queue.half_made(older_than, limit, Instant::now()))
    }

    async fn take_within(
        &self,
        consumer: &str,
        ttl: Duration,
        wait: Duration,
        limits: &Concurrency,
    ) -> Result<Option<JobLease>> {
        let until = Instant::now() + wait;
        loop {
            let mut visible = std::pin::pin!(self.job_visible.notified());
            // Listening before asking: what becomes visible after the question ends the wait.
            visible.as_mut().enable();
            let now = Instant::now();
            let (due, full) = {
                let queue = &mut self.state().queue;
                match queue.take((consumer, ttl), limits, now) {
                    Ok(taken) => return Ok(Some(self.lease(taken, consumer, (now, ttl)))),
                    Err(full) => (queue.next_due(), full),
                }
            };
            self.held_back.note(full);
            if now >= until {
                return Ok(None);
            }
            let _ = timeout_at(due.map_or(until, |due| due.min(until)), visible).await;
        }
    }

    async fn begin_attempt(&self, lease: &JobLease, limits: &AttemptLimits<'_>) -> Result<Attempt> {
        Ok(self.state().begin_attempt(lease, limits, Instant::now()))
    }

    async fn renew(&self, lease: &JobLease, ttl: Duration) -> Result<Renewal> {
        let now = Instant::now();
        let renewal = self.state().queue.renew(&lease.job.key, lease.epoch, ttl, now);
        match renewal {
            Renewal::Lost => lease.revoke(),
            _ => lease.extend(now, ttl),
        }
        Ok(renewal)
    }

    async fn confirm(&self, lease: &JobLease) -> Result<bool> {
        Ok(self.state().queue.holds(&lease.job.key, lease.epoch))
    }

    async fn record_result(&self, lease: &JobLease, result: &RunResult) -> Result<Option<RunResult>> {
        Ok(self.state().queue.record_result(&lease.job.key, lease.epoch, result))
    }

    async fn finish(&self, lease: &JobLease) -> Result<bool> {
        let (mut state, now) = (self.state(), Instant::now());
        let Some((job, verdict)) = state.queue.finish(&lease.job.key, lease.epoch, now) else { return Ok(false) };
        state.records.end(&job.run_id, verdict.map_or(RunState::Dropped, RunState::from), String::new(), now);
        if state.queue.wakes_held_back() {
            self.job_visible.notify_waiters();
        }
        if let Some(verdict) = verdict {
            let last = LastRun { run_id: job.run_id, pipeline: job.pipeline, verdict, ended: Duration::ZERO };
            state.last_runs.set(job.key, (last, now), now + LAST_RUN_REMEMBERED, now);
        }
        Ok(true)
    }

    async fn release(&self, lease: &JobLease, reason: ReleaseReason, delay: Duration) -> Result<bool> {
        let now = Instant::now();
        let due = (!delay.is_zero()).then(|| now + delay);
        let released = self.state().queue.release((&lease.job.key, lease.epoch), reason, due, now);
        if released {
            // Also for a delayed job: those who wait must learn when it is due.
            self.job_visible.notify_waiters();
        }
        Ok(released)
    }

    async fn hold_delivery(&self, id: &str, holder: &str, ttl: Duration) -> Result<DeliveryHold> {
        let (mut state, now) = (self.state(), Instant::now());
        match state.deliveries.get(&id.to_owned(), now) {
            Some(Delivery::Answered(answer)) => return Ok(DeliveryHold::Answered(answer.clone())),
            Some(Delivery::Held(other)) if other != holder => return Ok(DeliveryHold::HeldByOther),
            Some(Delivery::Held(_)) | None => {}
        }
        state.deliveries.set(id.to_owned(), Delivery::Held(holder.to_owned()), now + ttl, now);
        Ok(DeliveryHold::Held)
    }

    async fn answer_delivery(&self, id: &str, holder: &str, answer: &str, ttl: Duration) -> Result<bool> {
        let (mut state, now) = (self.state(), Instant::now());
        let held = state.holds_delivery(id, holder, now);
        if held {
            state.deliveries.set(id.to_owned(), Delivery::Answered(answer.to_owned()), now + ttl, now);
        }
        Ok(held)
    }

    async fn drop_delivery(&self, id: &str, holder: &str) -> Result<bool> {
        let mut state = self.state();
        let held = state.holds_delivery(id, holder, Instant::now());
        if held {
            state.deliveries.remove(&id.to_owned());
        }
        Ok(held)
    }

    async fn note_offer(&self, ticket: &TicketKey, ttl: Duration) -> Result<()> {
        let (mut state, now) = (self.state(), Instant::now());
        state.offered.set(ticket.clone(), (), now + ttl, now);
        state.last_offers.set((ticket.platform, ticket.project.clone()), now, now + ttl, now);
        Ok(())
    }

    async fn offered(&self, tickets: &[TicketKey]) -> Result<Vec<bool>> {
        let (state, now) = (self.state(), Instant::now());
        Ok(tickets.iter().map(|ticket| state.offered.get(ticket, now).is_some()).collect())
    }

    async fn since_last_offer(
        &self,
        platform: PlatformKind,
        project: &str,
        _ttl: Duration,
    ) -> Result<Option<Duration>> {
        let (state, now) = (self.state(), Instant::now());
        let noted = state.last_offers.get(&(platform, project.to_owned()), now);
        Ok(noted.map(|noted| now.saturating_duration_since(*noted)))
    }

    async fn withdraw(&self, key: &TicketKey, withdrawal: &Withdrawal) -> Result<Withdrawn> {
        let mut state = self.state();
        let withdrawn = state.queue.withdraw(key, withdrawal);
        if let Withdrawn::Dropped(job) = &withdrawn {
            state.records.end(&job.run_id, RunState::Cancelled, withdrawal.to_string(), Instant::now());
            if state.queue.wakes_held_back() {
                self.job_visible.notify_waiters();
            }
        }
        drop(state);
        if withdrawn == Withdrawn::Stopping {
            self.stops.announce(Some(key.clone()));
        }
        Ok(withdrawn)
    }

    async fn withdrawals(&self, keys: &[TicketKey]) -> Result<Vec<Option<Withdrawal>>> {
        let state = self.state();
        Ok(keys.iter().map(|key| state.queue.withdrawals.of(key)).collect())
    }

    async fn withdrawn_tickets(&self) -> Result<Vec<TicketKey>> {
        Ok(self.state().queue.withdrawals.tickets())
    }

    async fn forget_withdrawal(&self, key: &TicketKey) -> Result<()> {
        self.state().queue.withdrawals.forget(key);
        Ok(())
    }

    async fn look(&self, key: &TicketKey) -> Result<Option<JobView>> {
        Ok(self.state().queue.look(key, Instant::now()))
    }

    async fn waiting(&self, of_each: usize, in_all: usize) -> Result<Vec<WaitingLine>> {
        Ok(self.state().queue.waiting(of_each, in_all))
    }

    async fn last_run(&self, key: &TicketKey) -> Result<Option<LastRun>> {
        let (state, now) = (self.state(), Instant::now());
        let last = state.last_runs.get(key, now);
        Ok(last.map(|(last, at)| LastRun { ended: now.saturating_duration_since(*at), ..last.clone() }))
    }

    async fn record_run(&self, lease: &JobLease, note: &RunNote) -> Result<bool> {
        let mut state = self.state();
        let ours = state.queue.holds(&lease.job.key, lease.epoch);
        if ours {
            state.records.note(lease, note);
        }
        Ok(ours)
    }

    async fn runs(&self, before: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        let state = self.state();
        Ok(state.records.before(before, limit).into_iter().map(|run| state.settled(run)).collect())
    }

    async fn run(&self, run_id: &str) -> Result<Option<RunRecord>> {
        let state = self.state();
        Ok(state.records.one(run_id).map(|run| state.settled(run)))
    }

    fn stop_hints(&self) -> StopHints {
        self.stops.listen()
    }

    async fn recover_lapsed(&self, limit: usize) -> Result<Vec<Recovered>> {
        let (recovered, visible) = self.state().queue.recover_lapsed(limit, Instant::now());
        if visible {
            self.job_visible.notify_waiters();
        }
        Ok(recovered)
    }

    async fn job_states(&self, keys: &[TicketKey]) -> Result<Vec<Option<JobState>>> {
        let state = self.state();
        Ok(keys.iter().map(|key| state.queue.state(key)).collect())
    }

    async fn live_jobs(&self, platform: PlatformKind, ticket: &str) -> Result<Vec<(TicketKey, JobState)>> {
        Ok(self.state().queue.live(platform, ticket))
    }

    async fn silence_counts_in(&self, _ttl: Duration) -> Result<Duration> {
        Ok(Duration::ZERO)
    }

    async fn counts(&self) -> Result<QueueCounts> {
        Ok(self.state().queue.counts())
    }
}
