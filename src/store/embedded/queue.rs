//! The jobs: a plain data structure that is told the time.
//!
//! Who calls: `backend`, under its mutex. What must stay true: `states` and the three timed sets agree; a project is
//! in the ring exactly when its queue has entries.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::withdrawals::Withdrawals;
use crate::clock;
use crate::job::{Job, JobState, RunResult, Verdict, Withdrawal};
use crate::run_record::LiveRun;
use crate::store::JobView;
use crate::store::limits::{MAX_LIVE_JOBS, bounded, queue_is_full};
use crate::store::{HalfMadeClaim, QueueCounts, Recorded, Recovered, ReleaseReason, Renewal, Result, Withdrawn};
use crate::ticket::{PlatformKind, TicketKey};

/// All live jobs.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: HashMap<TicketKey, Entry>,
    projects: HashMap<String, VecDeque<TicketKey>>,
    ring: VecDeque<String>,
    claiming: BTreeSet<(Instant, TicketKey)>,
    running: BTreeSet<(Instant, TicketKey)>,
    delayed: BTreeSet<(Instant, TicketKey)>,
    epoch: u64,
    pub(super) withdrawals: Withdrawals,
}

#[derive(Debug)]
struct Entry {
    job: Job,
    state: JobState,
    attempt: u32,
    epoch: u64,
    consumer: String,
    result: Option<RunResult>,
    stop: Option<Withdrawal>,
    /// When it was claimed, or taken if it runs.
    since: Instant,
    /// What the timed set of this state sorts by: recorded at, due at, leased until.
    at: Instant,
}

/// A job that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) job: Job,
    pub(super) attempt: u32,
    pub(super) epoch: u64,
    pub(super) earlier_result: Option<RunResult>,
    pub(super) stop_asked: Option<Withdrawal>,
}

/// Which end of its project's queue a job goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Front,
    Back,
}

impl Queue {
    /// Records a claim, unless the ticket has a live job.
    pub(super) fn record(&mut self, job: &Job, now: Instant) -> Result<Recorded> {
        if let Some(live) = self.jobs.get(&job.key) {
            return Ok(Recorded::AlreadyLive(live.state));
        }
        if self.jobs.len() >= MAX_LIVE_JOBS {
            return Err(queue_is_full());
        }
        self.claiming.insert((now, job.key.clone()));
        let entry = Entry {
            job: job.clone(),
            state: JobState::Claiming,
            attempt: 0,
            epoch: 0,
            consumer: String::new(),
            result: None,
            stop: None,
            since: now,
            at: now,
        };
        self.jobs.insert(job.key.clone(), entry);
        Ok(Recorded::New)
    }

    /// Makes the claim of this very run visible. False: there is none.
    pub(super) fn publish(&mut self, job: &Job) -> bool {
        let claimed = self.end_claim(job);
        if claimed {
            self.enqueue(&job.key, End::Back);
        }
        claimed
    }

    /// Forgets the claim of this very run. False: there is none.
    pub(super) fn drop_claim(&mut self, job: &Job) -> bool {
        let claimed = self.end_claim(job);
        if claimed {
            self.jobs.remove(&job.key);
        }
        claimed
    }

    fn end_claim(&mut self, job: &Job) -> bool {
        let Some(entry) = self.jobs.get(&job.key) else { return false };
        let ours = entry.state == JobState::Claiming && entry.job.run_id == job.run_id;
        ours && self.claiming.remove(&(entry.at, job.key.clone()))
    }

    /// Claims recorded at least `older_than` ago, oldest first.
    pub(super) fn half_made(&self, older_than: Duration, limit: usize, now: Instant) -> Vec<HalfMadeClaim> {
        let old = self.claiming.iter().take_while(|(at, _)| now.saturating_duration_since(*at) >= older_than);
        old.filter_map(|(_, key)| self.jobs.get(key))
            .take(limit)
            .map(|e| HalfMadeClaim { job: e.job.clone() })
            .collect()
    }

    /// Takes the next job: the next project of the ring, the first of its queue.
    pub(super) fn take(&mut self, consumer: &str, ttl: Duration, now: Instant) -> Option<Taken> {
        self.promote_due(now);
        let project = self.ring.pop_front()?;
        let queue = self.projects.get_mut(&project)?;
        let key = queue.pop_front()?;
        if queue.is_empty() {
            self.projects.remove(&project);
        } else {
            self.ring.push_back(project);
        }
        // The clock keeps epochs rising across a restart of the process.
        self.epoch = (self.epoch + 1).max(clock::unix_millis().saturating_mul(1_000));
        let entry = self.jobs.get_mut(&key)?;
        entry.state = JobState::Running;
        entry.attempt += 1;
        entry.epoch = self.epoch;
        consumer.clone_into(&mut entry.consumer);
        entry.at = now + ttl;
        entry.since = now;
        let taken = Taken {
            job: entry.job.clone(),
            attempt: entry.attempt,
            epoch: entry.epoch,
            earlier_result: entry.result.clone(),
            stop_asked: entry.stop.clone(),
        };
        self.running.insert((entry.at, key));
        Some(taken)
    }

