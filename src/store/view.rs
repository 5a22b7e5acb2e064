//! What the store tells of a ticket's job to a person who asks.
//!
//! Who calls: the backends make these, commands show them. What must stay true: nothing decides anything by them; they
//! are old as soon as they are there.

use std::time::Duration;

use super::UnderWay;
use crate::job::{Job, JobState, Verdict, Withdrawal};

/// How long the end of a run is remembered: as long as anybody asks what became of a ticket.
pub(super) const LAST_RUN_REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// A live job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// The job.
    pub job: Job,
    /// Where it stands.
    pub state: JobState,
    /// How long ago it was claimed, or taken if it runs.
    pub since: Duration,
    /// Jobs of the same project that are before it; `None` unless it waits visibly.
    pub ahead: Option<u64>,
    /// What runs beside it; nothing unless it waits.
    pub beside: UnderWay,
    /// The number of the attempt that runs, or of the last one.
    pub attempt: u32,
    /// Who runs it; `None` unless it runs.
    pub consumer: Option<String>,
    /// That it was asked to stop.
    pub stop_asked: Option<Withdrawal>,
}

/// How the last run of a ticket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// The run.
    pub run_id: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// How it ended.
    pub verdict: Verdict,
    /// How long ago.
    pub ended: Duration,
}
