//! What the budget of a pipeline leaves an attempt.
//!
//! Who calls: `run_job`, right before the steps of an attempt begin and when a failed run might be begun again. What must
//! stay true: an attempt is counted only when nothing but its steps is left to do; a pipeline without a budget asks the
//! store nothing.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::Instant;

use super::run_job::JobRun;
use crate::clock;
use crate::config::{Budget, Pipeline};
use crate::job::{RunResult, Verdict};
use crate::pipeline::outcome::duration_in_words;
use crate::pipeline::{FailureCause, GivenUp, Outcome, RunReport, StopReason, report};
use crate::run_record::at_millis;
use crate::store::{Attempt, AttemptLimits};
use crate::ticket::Ticket;

/// For how long an attempt counts.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Pause between two questions to a store that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// An attempt that may begin.
pub(super) struct Allowance {
    budget: Budget,
    begun: Instant,
    spent: Duration,
    next_in: Duration,
}

/// What of a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsedUp {
    /// The time for all attempts of the run.
    Time(Duration),
    /// The attempts for the ticket within a day; there is room again after this time.
    Attempts { most: usize, room_in: Duration },
}

impl JobRun<'_> {
    /// Counts the attempt, or says what of the budget is used up.
    pub(super) async fn allowance(
        &self,
        pipeline: &Pipeline,
        ticket: &Ticket,
    ) -> Result<Result<Allowance, UsedUp>, GivenUp> {
        let budget = pipeline.budget;
        let allowed = |(spent, next_in)| Ok(Ok(Allowance { budget, begun: Instant::now(), spent, next_in }));
        if self.parts.shutdown.hard().is_cancelled() {
            self.stop.ask(StopReason::ShuttingDown);
        }
        // A run that is to stop already begins no step.
        if budget.is_unlimited() || self.stop.asked().is_some() {
            return allowed((Duration::ZERO, Duration::ZERO));
        }
        // The address is the same whichever project, and under whatever name, finds the ticket.
        let counted_for = format!("{}:{}:{}", self.lease.job.key.platform, pipeline.name, ticket.url);
        let limits = AttemptLimits {
            counted_for: &counted_for,
            attempts: budget.attempts_per_day,
            window: DAY,
            wall: budget.wall,
        };
        match self.count(&limits).await? {
            Attempt::Begun { spent, next_in } => allowed((spent, next_in)),
            Attempt::NoTimeLeft => Ok(Err(UsedUp::Time(budget.wall.unwrap_or_default()))),
            Attempt::NoneLeft { room_in } => Ok(Err(UsedUp::Attempts { most: most(&budget), room_in })),
            Attempt::Lost => Err(GivenUp::LeaseLost),
        }
    }

    /// What a ticket is told whose run may not begin.
    pub(super) fn not_begun(&self, used_up: UsedUp) -> RunResult {
        let why = used_up.in_words();
        tracing::info!("the attempt may not begin: {why}");
        self.record.because(why.clone());
        RunResult { verdict: Verdict::Failed, comment: report::not_begun(&self.lease.job.pipeline, &why, self.ways()) }
    }

    /// A store that does not answer is waited for as long as the lease lasts.
    async fn count(&self, limits: &AttemptLimits<'_>) -> Result<Attempt, GivenUp> {
        while self.writer.still_ours().await {
            match self.parts.store.begin_attempt(self.lease, limits).await {
                Ok(attempt) => return Ok(attempt),
                Err(error) => self.parts.availability.report(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.parts.shutdown.hard().cancelled() => return Err(GivenUp::Shutdown),
            }
        }
        Err(GivenUp::LeaseLost)
    }
}

fn most(budget: &Budget) -> usize {
    budget.attempts_per_day.map_or(0, std::num::NonZeroUsize::get)
}

impl Allowance {
    /// The pipeline with no more time than the budget leaves.
    pub(super) fn within<'p>(&self, pipeline: &'p Pipeline) -> Cow<'p, Pipeline> {
        match self.time_left() {
            Some(left) if left < pipeline.timeout => Cow::Owned(Pipeline { timeout: left, ..pipeline.clone() }),
            _ => Cow::Borrowed(pipeline),
        }
    }

    /// Time that is left for the run as it is allowed now; `None`: no limit.
    fn time_left(&self) -> Option<Duration> {
        self.budget.wall.map(|wall| wall.saturating_sub(self.spent))
    }

    /// Why a run that failed cannot be begun again after this pause, or that it failed because its time was used up.
    pub(super) fn used_up(&self, report: &RunReport, again_in: Option<Duration>) -> Option<UsedUp> {
        let wall = self.budget.wall.filter(|_| self.time_left().is_some_and(|left| self.begun.elapsed() >= left));
        let out_of_time =
            matches!(&report.outcome, Outcome::Failed(failure) if matches!(failure.cause, FailureCause::Timeout(_)));
        if let Some(wall) = wall.filter(|_| out_of_time || again_in.is_some()) {
            return Some(UsedUp::Time(wall));
        }
        let room_in = self.next_in.saturating_sub(self.begun.elapsed());
        (room_in > again_in?).then(|| UsedUp::Attempts { most: most(&self.budget), room_in })
    }
}

impl UsedUp {
    /// A clause.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Time(wall) => format!(
                "the pipeline's budget of {} for all attempts of a run (`budget.wall_seconds`) is used up",
                duration_in_words(wall)
            ),
            Self::Attempts { most, room_in } => {
                let room_in = u64::try_from(room_in.as_millis()).unwrap_or(u64::MAX);
                let from = at_millis(clock::unix_millis().saturating_add(room_in)).format("%Y-%m-%d %H:%M:%S UTC");
                let attempts = if most == 1 { "attempt" } else { "attempts" };
                format!(
                    "the pipeline's budget of {most} {attempts} for a ticket within 24 hours (`budget.attempts_per_day`) is used up; \
                     there is room again from {from} on"
                )
            }
        }
    }
}
