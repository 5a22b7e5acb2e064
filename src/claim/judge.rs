//! May this ticket be claimed, and by which project? Pure; shared by the claim itself, the poll's filter, the
//! reconcilers and `poll --dry-run`.

use std::fmt;
use std::sync::Arc;

use crate::config::{Config, Project, Tracker};
use crate::job::{AskedBy, Withdrawal};
use crate::lifecycle::Lifecycle;
use crate::ticket::{Candidate, Labels, Ticket, same_label};

/// What the labels and the state of a ticket say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It asks for a run.
    Claimable(AskedBy),
    /// It is claimed, running or finished already.
    Taken(Lifecycle),
    /// It does not ask for a run by this project.
    Rejected(Rejection),
}

/// Why a ticket is not for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// A closed ticket is never claimed, whatever it carries.
    Closed,
    /// It carries neither a trigger label nor `agent-smith:pending`.
    NoTriggerLabel,
    /// Its status is none of the project's `trigger_statuses`.
    Status(String),
    /// Another project on the same tracker is responsible for it.
    OtherProject(String),
    /// The pipeline it asks for does not exist.
    UnknownPipeline(String),
    /// The platform says that it is not there any more.
    Gone(String),
    /// Its last request was taken back, and what is on the ticket asked then already.
    Withdrawn(Withdrawal),
    /// Whoever put the label on it may not start runs: why, in words.
    Actor(String),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the ticket is closed"),
            Self::NoTriggerLabel => f.write_str("no trigger label"),
            Self::Status(status) => write!(f, "its status {status} is none of trigger_statuses"),
            Self::OtherProject(name) => write!(f, "it belongs to project {name} on the same tracker"),
            Self::UnknownPipeline(name) => write!(f, "pipeline {name} does not exist"),
            Self::Gone(reason) | Self::Actor(reason) => f.write_str(reason),
            Self::Withdrawn(withdrawal) => {
                write!(f, "{withdrawal}; add {} to ask again", Lifecycle::Pending)
            }
        }
    }
}

/// Judges what a listing shows of a ticket, for one project.
pub fn judge(ticket: &Candidate, project: &Project, config: &Config) -> Judgement {
    judge_seen(ticket, None, project, config)
}

/// Judges a ticket as it was just read, for one project. `asked_by`: how somebody asked for the run, when it was not with
/// a label.
pub fn judge_ticket(ticket: &Ticket, asked_by: Option<AskedBy>, project: &Project, config: &Config) -> Judgement {
    judge_seen(&Candidate::from(ticket), asked_by, project, config)
}

fn judge_seen(ticket: &Candidate, asked_by: Option<AskedBy>, project: &Project, config: &Config) -> Judgement {
    if !ticket.open {
        return Judgement::Rejected(Rejection::Closed);
    }
    let lifecycle = Lifecycle::of(&ticket.labels);
    if let Some(state) = lifecycle.filter(|state| *state != Lifecycle::Pending) {
        return Judgement::Taken(state);
    }
    // A person who takes the label away wants no run, however else it was asked for: so the label counts first.
    let asked_by = match (carries_trigger(project, &ticket.labels), asked_by, lifecycle) {
        (true, ..) => AskedBy::TriggerLabel,
        (false, Some(other), _) => other,
        (false, None, Some(_)) => AskedBy::PendingLabel,
        (false, None, None) => return Judgement::Rejected(Rejection::NoTriggerLabel),
    };
    // Pending was set by a person who wants it now, or by us on a ticket whose run broke off and may have moved on.
    if lifecycle.is_none() && !project.trigger.takes_status(&ticket.state) {
        return Judgement::Rejected(Rejection::Status(ticket.state.clone()));
    }
    let responsible = match asked_by {
        AskedBy::TriggerLabel | AskedBy::PendingLabel => owner(config, &project.tracker, ticket),
        AskedBy::Assignment | AskedBy::Comment | AskedBy::Operator => labelled_for(config, &project.tracker, ticket),
    };
    match responsible {
        Some(other) if other.name != project.name => Judgement::Rejected(Rejection::OtherProject(other.name.clone())),
        _ => Judgement::Claimable(asked_by),
    }
}

/// True when the ticket carries a trigger label of the project.
pub fn carries_trigger(project: &Project, labels: &Labels) -> bool {
    labels.iter().any(|label| is_trigger(project, label))
}

/// True for a trigger label of the project.
pub(super) fn is_trigger(project: &Project, label: &str) -> bool {
    project.trigger.pipeline_from_label.keys().any(|key| same_label(key, label))
}

