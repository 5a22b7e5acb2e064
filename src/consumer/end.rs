//! How a job leaves this consumer, and what is said of one that cannot go on.
//!
//! Who calls: `run_job`. What must stay true: whatever happened, a job leaves in exactly one of three ways.

use std::time::Duration;

use tracing::{debug, info, warn};

use super::{Parts, SOURCE};
use crate::job::JobLease;
use crate::pipeline::{GivenUp, Outcome, RunReport};
use crate::platform;
use crate::project_health;
use crate::store::ReleaseReason;

/// Pause before a job is offered again whose project or platform is of no use right now.
pub(super) const LATER: Duration = Duration::from_secs(30);

/// How a job leaves this consumer.
#[derive(Debug)]
pub(super) enum End {
    /// Over: it leaves the queue.
    Finish,
    /// Somebody tries again, after a pause.
    HandBack(ReleaseReason, Duration),
    /// It is somebody else's: touch nothing.
    Abandon,
}

impl From<GivenUp> for End {
    fn from(given_up: GivenUp) -> Self {
        match given_up {
            GivenUp::LeaseLost => Self::Abandon,
            GivenUp::Shutdown => Self::HandBack(ReleaseReason::HandedBack, Duration::ZERO),
            GivenUp::Later(pause, error) => {
                debug!(%error, "the platform does not answer; the job is handed back");
                Self::HandBack(ReleaseReason::HandedBack, pause)
            }
            GivenUp::Refused(platform::Error::NotFound { what, .. } | platform::Error::Moved { what, .. }) => {
                warn!("{what} is not there any more; its job is dropped");
                Self::Finish
            }
            GivenUp::Refused(error) => {
                debug!(%error, "the platform refuses; the job is handed back and tried again until somebody helps");
                Self::HandBack(ReleaseReason::HandedBack, LATER)
            }
        }
    }
}

/// Why a job cannot go on, for its record.
pub(super) fn in_words(given_up: &GivenUp) -> String {
    match given_up {
        GivenUp::LeaseLost => "somebody else has the job".to_owned(),
        GivenUp::Shutdown => "the server is shutting down".to_owned(),
        GivenUp::Later(_, error) | GivenUp::Refused(error) => error.to_string(),
    }
}

/// One line for a run that ended.
pub(super) fn log(report: &RunReport) {
    let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
    match &report.outcome {
        Outcome::Done => info!(duration_ms, "run ended: done"),
        Outcome::Failed(failure) => info!(duration_ms, "run ended: failed, {failure}"),
        Outcome::Stopped(reason) => info!(duration_ms, "run ended early: {}", reason),
    }
}

/// Why the run ended as it did; empty when it went well.
pub(super) fn why(report: &RunReport) -> String {
    match &report.outcome {
        Outcome::Done => String::new(),
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Stopped(reason) => reason.to_string(),
    }
}

/// What keeps jobs of a project from going on is told once, on its line on `/health`, and not for each job at each
/// attempt.
pub(super) fn complain(parts: &Parts, lease: &JobLease, given_up: &GivenUp) {
    match given_up {
        GivenUp::Refused(platform::Error::NotFound { .. } | platform::Error::Moved { .. }) => {}
        GivenUp::Refused(error) | GivenUp::Later(_, error) => {
            project_health::report(&parts.health, SOURCE, &lease.job.key.project, Some(error));
        }
        GivenUp::LeaseLost | GivenUp::Shutdown => {}
    }
}

pub(super) async fn leave(parts: &Parts, lease: &JobLease, end: End) {
    debug!(?end, "leaving the job");
    let left = match end {
        End::Finish => parts.store.finish(lease).await,
        End::HandBack(reason, pause) => parts.store.release(lease, reason, pause).await,
        End::Abandon => return info!("left to its new owner"),
    };
    match left {
        Ok(true) => {}
        Ok(false) => info!("the job was somebody else's already"),
        Err(error) => {
            parts.availability.report(&error);
            warn!(%error, "could not sign the job off; its lease lapses and the next consumer finds it finished");
        }
    }
}
