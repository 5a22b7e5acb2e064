//! What `agent-smith poll` prints of a project: the calls, each ticket with an answer, what failed.
//!
//! Pure but for the printing. What must stay true: a ticket's text cannot command the terminal; the reason names the
//! label that decided.

use std::collections::HashSet;

use crate::claim::{Claim, Judgement};
use crate::cli::output::{Output, shortened};
use crate::config::Project;
use crate::lifecycle::Lifecycle;
use crate::pipeline::resolve;
use crate::platform::PlannedCall;
use crate::poll::project::Offer;
use crate::ticket::{Candidate, Labels};

/// Columns for a ticket's title: with its number and the answer a line stays near a hundred characters.
const TITLE: usize = 44;

/// Characters of a call or query that are shown; a hundred trigger labels make a query of a few thousand.
const CALL: usize = 10_000;

/// A ticket and what became of it.
pub(super) struct Answer {
    number: String,
    title: String,
    /// True when it was or would be claimed.
    pub(super) positive: bool,
    what: String,
}

impl Answer {
    /// That a poll would claim it.
    pub(super) fn would(project: &Project, candidate: &Candidate) -> Self {
        let labels = &candidate.labels;
        let (pipeline, label) = (resolve::pipeline_for(project, labels), asking_label(project, labels));
        Self::yes(candidate, format!("would be claimed for {pipeline}: it carries {}", shortened(&label, TITLE)))
    }

    /// That a poll would not, and why.
    pub(super) fn would_not(candidate: &Candidate, judgement: &Judgement) -> Self {
        Self::no(candidate, refusal(judgement))
    }

    /// What a poll did with it.
    pub(super) fn did(candidate: &Candidate, offer: &Offer) -> Self {
        match offer {
            Offer::Answered(Claim::Claimed(job)) => {
                Self::yes(candidate, format!("claimed for {} as {}", job.pipeline, job.run_id))
            }
            Offer::Answered(Claim::AlreadyClaimed(reason)) => Self::no(candidate, format!("already claimed: {reason}")),
            Offer::Answered(Claim::Rejected(rejection)) => Self::no(candidate, format!("not claimed: {rejection}")),
            Offer::Filtered(judgement) => Self::no(candidate, refusal(judgement)),
            Offer::Failed(_) => Self::no(candidate, "could not be claimed, see below".to_owned()),
        }
    }

    fn yes(candidate: &Candidate, what: String) -> Self {
        let (number, title) = (format!("#{}", candidate.id), shortened(&candidate.title, TITLE));
        Self { number, title, positive: true, what }
    }

    fn no(candidate: &Candidate, what: String) -> Self {
        Self { positive: false, ..Self::yes(candidate, what) }
    }
}

/// The label that asks for the run, as it is on the ticket: the first trigger label in file order, else the pending one.
fn asking_label(project: &Project, labels: &Labels) -> String {
    let trigger = project.trigger.pipeline_from_label.keys().find_map(|label| labels.get(label));
    trigger.or_else(|| labels.get(Lifecycle::Pending.label())).unwrap_or_default().to_owned()
}

fn refusal(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Claimable(_) => "not offered".to_owned(),
        Judgement::Taken(state @ (Lifecycle::Done | Lifecycle::Failed)) => {
            format!("not claimed: its label is {state}; remove it to run again")
        }
        Judgement::Taken(state) => format!("already claimed: its label is {state}"),
        Judgement::Rejected(rejection) => format!("not claimed: {rejection}"),
    }
}

/// One project: where it looked and how, each ticket in columns, what failed. Both listings often fail for one reason.
pub(super) fn tell(
    project: &Project,
    calls: &[PlannedCall],
    answers: &[Answer],
    failures: &[String],
    out: &mut Output,
) {
    let idle = if project.polling.enabled { "" } else { ", not polled by the server (polling.enabled is false)" };
    out.line(format_args!("{}  {}{idle}", project.name, project.tracker.web_url));
    for call in calls {
        out.line(format_args!("  > {} {}", call.method, shortened(&call.url, CALL)));
        if let Some(query) = &call.query {
            out.line(format_args!("      {}", shortened(query, CALL)));
        }
    }
    let width = |of: fn(&Answer) -> &str| answers.iter().map(|answer| of(answer).chars().count()).max().unwrap_or(0);
    let (number, title) = (width(|answer| &answer.number), width(|answer| &answer.title));
    for answer in answers {
        let mark = if answer.positive { '+' } else { '-' };
        out.line(format_args!("  {mark} {:number$}  {:title$}  {}", answer.number, answer.title, answer.what));
    }
    if answers.is_empty() && failures.is_empty() {
        out.line(format_args!("  no open ticket asks for a run; looked for {}", looked_for(project)));
    }
    let mut told = HashSet::new();
    for failure in failures.iter().filter(|failure| told.insert(failure.as_str())) {
        out.line(format_args!("  ! failed: {failure}"));
    }
    out.line("");
}

/// The labels of both listings.
fn looked_for(project: &Project) -> String {
    let mut labels = project.trigger.labels();
    labels.push(Lifecycle::Pending.to_string());
    labels.join(", ")
}
