//! The jobs: a plain data structure that is told the time.
//!
//! Who calls: `backend`, under its mutex. What must stay true: `states` and the three timed sets agree; a project is
//! in the ring exactly when its queue has entries.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::{Entry, Taken};
use super::turn::{self, Running, Turn, Waiting};
use super::withdrawals::Withdrawals;
use crate::clock;
use crate::job::{Job, JobState, RunResult, Verdict, Withdrawal};
use crate::run_record::LiveRun;
use crate::store::concurrency::Full;
use crate::store::limits::{MAX_LIVE_JOBS, bounded, queue_is_full};
use crate::store::{
    Concurrency, HalfMadeClaim, JobView, QueueCounts, Recorded, Recovered, ReleaseReason, Renewal, Result, UnderWay,
    Withdrawn,
};
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
    /// Somebody found only jobs that a limit holds back, and waits for a slot.
    held_back: bool,
    pub(super) withdrawals: Withdrawals,
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
        let entry = Entry::claimed(job, now);
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

    /// Takes the next job that the limits let run: the next project of the ring, the first of its queue. Without one, what
    /// is full and has jobs that wait.
    pub(super) fn take(
        &mut self,
        (consumer, ttl): (&str, Duration),
        limits: &Concurrency,
        now: Instant,
    ) -> std::result::Result<Taken, BTreeSet<Full>> {
        self.promote_due(now);
        let (turn, full) = match limits.is_none() {
            true => (Some(Turn { project: 0, job: 0 }), BTreeSet::new()),
            false => {
                let waiting = |key: &TicketKey| {
                    let entry = self.jobs.get(key)?;
                    Some(Waiting { pipeline: &entry.job.pipeline, is_over: entry.is_over() })
                };
                turn::next((&self.ring, &self.projects), waiting, &self.under_way(), limits)
            }
        };
        match turn.and_then(|turn| self.leave_at(turn)).and_then(|key| self.lease(&key, (consumer, ttl), now)) {
            Some(taken) => Ok(taken),
            None => {
                self.held_back |= !full.is_empty();
                Err(full)
            }
        }
    }

    /// What runs. A lease that lapsed counts until it is recovered.
    fn under_way(&self) -> Running<'_> {
        let entries = self.running.iter().filter_map(|(_, key)| self.jobs.get(key));
        Running::count(entries.map(|entry| (entry.job.key.project.as_str(), entry.job.pipeline.as_str())))
    }

    /// True when somebody waits because of a limit, and may find room now. Asking answers it.
    pub(super) fn wakes_held_back(&mut self) -> bool {
        std::mem::take(&mut self.held_back)
    }

    /// Takes an entry out of its project's queue, and gives the project's next turn to the others.
    fn leave_at(&mut self, turn: Turn) -> Option<TicketKey> {
        let project = self.ring.remove(turn.project)?;
        let queue = self.projects.get_mut(&project)?;
        let key = queue.remove(turn.job)?;
        if queue.is_empty() {
            self.projects.remove(&project);
        } else {
            self.ring.push_back(project);
        }
        Some(key)
    }

    fn lease(&mut self, key: &TicketKey, (consumer, ttl): (&str, Duration), now: Instant) -> Option<Taken> {
        // The clock keeps epochs rising across a restart of the process.
        self.epoch = (self.epoch + 1).max(clock::unix_millis().saturating_mul(1_000));
        let entry = self.jobs.get_mut(key)?;
        entry.state = JobState::Running;
        entry.attempt += 1;
        entry.epoch = self.epoch;
        consumer.clone_into(&mut entry.consumer);
        entry.at = now + ttl;
        entry.taken_at = now;
        let taken = entry.taken(now);
        self.running.insert((entry.at, key.clone()));
        Some(taken)
    }

    /// What earlier attempts of the run took, for an attempt whose steps have not begun. `None`: they have.
    pub(super) fn spent_before(&self, key: &TicketKey) -> Option<Duration> {
        self.jobs.get(key).filter(|entry| entry.begun.is_none()).map(|entry| entry.spent)
    }

    /// The steps of an attempt begin, or have begun. What earlier attempts of the run took.
    pub(super) fn begin(&mut self, key: &TicketKey, now: Instant) -> Duration {
        self.jobs.get_mut(key).map_or(Duration::ZERO, |entry| {
            entry.begun.get_or_insert(now);
            entry.spent
        })
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
            since: now.saturating_duration_since(if runs { entry.taken_at } else { entry.claimed_at }),
            ahead: waiting.map(|before| before as u64),
            beside: if entry.state == JobState::Queued { self.beside(entry) } else { UnderWay::default() },
            attempt: entry.attempt,
            consumer: runs.then(|| entry.consumer.clone()),
            stop_asked: entry.stop.clone(),
        })
    }

    fn beside(&self, entry: &Entry) -> UnderWay {
        let running = self.under_way();
        UnderWay {
            of_project: running.of_project(&entry.job.key.project),
            of_pipeline: running.of_pipeline(&entry.job.pipeline),
        }
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
    pub(super) fn finish(&mut self, key: &TicketKey, epoch: u64, now: Instant) -> Option<(Job, Option<Verdict>)> {
        let held = self.stop(key, epoch, now);
        let ended = if held { self.jobs.remove(key) } else { None };
        ended.map(|entry| (entry.job, entry.result.map(|result| result.verdict)))
    }

    /// Puts the job back, visible at `due`, at once when that is `None`. False: the epoch is stale.
    pub(super) fn release(
        &mut self,
        (key, epoch): (&TicketKey, u64),
        reason: ReleaseReason,
        due: Option<Instant>,
        now: Instant,
    ) -> bool {
        if !self.stop(key, epoch, now) {
            return false;
        }
        let is_to_stop = self.jobs.get(key).is_some_and(|entry| entry.stop.is_some());
        if let Some(entry) = self.jobs.get_mut(key)
            && reason == ReleaseReason::HandedBack
        {
            entry.attempt = entry.attempt.saturating_sub(1);
        }
        // The next consumer only says that it was cancelled.
        match due.filter(|_| reason == ReleaseReason::HandedBack || !is_to_stop) {
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
            let Some(entry) = self.jobs.get_mut(&key) else { continue };
            // Its steps ended with the lease at the latest.
            entry.end_steps(entry.at.min(now));
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

    fn stop(&mut self, key: &TicketKey, epoch: u64, now: Instant) -> bool {
        let Some(entry) = self.held(key, epoch) else { return false };
        entry.end_steps(now);
        let until = entry.at;
        self.running.remove(&(until, key.clone()))
    }

    /// One that is over goes to the front: it is done in a moment.
    fn enqueue(&mut self, key: &TicketKey, end: End) {
        let mut end = end;
        if let Some(entry) = self.jobs.get_mut(key) {
            entry.state = JobState::Queued;
            end = if entry.is_over() { End::Front } else { end };
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
