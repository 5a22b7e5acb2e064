//! What a ticket is told about its run before there is a result: that it waits, how far it is, that it is tried again.
//!
//! Pure. Who calls: the consumer while a run goes on, housekeeping for the jobs that wait, whoever drops one of them.
//! What must stay true: as in the report, whatever is not ours stands in code spans; no line begins with a command; a
//! run has one comment, whoever writes it, because everybody uses [`marker`].

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{TITLE_CHARS, Ways, after_withdrawal, bounded, cut_middle, inline_code, plain_url};
use crate::clock;
use crate::job::{AskedBy, Job, Withdrawal};
use crate::pipeline::outcome::duration_in_words;
use crate::run_record::{Progress, StepRecord, StepState, at_millis, claimed_utc};

/// When something is told before the result, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A run that is over by then gets its result and nothing before.
    pub running_after: Duration,
    /// Between two edits because the run got on.
    pub step_pause: Duration,
    /// Between two edits that only tell how long it runs by now.
    pub elapsed_pause: Duration,
    /// A job that is taken by then was never told that it waits.
    pub queued_after: Duration,
    /// Between two looks at the jobs that wait.
    pub queued_scan: Duration,
    /// Between two edits because the first in line moved up. The second waits twice as long, and so on: whoever is far
    /// behind cares less, and a project with a long line does not use up what its platform lets us write.
    pub queued_pause: Duration,
}

impl Default for Pace {
    /// Ten seconds: the longest that a person waits without wondering. Four edits a minute at most while a run gets on,
    /// a twentieth of what GitHub accepts of one token; every three minutes a sign of life.
    fn default() -> Self {
        Self {
            running_after: Duration::from_secs(10),
            step_pause: Duration::from_secs(15),
            elapsed_pause: Duration::from_secs(180),
            queued_after: Duration::from_secs(10),
            queued_scan: Duration::from_secs(15),
            queued_pause: Duration::from_secs(60),
        }
    }
}

impl Pace {
    /// True when somebody may have told the ticket something about this run: it was claimed long enough ago, by the store's
    /// clock (`age`) or by ours. Both, because the store's begins anew with its data, and ours may be wrong; half of the
    /// shortest time, because one that is set while we look is a little wrong.
    pub fn may_have_comment(&self, run_id: &str, age: Duration) -> bool {
        claimed_ago(run_id).max(age) >= self.running_after.min(self.queued_after) / 2
    }
}

/// How long ago a ticket was claimed, as its run id tells: by the clocks of this machine and of the one that claimed it.
/// Zero when the id does not tell.
pub fn claimed_ago(run_id: &str) -> Duration {
    let claimed = claimed_utc(run_id);
    match claimed == DateTime::<Utc>::default() {
        true => Duration::ZERO,
        false => (now() - claimed).to_std().unwrap_or(Duration::ZERO),
    }
}

/// The marker of a run's comment.
pub fn marker(run_id: &str) -> String {
    format!("run {run_id}")
}

/// A run that is under way.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// Its job.
    pub job: &'a Job,
    /// How many steps its pipeline has.
    pub steps: usize,
    /// The number of the attempt, and how many there are at most.
    pub attempt: (u32, u32),
    /// The machine.
    pub host: &'a str,
    /// When this attempt began.
    pub started: DateTime<Utc>,
    /// What its tracker hears of people.
    pub ways: Ways,
}