    /// When the next delayed job is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(due, _)| *due)
    }

    /// True when `epoch` is the epoch of the running job.
    pub(super) fn holds(&self, key: &TicketKey, epoch: u64) -> bool {
        self.jobs.get(key).is_some_and(|entry| entry.state == JobState::Running && entry.epoch == epoch)
    }

    /// Extends the lease, unless the epoch is stale.
    pub(super) fn renew(&mut self, key: &TicketKey, epoch: u64, ttl: Duration, now: Instant) -> Renewal {
        let Some(entry) = self.held(key, epoch) else { return Renewal::Lost };
        let renewal = entry.stop.clone().map_or(Renewal::Renewed, Renewal::StopAsked);
        let before = std::mem::replace(&mut entry.at, now + ttl);
        self.running.remove(&(before, key.clone()));
        self.running.insert((now + ttl, key.clone()));
        renewal
    }

    /// Records a result; the first one stands and is returned. `None`: the epoch is stale.
    pub(super) fn record_result(&mut self, key: &TicketKey, epoch: u64, result: &RunResult) -> Option<RunResult> {
        let entry = self.held(key, epoch)?;
        let stands = entry.result.get_or_insert_with(|| bounded(result)).clone();
        if stands.verdict != Verdict::Cancelled {
            self.withdrawals.forget(key);
        }
        Some(stands)
    }

    /// The live job of a ticket.
    pub(super) fn look(&self, key: &TicketKey, now: Instant) -> Option<JobView> {
        let entry = self.jobs.get(key)?;
        let runs = entry.state == JobState::Running;
        let waiting = self.projects.get(&key.project).and_then(|queue| queue.iter().position(|other| other == key));
        Some(JobView {
            job: entry.job.clone(),
            state: entry.state,
            since: now.saturating_duration_since(entry.since),
            ahead: waiting.map(|before| before as u64),
            attempt: entry.attempt,
            consumer: runs.then(|| entry.consumer.clone()),
            stop_asked: entry.stop.clone(),
        })
    }

    /// The tickets that wait, project by project in the order of their turns.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&str, &VecDeque<TicketKey>)> {
        self.ring.iter().filter_map(|project| Some((project.as_str(), self.projects.get(project)?)))
    }

    /// The live job of a ticket.
    pub(super) fn job(&self, key: &TicketKey) -> Option<&Job> {
        self.jobs.get(key).map(|entry| &entry.job)
    }

    /// What is to say of this very run, if its job is live.
    pub(super) fn live_run(&self, key: &TicketKey, run_id: &str) -> Option<LiveRun> {
        let entry = self.jobs.get(key).filter(|entry| entry.job.run_id == run_id)?;
        Some(LiveRun { state: entry.state, epoch: entry.epoch, stop_asked: entry.stop.clone() })
    }

    /// Takes a ticket's request back.
    pub(super) fn withdraw(&mut self, key: &TicketKey, withdrawal: &Withdrawal) -> Withdrawn {
        let Some(entry) = self.jobs.get_mut(key) else { return Withdrawn::Nothing };
        if let Some(result) = &entry.result {
            return Withdrawn::Over(result.verdict);
        }
        if !withdrawal.applies_to(entry.job.asked_by) {
            return Withdrawn::Kept;
        }
        // One that was asked to stop and is queued again has run: its next consumer says so.
        if entry.state == JobState::Running || entry.stop.is_some() {
            entry.stop.get_or_insert_with(|| withdrawal.clone());
            if withdrawal.outlives_the_job() {
                self.withdrawals.remember(key, withdrawal);
            }
            return Withdrawn::Stopping;
        }
        let at = entry.at;
        let timed = (at, key.clone());
        if !self.claiming.remove(&timed) && !self.delayed.remove(&timed) {
            self.leave_queue(key);
        }
        self.withdrawals.remember(key, withdrawal);
        self.jobs.remove(key).map_or(Withdrawn::Nothing, |entry| Withdrawn::Dropped(entry.job))
    }

    /// Takes a visible job out of its project's queue.
    fn leave_queue(&mut self, key: &TicketKey) {
        let Some(queue) = self.projects.get_mut(&key.project) else { return };
        queue.retain(|other| other != key);
        if queue.is_empty() {
            self.projects.remove(&key.project);
            self.ring.retain(|project| *project != key.project);
        }
    }

    /// Ends the job. The result that it had, if it had any; `None`: the epoch is stale.
    pub(super) fn finish(&mut self, key: &TicketKey, epoch: u64) -> Option<(Job, Option<Verdict>)> {
        let held = self.stop(key, epoch);
        let ended = if held { self.jobs.remove(key) } else { None };
        ended.map(|entry| (entry.job, entry.result.map(|result| result.verdict)))
    }

    /// Puts the job back, visible at `due`, at once when that is `None`. False: the epoch is stale.
    pub(super) fn release(&mut self, key: &TicketKey, epoch: u64, reason: ReleaseReason, due: Option<Instant>) -> bool {
        if !self.stop(key, epoch) {
            return false;
        }
        if let Some(entry) = self.jobs.get_mut(key)
            && reason == ReleaseReason::HandedBack
        {
            entry.attempt = entry.attempt.saturating_sub(1);
        }
        match due {
            None => self.enqueue(key, End::Back),
            Some(due) => {
                if let Some(entry) = self.jobs.get_mut(key) {
                    entry.state = JobState::Queued;
                    entry.at = due;
                }
                self.delayed.insert((due, key.clone()));
            }
        }
        true
    }

    /// Puts up to `limit` jobs with lapsed leases back to the front, makes due ones visible. The second is true when
    /// a job became visible.
    pub(super) fn recover_lapsed(&mut self, limit: usize, now: Instant) -> (Vec<Recovered>, bool) {
        let lapsed = self.running.iter().take_while(|(until, _)| *until <= now).take(limit);
        let keys: Vec<TicketKey> = lapsed.map(|(_, key)| key.clone()).collect();
        let mut recovered = Vec::with_capacity(keys.len());
        // From the back, so that the lease that lapsed first ends up at the very front.
        for key in keys.into_iter().rev() {
            let Some(entry) = self.jobs.get(&key) else { continue };
            let (attempt, consumer, at) = (entry.attempt, entry.consumer.clone(), entry.at);
            self.running.remove(&(at, key.clone()));
            self.enqueue(&key, End::Front);
            recovered.push(Recovered { key, attempt, consumer });
        }
        let visible = self.promote_due(now) || !recovered.is_empty();
        (recovered, visible)
    }

    /// The live jobs of a ticket, under whatever project's name.
    pub(super) fn live(&self, platform: PlatformKind, ticket: &str) -> Vec<(TicketKey, JobState)> {
        let same = |key: &TicketKey| key.platform == platform && key.ticket == ticket;
        self.jobs.iter().filter(|(key, _)| same(key)).map(|(key, entry)| (key.clone(), entry.state)).collect()
    }

    /// The state of a ticket's live job.
    pub(super) fn state(&self, key: &TicketKey) -> Option<JobState> {
        self.jobs.get(key).map(|entry| entry.state)
    }

    /// How many jobs stand where.
    pub(super) fn counts(&self) -> QueueCounts {
        let (claiming, running) = (self.claiming.len(), self.running.len());
        let queued = self.jobs.len() - claiming - running;
        QueueCounts { claiming: claiming as u64, queued: queued as u64, running: running as u64, set_aside: 0 }
    }

    fn held(&mut self, key: &TicketKey, epoch: u64) -> Option<&mut Entry> {
        self.jobs.get_mut(key).filter(|entry| entry.state == JobState::Running && entry.epoch == epoch)
    }

    fn stop(&mut self, key: &TicketKey, epoch: u64) -> bool {
        let Some(entry) = self.held(key, epoch) else { return false };
        let until = entry.at;
        self.running.remove(&(until, key.clone()))
    }

    fn enqueue(&mut self, key: &TicketKey, end: End) {
        if let Some(entry) = self.jobs.get_mut(key) {
            entry.state = JobState::Queued;
        }
        let queue = self.projects.entry(key.project.clone()).or_default();
        if queue.is_empty() {
            self.ring.push_back(key.project.clone());
        }
        match end {
            End::Front => queue.push_front(key.clone()),
            End::Back => queue.push_back(key.clone()),
        }
    }

    fn promote_due(&mut self, now: Instant) -> bool {
        let mut promoted = false;
        while let Some((due, _)) = self.delayed.first()
            && *due <= now
            && let Some((_, key)) = self.delayed.pop_first()
        {
            self.enqueue(&key, End::Back);
            promoted = true;
        }
        promoted
    }
}
