//! One live job.
//!
//! Who calls: `queue`, which keeps its state and its times in step with the sets that they are in.

use std::time::Duration;

use tokio::time::Instant;

use crate::job::{Job, JobState, RunResult, Withdrawal};

/// A job and what became of it so far.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) job: Job,
    pub(super) state: JobState,
    pub(super) attempt: u32,
    pub(super) epoch: u64,
    pub(super) consumer: String,
    pub(super) result: Option<RunResult>,
    pub(super) stop: Option<Withdrawal>,
    /// When the steps of the attempt that runs began.
    pub(super) begun: Option<Instant>,
    /// What the steps of earlier attempts took.
    pub(super) spent: Duration,
    /// When it was claimed.
    pub(super) claimed_at: Instant,
    /// When it was taken last.
    pub(super) taken_at: Instant,
    /// What the timed set of this state sorts by: recorded at, due at, leased until.
    pub(super) at: Instant,
}

impl Entry {
    /// One that a claim has just recorded.
    pub(super) fn claimed(job: &Job, now: Instant) -> Self {
        Self {
            job: job.clone(),
            state: JobState::Claiming,
            attempt: 0,
            epoch: 0,
            consumer: String::new(),
            result: None,
            stop: None,
            begun: None,
            spent: Duration::ZERO,
            claimed_at: now,
            taken_at: now,
            at: now,
        }
    }

    /// True when no step runs any more: it has a result, or was asked to stop, and only that is left to show.
    pub(super) fn is_over(&self) -> bool {
        self.result.is_some() || self.stop.is_some()
    }

    /// What its consumer gets.
    pub(super) fn taken(&self, now: Instant) -> Taken {
        Taken {
            job: self.job.clone(),
            attempt: self.attempt,
            epoch: self.epoch,
            earlier_result: self.result.clone(),
            stop_asked: self.stop.clone(),
            age: now.saturating_duration_since(self.claimed_at),
        }
    }

    /// What the steps took until then counts for the run, if they had begun.
    pub(super) fn end_steps(&mut self, ended: Instant) {
        let begun = self.begun.take();
        self.spent += begun.map_or(Duration::ZERO, |begun| ended.saturating_duration_since(begun));
    }
}

/// A job that was taken.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) job: Job,
    pub(super) attempt: u32,
    pub(super) epoch: u64,
    pub(super) earlier_result: Option<RunResult>,
    pub(super) stop_asked: Option<Withdrawal>,
    /// Since its claim.
    pub(super) age: Duration,
}
