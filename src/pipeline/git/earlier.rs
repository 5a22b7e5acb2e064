//! The branch of an earlier run of a ticket whose title was another one then.
//!
//! Who calls: `history`, when the remote has no branch of the ticket's present name. What must stay true: a branch is
//! continued only when a commit on it says whose it is, by the run that made it or by the ticket's address. The beginning
//! of its name is not enough: tickets of two trackers may share a number and a repository.

use std::collections::BTreeMap;
use std::path::Path;

use super::branch::{is_of_ticket, ticket_prefix};
use super::call::{Call, Git, Trouble};
use super::history::{Heads, fetch, full};
use super::remote::Remote;

/// Begins the line with the ticket's address in a message that does not have it otherwise.
pub(in crate::pipeline) const TICKET: &str = "Agent-Smith-Ticket: ";

/// Branches looked at. A ticket whose title was edited more often begins a new one.
const MOST_BRANCHES: usize = 10;
/// Commits of a branch that are read, the newest first; a run makes one or two.
const MOST_COMMITS: &str = "50";

/// Whose branch is looked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct Owner<'a> {
    /// The ticket's id.
    pub(in crate::pipeline) ticket: &'a str,
    /// The ticket's address.
    pub(in crate::pipeline) url: &'a str,
    /// The run, which has the same id in all its attempts.
    pub(in crate::pipeline) run_id: &'a str,
}

impl Owner<'_> {
    /// What `ls-remote` is asked for, to find the branches that may be the ticket's.
    pub(super) fn patterns(&self) -> [String; 2] {
        let begin = full(&ticket_prefix(self.ticket));
        [format!("{begin}-*"), begin]
    }

    /// Whether a message names this run or this ticket, each in a line of its own as our messages do.
    fn is_named_in(&self, message: &str) -> bool {
        let by_run = format!("Agent-Smith-Run: {}/", self.run_id);
        message.lines().any(|line| line.starts_with(&by_run) || names_ticket(line, self.url))
    }
}

/// Whether a line of a message is the ticket's address, with or without [`TICKET`].
pub(in crate::pipeline) fn names_ticket(line: &str, url: &str) -> bool {
    !url.is_empty() && line.strip_prefix(TICKET).unwrap_or(line) == url
}

/// The newest branch with work for this ticket that its base does not have yet.
pub(super) async fn find(
    git: &mut Git<'_>,
    (mirror, remote): (&Path, &Remote),
    heads: &Heads,
    base: &str,
    owner: Owner<'_>,
) -> Result<Option<String>, Trouble> {
    let names = heads.commits.keys().filter_map(|name| name.strip_prefix("refs/heads/"));
    let candidates: Vec<&str> = names.filter(|name| is_of_ticket(name, owner.ticket)).take(MOST_BRANCHES).collect();
    if candidates.is_empty() {
        return Ok(None);
    }
    let all: Vec<String> = candidates.iter().copied().chain([base]).map(full).collect();
    let commits: BTreeMap<String, String> = fetch(git, mirror, remote, heads, &all).await?;
    let mut newest: Option<(u64, &str)> = None;
    for name in candidates {
        let range = format!("{}..{}", commits[&full(base)], commits[&full(name)]);
        let log = Call::on(mirror, &["log", "-n", MOST_COMMITS, "--format=%ct%n%B"]).arg(range);
        let told = git.line(&log.with(remote)).await?;
        let made = told.lines().next().and_then(|line| line.parse().ok()).unwrap_or(0);
        if owner.is_named_in(&told) && newest.is_none_or(|(known, _)| made >= known) {
            newest = Some((made, name));
        }
    }
    Ok(newest.map(|(_, name)| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_ticket_or_its_run_in_a_line_of_its_own() {
        let owner = Owner { ticket: "7", url: "https://h/7", run_id: "0190-run" };
        assert!(owner.is_named_in("Fix\n\nhttps://h/7\n"));
        assert!(owner.is_named_in("wip\n\nAgent-Smith-Run: 0190-run/3\n"));
        assert!(owner.is_named_in("Mend it\n\nAgent-Smith-Ticket: https://h/7\nAgent-Smith-Run: another/1\n"));
        for other in
            ["see https://h/7", "https://h/71", "Agent-Smith-Run: 0190-runs/1", "> Agent-Smith-Run: 0190-run/1"]
        {
            assert!(!owner.is_named_in(other), "{other}");
        }
        assert!(!Owner { url: "", ..owner }.is_named_in("Fix\n\n"), "an empty line is no address");
    }
}
