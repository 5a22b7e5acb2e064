//! Telling how far a run is, while it runs.
//!
//! Who calls: `sequence`, at the beginning and the end of each step, and when there is a change request; `run`, when a
//! workspace stays. What must stay true: nobody is waited for; whoever listens sees the newest state and may miss those
//! between.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use super::mask::Mask;
use super::outcome::{ChangeRequestLink, StepOutcome, StepReport};
use crate::clock;
use crate::run_record::{Progress, StepRecord, StepState, at_millis};

/// The next step has begun.
pub(super) fn begin(progress: &watch::Sender<Progress>, mask: &Mask, title: &str) {
    let started_utc = Some(at_millis(clock::unix_millis()));
    let title = mask.apply(title);
    let step = StepRecord { title, state: StepState::Running, started_utc, duration_ms: 0, exit_code: None };
    progress.send_modify(|progress| progress.steps.push(step));
}

/// The step of this index is over, or was passed by.
pub(super) fn end(
    progress: &watch::Sender<Progress>,
    mask: &Mask,
    (index, report): (usize, &StepReport),
    exit_code: Option<i32>,
) {
    progress.send_modify(|progress| {
        progress.steps.truncate(index + 1);
        let begun = (progress.steps.len() > index).then(|| progress.steps.pop()).flatten();
        progress.steps.push(StepRecord {
            title: mask.apply(&report.title),
            state: state(report.outcome),
            started_utc: begun.and_then(|step| step.started_utc),
            duration_ms: millis(report.duration),
            exit_code,
        });
    });
}

/// There is a change request.
pub(super) fn found(progress: &watch::Sender<Progress>, request: &ChangeRequestLink) {
    progress.send_if_modified(|progress| {
        let news = progress.change_request.as_deref() != Some(&request.url);
        if news {
            progress.change_request = Some(request.url.clone());
        }
        news
    });
}

/// The workspace stays here.
pub(super) fn kept(progress: &watch::Sender<Progress>, workspace: &Path) {
    progress.send_modify(|progress| progress.workspace = Some(workspace.display().to_string()));
}

fn state(outcome: StepOutcome) -> StepState {
    match outcome {
        StepOutcome::Done => StepState::Done,
        StepOutcome::Failed => StepState::Failed,
        StepOutcome::Tolerated => StepState::Tolerated,
        StepOutcome::Skipped => StepState::Skipped,
        StepOutcome::NotReached => StepState::NotReached,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
