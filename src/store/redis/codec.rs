//! Words and jobs as Redis holds them.
//!
//! Who calls: the files beside this one. What must stay true: what was written by an older version stays readable, and
//! what cannot be read becomes [`Error::Malformed`] with the place named.

use std::time::Duration;

use tracing::error;

use crate::job::{AskedBy, Job, JobState, RunResult, Verdict};
use crate::store::{Error, Result};
use crate::ticket::TicketKey;

/// Random text that nobody else has: the token of a lock, the candidate of a generation.
pub(super) fn random_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Whole milliseconds, at least one for anything above zero, so that a short wait never becomes none.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Reads `platform:project:ticket`; only the project may contain colons.
pub(super) fn ticket_key(text: &str) -> Result<TicketKey> {
    let malformed = || Error::Malformed(format!("`{text}` is not platform:project:ticket"));
    let (platform, rest) = text.split_once(':').ok_or_else(malformed)?;
    let (project, ticket) = rest.rsplit_once(':').ok_or_else(malformed)?;
    let platform = platform.parse().map_err(|_| malformed())?;
    Ok(TicketKey::new(platform, project, ticket))
}

/// Reads a job from its ticket and the fields of its hash.
pub(super) fn job(ticket: &str, pipeline: &str, run_id: &str, asked_by: &str) -> Result<Job> {
    let asked_by = match asked_by {
        "trigger-label" => AskedBy::TriggerLabel,
        "pending-label" => AskedBy::PendingLabel,
        "assignment" => AskedBy::Assignment,
        "comment" => AskedBy::Comment,
        other => return Err(Error::Malformed(format!("asked_by of {ticket} is `{other}`"))),
    };
    Ok(Job { key: ticket_key(ticket)?, pipeline: pipeline.to_owned(), run_id: run_id.to_owned(), asked_by })
}

/// What asked for a run, as the job's hash holds it.
pub(super) fn asked_by_word(asked_by: AskedBy) -> &'static str {
    match asked_by {
        AskedBy::TriggerLabel => "trigger-label",
        AskedBy::PendingLabel => "pending-label",
        AskedBy::Assignment => "assignment",
        AskedBy::Comment => "comment",
    }
}

/// A verdict as the job's hash holds it.
pub(super) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Failed => "failed",
        Verdict::Cancelled => "cancelled",
    }
}

/// Reads a result; no verdict is no result.
pub(super) fn run_result(ticket: &str, verdict: &str, comment: String) -> Result<Option<RunResult>> {
    let verdict = match verdict {
        "" => return Ok(None),
        "done" => Verdict::Done,
        "failed" => Verdict::Failed,
        "cancelled" => Verdict::Cancelled,
        other => return Err(Error::Malformed(format!("verdict of {ticket} is `{other}`"))),
    };
    Ok(Some(RunResult { verdict, comment }))
}

/// Reads the state of a job. An unknown word is no live job: the next claim sets the entry aside.
pub(super) fn job_state(word: &str) -> Option<JobState> {
    match word {
        "claiming" => Some(JobState::Claiming),
        "queued" => Some(JobState::Queued),
        "running" => Some(JobState::Running),
        _ => None,
    }
}

/// Reads a number that a script wrote as text.
pub(super) fn number<N: std::str::FromStr>(ticket: &str, name: &str, text: &str) -> Result<N> {
    text.parse().map_err(|_| Error::Malformed(format!("{name} of {ticket} is `{text}`")))
}

/// Logs entries that a script set aside.
pub(super) fn log_set_aside(notes: &[String]) {
    for note in notes.iter().filter(|note| !note.is_empty()) {
        error!(entry = note, "an entry of the queue could not be read and was set aside");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::PlatformKind;

    #[test]
    fn a_project_may_contain_colons_and_a_ticket_may_not() {
        let key = TicketKey::new(PlatformKind::Jira, "team: core", "ABC-1");
        assert_eq!(ticket_key(&key.to_string()).ok(), Some(key));
        assert!(ticket_key("github:only-two").is_err());
        assert!(ticket_key("bitbucket:p:1").is_err());
    }

    #[test]
    fn a_fraction_of_a_millisecond_is_one() {
        assert_eq!(millis(Duration::from_micros(1)), 1);
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_secs(2)), 2000);
    }
}