/// The project that is responsible for a ticket of this tracker: the first in file order with one of its trigger
/// labels, else the first. Projects for which its state counts as finished stand back.
pub fn owner<'a>(config: &'a Config, tracker: &Tracker, ticket: &Candidate) -> Option<&'a Arc<Project>> {
    // Of equals the first one is taken.
    neighbours(config, tracker, &ticket.id).min_by_key(|project| {
        (!project.tracker.counts_as_open(&ticket.state), !carries_trigger(project, &ticket.labels))
    })
}

/// The first project in file order with one of its trigger labels on a ticket of this tracker. Projects for which its
/// state counts as finished stand back.
pub fn labelled_for<'a>(config: &'a Config, tracker: &Tracker, ticket: &Candidate) -> Option<&'a Arc<Project>> {
    let labelled = neighbours(config, tracker, &ticket.id).filter(|project| carries_trigger(project, &ticket.labels));
    labelled.min_by_key(|project| !project.tracker.counts_as_open(&ticket.state))
}

/// The projects that can find a ticket of this tracker, in file order: those on the same tracker, and in Jira also one
/// on the whole site and those on the ticket's own project.
pub fn neighbours<'a>(config: &'a Config, tracker: &Tracker, ticket: &str) -> impl Iterator<Item = &'a Arc<Project>> {
    let shares =
        move |other: &&Arc<Project>| other.tracker.shares_tickets_with(tracker) && other.tracker.can_hold(ticket);
    config.projects.values().filter(shares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, parse};

    const FILE: &str = "projects:
  first: { tickets: { type: Jira, url: https://j.example, project: P }, jira_trigger: { pipeline_from_label: { go: fix-bug }, trigger_statuses: [Ready] } }
  second: { tickets: { type: Jira, url: https://j.example, project: P }, jira_trigger: { pipeline_from_label: { scan: fix-bug } } }
pipelines: { fix-bug: { steps: [{ run: make }] } }
";

    /// What `project` makes of an open ticket in this status with these labels.
    fn judged(project: &str, status: &str, labels: &[&str], asked_by: Option<AskedBy>) -> Judgement {
        let config = parse("f.yml", FILE, &Env::default()).unwrap().config;
        let ticket = Ticket {
            id: "P-1".to_owned(),
            title: String::new(),
            body: String::new(),
            labels: labels.iter().copied().collect(),
            state: status.to_owned(),
            open: true,
            url: String::new(),
        };
        judge_ticket(&ticket, asked_by, &config.projects[project], &config)
    }

    #[test]
    fn a_status_that_is_none_of_the_named_ones_starts_nothing_however_it_was_asked_for() {
        let refused = Judgement::Rejected(Rejection::Status("Waiting".to_owned()));
        for asked_by in [None, Some(AskedBy::Assignment), Some(AskedBy::Comment)] {
            assert_eq!(judged("first", "Waiting", &["go"], asked_by), refused);
            assert_eq!(judged("first", "ready", &["go"], asked_by), Judgement::Claimable(AskedBy::TriggerLabel));
        }
        assert_eq!(judged("second", "Waiting", &["scan"], None), Judgement::Claimable(AskedBy::TriggerLabel));
        // It broke off, or a person wants it now.
        let pending = ["go", "agent-smith:pending"];
        assert_eq!(judged("first", "Waiting", &pending, None), Judgement::Claimable(AskedBy::TriggerLabel));
    }

    #[test]
    fn who_asks_otherwise_needs_no_label_and_a_label_counts_for_more() {
        assert_eq!(judged("first", "Ready", &[], None), Judgement::Rejected(Rejection::NoTriggerLabel));
        for asked_by in [AskedBy::Assignment, AskedBy::Comment] {
            for project in ["first", "second"] {
                assert_eq!(judged(project, "Ready", &[], Some(asked_by)), Judgement::Claimable(asked_by), "{project}");
            }
            let label = Judgement::Claimable(AskedBy::TriggerLabel);
            assert_eq!(
                judged("first", "Ready", &["go"], Some(asked_by)),
                label,
                "taking it away takes the request back"
            );
            let other = Judgement::Rejected(Rejection::OtherProject("second".to_owned()));
            assert_eq!(judged("first", "Ready", &["scan"], Some(asked_by)), other);
            let done = judged("first", "Ready", &["agent-smith:done"], Some(asked_by));
            assert_eq!(done, Judgement::Taken(Lifecycle::Done));
        }
    }
}
