//! What a run can come to, and how to say it.
//!
//! Pure. Who calls: `run` makes these, `report` and the consumer read them.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::job::{Verdict, Withdrawal};

/// Why a run is to stop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The request for the run was taken back.
    Withdrawn(Withdrawal),
    /// The server is shutting down; the job goes back to the queue.
    ShuttingDown,
    /// The lease is lost; somebody else has the job, and this run may write nothing.
    LeaseLost,
}

/// Asks a run to stop. Clones share it; the first reason stands.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
}

impl Stop {
    /// Asks for the stop. True when nobody had before.
    pub fn ask(&self, reason: StopReason) -> bool {
        let first = self.reason.set(reason).is_ok();
        self.token.cancel();
        first
    }

    /// The reason, once a stop was asked for.
    pub fn asked(&self) -> Option<StopReason> {
        self.reason.get().cloned()
    }

    /// Resolves when a stop was asked for.
    pub async fn wait(&self) -> StopReason {
        self.token.cancelled().await;
        // `ask` sets the reason before it cancels.
        self.asked().unwrap_or(StopReason::ShuttingDown)
    }
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// Number of the attempt.
    pub attempt: u32,
    /// How many there may be.
    pub attempts: u32,
    /// The machine it ran on.
    pub host: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Every step of the pipeline, in its order.
    pub steps: Vec<StepReport>,
    /// How it ended.
    pub outcome: Outcome,
    /// From the start to the end of the last process.
    pub duration: Duration,
    /// The end of what the step printed that failed the run, else of the last one; readable, at most 32 KiB.
    pub tail: String,
    /// The log, if it could be written.
    pub log: Option<PathBuf>,
    /// The change request that the run opened or found.
    pub change_request: Option<ChangeRequestLink>,
    /// What a person must know of although no step failed for it, in Markdown.
    pub notes: Vec<String>,
    /// What is left of a run that may be of use.
    pub kept: Kept,
    /// Processes that could not be ended, because they belong to another user or hang in the kernel. A person should
    /// look.
    pub left_behind: usize,
}

/// What stays of a run after its end because its pipeline says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its workspace and what lay beside it, as a folder on its machine.
    pub workspace: Option<PathBuf>,
    /// The branch on which its unfinished work was pushed.
    pub branch: Option<String>,
}

/// Where a change request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequestLink {
    /// Its page.
    pub url: String,
    /// Its number.
    pub number: u64,
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// Its name, or the first line of its command.
    pub title: String,
    /// What became of it.
    pub outcome: StepOutcome,
    /// How long it took; zero when it did not run.
    pub duration: Duration,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// It succeeded.
    Done,
    /// It failed, and the run with it.
    Failed,
    /// It failed, and the pipeline says that the run goes on.
    Tolerated,
    /// Its condition did not hold.
    Skipped,
    /// The run was over before its turn, or while it ran.
    NotReached,
}

impl StepOutcome {
    /// The word that a condition compares with.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed | Self::Tolerated => "failed",
            Self::Skipped => "skipped",
            Self::NotReached => "not_reached",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every step succeeded.
    Done,
    /// A step failed, or the run could not be carried out.
    Failed(Failure),
    /// It was asked to stop before it had ended.
    Stopped(StopReason),
}

/// Where and why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Index of the step from 0 and its first line; `None` when the run did not get that far.
    pub step: Option<(usize, String)>,
    /// Why.
    pub cause: FailureCause,
}

/// For the log: without the command, whose text may be long.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some((index, _)) => write!(f, "step {} {}", index + 1, cause_in_words(&self.cause)),
            None => write!(f, "it {}", cause_in_words(&self.cause)),
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureCause {
    /// The step exited with this code, which is not 0.
    Exit(i32),
    /// This signal ended the step.
    Signal(i32),
    /// The pipeline's time was over.
    Timeout(Duration),
    /// The step's own time was over.
    StepTimeout(Duration),
    /// Nothing was started; says why.
    NotStarted(String),
    /// What it was to do was refused, by a platform or by a rule; says why.
    Refused(String),
    /// A coding agent was content and changed nothing.
    NoChange,
    /// A coding agent printed nothing for so long.
    Stalled(Duration),
    /// The programs of the run had more memory than this many MiB.
    OutOfMemory(u64),
    /// The step used more CPU time than this.
    CpuTime(Duration),
    /// The step wrote a file of more than this many MiB.
    FileSize(u64),
    /// The process that watches the step was killed, most likely by the step itself.
    SupervisorLost,
}

impl RunReport {
    /// The verdict for the store; `None` when the run was only interrupted and the ticket still waits for its result
    /// (shutdown, lost lease).
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.outcome {
            Outcome::Done => Some(Verdict::Done),
            Outcome::Failed(_) => Some(Verdict::Failed),
            Outcome::Stopped(StopReason::Withdrawn(_)) => Some(Verdict::Cancelled),
            Outcome::Stopped(StopReason::ShuttingDown | StopReason::LeaseLost) => None,
        }
    }
}

/// Completes "stopped because ...".
impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withdrawn(withdrawal) => withdrawal.fmt(f),
            Self::ShuttingDown => f.write_str("the server is shutting down"),
            Self::LeaseLost => f.write_str("another server has taken the job over"),
        }
    }
}

/// Completes "the step ...". Contains foreign text only for [`FailureCause::NotStarted`] and
/// [`FailureCause::Refused`].
pub(super) fn cause_in_words(cause: &FailureCause) -> String {
    match cause {
        FailureCause::Exit(code @ 129..=192) => {
            format!("exited with code {code}, which shells use for a program ended by signal {}", code - 128)
        }
        FailureCause::Exit(code) => format!("exited with code {code}"),
        FailureCause::Signal(number) => format!("was ended by signal {number}"),
        FailureCause::Timeout(limit) => {
            format!("was ended because the time for the whole run ({}) was over", duration_in_words(*limit))
        }
        FailureCause::StepTimeout(limit) => {
            format!("was ended because its time ({}) was over", duration_in_words(*limit))
        }
        FailureCause::NotStarted(why) => format!("could not be started: {why}"),
        FailureCause::Refused(why) => format!("could not be done: {why}"),
        FailureCause::Stalled(limit) => {
            format!("was ended because it had printed nothing for {}", duration_in_words(*limit))
        }
        FailureCause::OutOfMemory(limit) => {
            format!("was ended because the run was out of memory (limit {limit} MiB)")
        }
        FailureCause::CpuTime(limit) => {
            format!("used more CPU time than limits.cpu_seconds allows ({})", duration_in_words(*limit))
        }
        FailureCause::FileSize(limit) => {
            format!("wrote a larger file than limits.file_size_mb allows ({limit} MiB)")
        }
        FailureCause::NoChange => "ended without an error and without a change to any file".to_owned(),
        FailureCause::SupervisorLost => {
            "killed the process that watches it, so its result is not known; everything it started was ended".to_owned()
        }
    }
}

/// A duration for people: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 0 min`.
pub fn duration_in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 if duration.subsec_millis() != 0 => format!("{:.1} s", duration.as_secs_f64()),
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