impl Running<'_> {
    /// The comment while it runs; `progress` is masked already.
    pub fn comment(&self, progress: &Progress) -> String {
        let now = now();
        let elapsed = (now - self.started).to_std().unwrap_or_default();
        let mut parts = vec![
            format!("agent-smith runs pipeline {}: {}.", inline_code(&self.job.pipeline), self.place(&progress.steps)),
            format!("Started {}, {} ago at {} UTC.", moment(self.started), in_seconds(elapsed), now.format("%H:%M:%S")),
        ];
        if let Some(url) = &progress.change_request {
            parts.push(format!("Change request: <{}>", plain_url(url)));
        }
        if !progress.steps.is_empty() {
            parts.push(progress.steps.iter().enumerate().map(line).collect::<Vec<_>>().join("\n"));
        }
        parts.push(how_to_cancel(self.job, self.ways));
        parts.push(self.origin());
        bounded(parts.join("\n\n"))
    }

    /// The comment while it waits to be begun again after a failure.
    pub fn failed(&self, why: &str, pause: Duration) -> String {
        let again = now() + pause;
        bounded(format!(
            "agent-smith ran pipeline {}: **failed, tried again** at {}, in {}.\n\nAttempt {} of at most {}: {}.\n\n{}\n\n{}",
            inline_code(&self.job.pipeline),
            moment(again),
            in_seconds(pause),
            self.attempt.0,
            self.attempt.1,
            inline_code(why),
            how_to_cancel(self.job, self.ways),
            self.origin()
        ))
    }

    /// The comment while it waits for another server, because this one ends.
    pub fn put_back(&self) -> String {
        bounded(format!(
            "agent-smith queued pipeline {} again: the server that ran it was stopped.\n\n{}\n\n{}",
            inline_code(&self.job.pipeline),
            how_to_cancel(self.job, self.ways),
            self.origin()
        ))
    }

    fn place(&self, steps: &[StepRecord]) -> String {
        let running = steps.iter().rposition(|step| step.state == StepState::Running);
        match running.map(|index| (index, &steps[index])) {
            Some((index, step)) => {
                format!("**step {} of {}** ({})", index + 1, self.steps, title(step))
            }
            None if steps.is_empty() => "**preparing**".to_owned(),
            None => format!("**{} of {} steps** are over", steps.len(), self.steps),
        }
    }

    fn origin(&self) -> String {
        let (host, run) = (inline_code(self.host), inline_code(&self.job.run_id));
        format!("Host {host}, attempt {} of at most {}, run {run}.", self.attempt.0, self.attempt.1)
    }
}

/// The comment for a job that waits: at `position` of `of` in its project.
pub fn queued(job: &Job, (position, of): (u64, u64), ways: Ways) -> String {
    bounded(format!(
        "agent-smith queued pipeline {}: **position {position} of {of}** in project {}.\n\nClaimed {}.\n\n{}\n\nRun {}.",
        inline_code(&job.pipeline),
        inline_code(&job.key.project),
        moment(claimed_utc(&job.run_id)),
        how_to_cancel(job, ways),
        inline_code(&job.run_id)
    ))
}

/// The comment for a job whose request was taken back while it waited, whether or not an attempt of it has failed before.
pub fn cancelled_unrun(job: &Job, withdrawal: &Withdrawal, ways: Ways) -> String {
    bounded(format!(
        "agent-smith took pipeline {} out of the queue: **cancelled**, because {}.\n\n{}\n\nRun {}.",
        inline_code(&job.pipeline),
        withdrawal.in_words(inline_code),
        after_withdrawal(withdrawal, ways),
        inline_code(&job.run_id)
    ))
}

/// The comment for a job that was dropped while it waited because its ticket shows something else.
pub fn dropped_unrun(job: &Job, why: &str) -> String {
    bounded(format!(
        "agent-smith took pipeline {} out of the queue: **dropped**, because {}.\n\nRun {}.",
        inline_code(&job.pipeline),
        inline_code(why),
        inline_code(&job.run_id)
    ))
}

/// What a person can do to a run that waits or goes on.
fn how_to_cancel(job: &Job, ways: Ways) -> String {
    let command = if ways.commands { "comment `/agent-smith cancel`, " } else { "" };
    let label = if job.asked_by == AskedBy::TriggerLabel { "remove the trigger label or " } else { "" };
    format!("To cancel it, {command}{label}close the ticket.")
}

fn line((index, step): (usize, &StepRecord)) -> String {
    let took = duration_in_words(Duration::from_millis(step.duration_ms));
    let how = match step.state {
        StepState::Running => "**running**".to_owned(),
        StepState::Done => format!("done after {took}"),
        StepState::Failed => format!("**failed** after {took}"),
        StepState::Tolerated => format!("failed after {took}, which the pipeline tolerates"),
        StepState::Skipped => "skipped".to_owned(),
        StepState::NotReached => "not reached".to_owned(),
    };
    format!("{}. {}: {how}", index + 1, title(step))
}

fn title(step: &StepRecord) -> String {
    inline_code(&cut_middle(&step.title, TITLE_CHARS))
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn in_seconds(duration: Duration) -> String {
    duration_in_words(Duration::from_secs(duration.as_secs()))
}

fn now() -> DateTime<Utc> {
    at_millis(clock::unix_millis())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
