//! May this ticket be claimed, and by which project? Pure; shared by the claim itself, the poll's filter, the
//! reconcilers and `poll --dry-run`.

use std::fmt;
use std::sync::Arc;

use crate::config::{Config, Project, Tracker};
use crate::job::AskedBy;
use crate::lifecycle::Lifecycle;
use crate::ticket::{Candidate, Labels};

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
    /// Another project on the same tracker is responsible for it.
    OtherProject(String),
    /// The pipeline it asks for does not exist.
    UnknownPipeline(String),
    /// The platform says that it is not there any more.
    Gone(String),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the ticket is closed"),
            Self::NoTriggerLabel => f.write_str("no trigger label"),
            Self::OtherProject(name) => write!(f, "it belongs to project {name} on the same tracker"),
            Self::UnknownPipeline(name) => write!(f, "pipeline {name} does not exist"),
            Self::Gone(reason) => f.write_str(reason),
        }
    }
}

/// Judges a ticket for one project.
pub fn judge(ticket: &Candidate, project: &Project, config: &Config) -> Judgement {
    if !ticket.open {
        return Judgement::Rejected(Rejection::Closed);
    }
    let lifecycle = Lifecycle::of(&ticket.labels);
    if let Some(state) = lifecycle.filter(|state| *state != Lifecycle::Pending) {
        return Judgement::Taken(state);
    }
    let asked_by = match (carries_trigger(project, &ticket.labels), lifecycle) {
        (true, _) => AskedBy::TriggerLabel,
        (false, Some(_)) => AskedBy::PendingLabel,
        (false, None) => return Judgement::Rejected(Rejection::NoTriggerLabel),
    };
    match owner(config, &project.tracker, ticket) {
        Some(other) if other.name != project.name => Judgement::Rejected(Rejection::OtherProject(other.name.clone())),
        _ => Judgement::Claimable(asked_by),
    }
}

/// True when the ticket carries a trigger label of the project.
pub fn carries_trigger(project: &Project, labels: &Labels) -> bool {
    project.trigger.pipeline_from_label.keys().any(|label| labels.contains(label))
}

/// The project that is responsible for a ticket of this tracker: the first in file order with one of its trigger
/// labels, else the first. Projects for which its state counts as finished stand back.
pub fn owner<'a>(config: &'a Config, tracker: &Tracker, ticket: &Candidate) -> Option<&'a Arc<Project>> {
    // Of equals the first one is taken.
    neighbours(config, tracker, &ticket.id).min_by_key(|project| {
        (!project.tracker.counts_as_open(&ticket.state), !carries_trigger(project, &ticket.labels))
    })
}

/// The projects that can find a ticket of this tracker, in file order: those on the same tracker, and in Jira also one
/// on the whole site and those on the ticket's own project.
pub fn neighbours<'a>(config: &'a Config, tracker: &Tracker, ticket: &str) -> impl Iterator<Item = &'a Arc<Project>> {
    let shares =
        move |other: &&Arc<Project>| other.tracker.shares_tickets_with(tracker) && other.tracker.can_hold(ticket);
    config.projects.values().filter(shares)
}
