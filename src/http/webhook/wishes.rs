//! What an event asks for. Pure: the event and the projects of its tracker in, wishes out.
//!
//! Who calls: `handle`. What must stay true: what we wrote ourselves asks for nothing: a lifecycle label that our account
//! set or removed, a comment with our marker. Nor does any other comment of our account, which `claim::standing` says,
//! because a list may name it. A trigger label is never ours, whoever's account put it there: small teams lend us theirs,
//! and the claim asks who did.

use std::sync::Arc;

use super::commands::{listen, spoken_lines, without_inline_code};
use super::event::{Change, CommentSeen, Event};
use crate::config::{Action, Config, Project, Step};
use crate::lifecycle::{self, Lifecycle};
use crate::ticket::{Account, Labels};

/// What an event asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes<'e> {
    /// That the request for a run is taken back: it was closed, or is gone, or lost its trigger label.
    pub(super) gone: bool,
    /// That this may have happened; only the ticket can tell.
    pub(super) perhaps_gone: bool,
    /// A run, because of a label that is on the ticket or was.
    pub(super) by_label: bool,
    /// A run, because this account is to do it now.
    pub(super) assigned: Option<&'e Account>,
    /// What this comment asks for: it holds a command.
    pub(super) command: Option<&'e CommentSeen>,
    /// A run, because this comment contains the keyword.
    pub(super) keyword: Option<&'e CommentSeen>,
    /// Why nothing is asked for, when that is so.
    pub(super) nothing: Option<String>,
}

/// True when it makes a difference whether our own account did it.
pub(super) fn depend_on_who(event: &Event) -> bool {
    event.changes.iter().any(|change| match change {
        Change::LabelsAdded(labels) => {
            labels.iter().any(|label| Lifecycle::from_label(label) == Some(Lifecycle::Pending))
        }
        Change::LabelsRemoved(labels) => {
            labels.iter().filter_map(|label| Lifecycle::from_label(label)).any(Lifecycle::is_terminal)
        }
        _ => false,
    })
}

/// True when a run of ours may have moved the ticket like this, because the configuration says that runs do.
pub(super) fn may_be_a_move_of_ours(event: &Event, config: &Config, projects: &[Arc<Project>]) -> bool {
    let moves = |step: &Step| matches!(step.action, Action::SetStatus(_));
    event.changes.iter().any(|change| matches!(change, Change::Closed | Change::StatusChanged(_)))
        && (projects.iter().any(|project| project.trigger.done_status.is_some())
            || config.pipelines.values().any(|pipeline| pipeline.steps.iter().any(moves)))
}

impl Wishes<'_> {
    /// The same when it was a run of ours that moved the ticket: nobody took a request back.
    pub(super) fn of_our_own_move(mut self) -> Self {
        self.gone = false;
        let asks = self.by_label || self.perhaps_gone || self.assigned.is_some();
        if !asks && self.command.is_none() && self.keyword.is_none() {
            self.nothing = Some("a run moved the ticket by itself".to_owned());
        }
        self
    }
}

/// What an event asks of the projects on its tracker. `by_us`: whether our own account did it.
pub(super) fn of<'e>(event: &'e Event, projects: &[Arc<Project>], by_us: bool) -> Wishes<'e> {
    let mut wishes = Wishes::default();
    let mut reasons: Vec<String> = Vec::new();
    for change in &event.changes {
        match change {
            Change::Opened | Change::Reopened => wishes.by_label |= may_ask(event, projects),
            Change::Unnamed => {
                wishes.by_label |= may_ask(event, projects);
                wishes.perhaps_gone = true;
            }
            Change::Closed | Change::Deleted => wishes.gone = true,
            Change::LabelsAdded(labels) => wishes.by_label |= asks(labels, projects, event.actor.is_some() && !by_us),
            Change::LabelsRemoved(labels) => {
                wishes.gone |= labels.iter().any(|label| is_trigger(label, projects)) && !still_asks(event, projects);
                // A person who takes a result away asks for another run.
                let reset = labels.iter().filter_map(|label| Lifecycle::from_label(label)).any(Lifecycle::is_terminal);
                wishes.by_label |= reset && event.actor.is_some() && !by_us && may_ask(event, projects);
            }
            Change::StatusChanged(status) => {
                // It may have been reopened by this: not every workflow says so in another way.
                let may_start = may_start(event, projects, status) && may_ask(event, projects) && !is_taken(event);
                match is_open(projects, status) {
                    Some(false) => wishes.gone = true,
                    known => {
                        wishes.by_label |= may_start;
                        // It may be finished for the one whose job it has.
                        let finished = |one: &Arc<Project>| !one.tracker.counts_as_open(status);
                        wishes.perhaps_gone |= known.is_some() && projects.iter().any(finished);
                    }
                }
            }
            Change::Assigned(account) => {
                let named = |project: &Arc<Project>| is_assignee(project, account);
                wishes.assigned = Some(account).filter(|_| projects.iter().any(named)).or(wishes.assigned);
            }
            Change::Commented(comment) if carries_marker(&comment.body) => {}
            Change::Commented(comment) if holds_command(projects, comment) => wishes.command = Some(comment),
            Change::Commented(comment) => {
                let asks = projects.iter().any(|project| has_keyword(project, comment));
                wishes.keyword = Some(comment).filter(|_| asks).or(wishes.keyword);
            }
        }
        reasons.push(why_nothing(change, by_us));
    }
    let status = event.seen.status.as_deref();
    let open = event.seen.open.or_else(|| is_open(projects, status?));
    if open == Some(false) {
        // A command may be about what was before.
        (wishes.by_label, wishes.assigned, wishes.keyword) = (false, None, None);
        reasons.push("the ticket is closed".to_owned());
    }
    let by_comment = wishes.command.is_some() || wishes.keyword.is_some();
    let gone = wishes.gone || wishes.perhaps_gone;
    let asks = wishes.by_label || gone || wishes.assigned.is_some() || by_comment;
    reasons.dedup();
    Wishes { nothing: (!asks).then(|| reasons.join("; ")), ..wishes }
}

