//! Words and jobs as Redis holds them.
//!
//! Who calls: the files beside this one. What must stay true: what was written by an older version stays readable, and
//! what cannot be read becomes [`Error::Malformed`] with the place named.

use std::time::Duration;

use tracing::error;

use crate::job::{AskedBy, Cause, Job, JobState, RunResult, Verdict, Withdrawal};
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
        "operator" => AskedBy::Operator,
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
        AskedBy::Operator => "operator",
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

/// Reads a verdict.
pub(super) fn verdict(ticket: &str, word: &str) -> Result<Verdict> {
    match word {
        "done" => Ok(Verdict::Done),
        "failed" => Ok(Verdict::Failed),
        "cancelled" => Ok(Verdict::Cancelled),
        other => Err(Error::Malformed(format!("verdict of {ticket} is `{other}`"))),
    }
}

/// Reads a result; no verdict is no result.
pub(super) fn run_result(ticket: &str, word: &str, comment: String) -> Result<Option<RunResult>> {
    if word.is_empty() {
        return Ok(None);
    }
    Ok(Some(RunResult { verdict: verdict(ticket, word)?, comment }))
}

/// Why a request was taken back, as Redis holds it.
pub(super) fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::TicketClosed => "ticket-closed",
        Cause::TriggerRemoved => "trigger-removed",
        Cause::TicketGone => "ticket-gone",
        Cause::Cancelled => "cancelled",
    }
}

/// Reads a withdrawal; no cause is none. A word that a later version wrote still means that somebody took it back.
pub(super) fn withdrawal(cause: &str, by: &str) -> Option<Withdrawal> {
    let cause = match cause {
        "" => return None,
        "ticket-closed" => Cause::TicketClosed,
        "trigger-removed" => Cause::TriggerRemoved,
        "ticket-gone" => Cause::TicketGone,
        _ => Cause::Cancelled,
    };
    Some(Withdrawal::new(cause, Some(by)))
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
    fn withdrawals_are_read_as_they_were_written() {
        for cause in [Cause::TicketClosed, Cause::TriggerRemoved, Cause::TicketGone, Cause::Cancelled] {
            assert_eq!(withdrawal(cause_word(cause), "ann"), Some(Withdrawal::new(cause, Some("ann"))));
        }
        assert_eq!(withdrawal("", "ann"), None);
        assert_eq!(withdrawal("a word of tomorrow", ""), Some(Withdrawal::new(Cause::Cancelled, None)));
    }

    #[test]
    fn a_fraction_of_a_millisecond_is_one() {
        assert_eq!(millis(Duration::from_micros(1)), 1);
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_secs(2)), 2000);
    }
}