/// True when the trigger section names this account.
pub(super) fn is_assignee(project: &Project, account: &Account) -> bool {
    project.trigger.assignee_name.as_deref().is_some_and(|name| account.is_called(name))
}

/// True when the author says the project's keyword, in any case: quotes and code are not what they say.
pub(super) fn has_keyword(project: &Project, comment: &CommentSeen) -> bool {
    let Some(keyword) = project.trigger.comment_keyword.as_deref().map(str::to_lowercase) else { return false };
    let platform = project.tracker.platform();
    let spoken = spoken_lines(platform, &comment.body);
    spoken.iter().any(|line| without_inline_code(platform, line).to_lowercase().contains(&keyword))
}

fn holds_command(projects: &[Arc<Project>], comment: &CommentSeen) -> bool {
    let platform = projects.first().map(|project| project.tracker.platform());
    platform.is_some_and(|platform| listen(platform, &comment.body).is_some())
}

/// True when labels that came ask for a run: a trigger label, whoever added it, or Pending, when a person did.
fn asks(labels: &[String], projects: &[Arc<Project>], by_a_person: bool) -> bool {
    let pending = |label: &String| Lifecycle::from_label(label) == Some(Lifecycle::Pending);
    labels.iter().any(|label| is_trigger(label, projects) || (by_a_person && pending(label)))
}

/// Whether a status counts as not finished for any of the projects, where the configuration says that.
fn is_open(projects: &[Arc<Project>], status: &str) -> Option<bool> {
    projects.iter().filter_map(|project| project.tracker.tells_open(status)).max()
}

/// True when the status is one in which a project's tickets may start; Pending starts in any.
fn may_start(event: &Event, projects: &[Arc<Project>], status: &str) -> bool {
    event.seen.labels.as_ref().is_some_and(is_pending)
        || projects.iter().any(|project| project.trigger.takes_status(status))
}

/// True when the payload shows a ticket that waits, runs or is finished.
fn is_taken(event: &Event) -> bool {
    let shown = event.seen.labels.as_ref().and_then(Lifecycle::of);
    shown.is_some_and(|state| state != Lifecycle::Pending)
}

/// True unless the payload shows that no label on the ticket asks for a run.
fn may_ask(event: &Event, projects: &[Arc<Project>]) -> bool {
    let asks = |labels: &Labels| labels.iter().any(|label| is_trigger(label, projects)) || is_pending(labels);
    event.seen.labels.as_ref().is_none_or(asks)
}

/// True when the payload shows a trigger label that is left.
fn still_asks(event: &Event, projects: &[Arc<Project>]) -> bool {
    event.seen.labels.as_ref().is_some_and(|labels| labels.iter().any(|label| is_trigger(label, projects)))
}

fn is_pending(labels: &Labels) -> bool {
    Lifecycle::of(labels) == Some(Lifecycle::Pending)
}

fn is_trigger(label: &str, projects: &[Arc<Project>]) -> bool {
    let triggers = |project: &Arc<Project>| project.trigger.pipeline_from_label.keys().any(|key| same(key, label));
    projects.iter().any(triggers)
}

fn same(a: &str, b: &str) -> bool {
    crate::ticket::same_label(a, b)
}

/// True for a comment of ours: its last line holds the marker that every one of them ends with. Backslashes are how
/// Jira's markup escapes.
fn carries_marker(body: &str) -> bool {
    let plain = body.replace('\\', "");
    let last = plain.trim_end().lines().next_back().unwrap_or_default();
    ["<!-- agent-smith:", "[agent-smith:", "(agent-smith:"].iter().any(|marker| last.contains(marker))
}

fn why_nothing(change: &Change, by_us: bool) -> String {
    let all_ours = |labels: &[String]| labels.iter().all(|label| is_lifecycle(label));
    match change {
        Change::LabelsAdded(labels) | Change::LabelsRemoved(labels) if all_ours(labels) => {
            let whose = if by_us { "own " } else { "" };
            format!("{whose}lifecycle labels ask for nothing")
        }
        Change::LabelsAdded(_) => "no trigger label was added".to_owned(),
        Change::LabelsRemoved(_) => "no trigger label was removed".to_owned(),
        Change::Opened | Change::Reopened | Change::Unnamed => "the ticket carries no trigger label".to_owned(),
        Change::StatusChanged(_) => "no change to a status in which its labels ask for a run".to_owned(),
        Change::Assigned(_) => "the assignee is not assignee_name".to_owned(),
        Change::Commented(comment) if carries_marker(&comment.body) => "the comment is our own".to_owned(),
        Change::Commented(_) => "the comment holds neither a command nor comment_keyword".to_owned(),
        Change::Closed | Change::Deleted => "the ticket is closed".to_owned(),
    }
}

fn is_lifecycle(label: &str) -> bool {
    label.to_lowercase().starts_with(lifecycle::PREFIX)
}

#[cfg(test)]
mod tests;
