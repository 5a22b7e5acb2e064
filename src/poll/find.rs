//! The candidates of a project, from two listings that may take more than one cycle.
//!
//! Called by the poll of a project and by `agent-smith poll --dry-run`. What must stay true: a listing that failed is an
//! error and never "no tickets"; one that did not come to its end in time goes on in the next poll, and what it found
//! and nobody could offer is offered first then.

use std::collections::HashSet;

use crate::config::{Project, Tracker};
use crate::lifecycle::Lifecycle;
use crate::platform::{self, Listing, Platform, Stretch, Walk, list_in_time};
use crate::ticket::Candidate;

/// Tickets that one poll leaves to the next. Whoever is beyond that is found when the listing begins anew.
const MOST_UNSETTLED: usize = 10_000;

/// Candidates, and what went wrong with the listings.
pub type Found = (Vec<Candidate>, Vec<platform::Error>);

/// What one poll of a project leaves to the next one. A default one begins anew.
#[derive(Debug, Default)]
pub struct Progress {
    /// What it is about: tickets of another tracker or with other labels are found from the start.
    of: Option<(Tracker, Vec<String>)>,
    discovery: Walk,
    catch_up: Walk,
    /// Found by a listing that is still under way, and neither claimed nor refused, so that no page will bring them up.
    unsettled: Vec<Candidate>,
}

impl Progress {
    /// True when a listing has not come to its end yet.
    pub fn is_under_way(&self) -> bool {
        self.discovery.is_under_way() || self.catch_up.is_under_way()
    }

    fn belong_to(&mut self, project: &Project, triggers: &[String]) {
        let is_same = |(tracker, labels): &(Tracker, Vec<String>)| *tracker == project.tracker && labels == triggers;
        if !self.of.as_ref().is_some_and(is_same) {
            *self = Self { of: Some((project.tracker.clone(), triggers.to_vec())), ..Self::default() };
        }
    }

    /// Takes note of what could not be offered.
    pub(super) fn keep(&mut self, unsettled: Vec<Candidate>) {
        self.unsettled = if self.is_under_way() { unsettled } else { Vec::new() };
        self.unsettled.truncate(MOST_UNSETTLED);
    }
}

/// What a poll has to offer: what an earlier one left, then discovery and catch-up, merged by ticket, oldest first
/// within each. A listing that takes long goes on in the next call.
pub(super) async fn find_candidates(project: &Project, platform: &dyn Platform, progress: &mut Progress) -> Found {
    let triggers = project.trigger.labels();
    progress.belong_to(project, &triggers);
    let Progress { discovery, catch_up, unsettled, .. } = progress;
    let discovering = async {
        match triggers.is_empty() {
            true => Stretch::empty(),
            false => list_in_time(platform, Listing::Discovery(&triggers), discovery).await,
        }
    };
    let catching_up = list_in_time(platform, Listing::Lifecycle(Lifecycle::Pending), catch_up);
    let (discovered, pending) = tokio::join!(discovering, catching_up);
    merged([(std::mem::take(unsettled), None), discovered.into_parts(), pending.into_parts()])
}

/// Everything that asks for a run, however long the listings take: for a person who waits for the answer.
pub async fn find_all(project: &Project, platform: &dyn Platform) -> Found {
    let triggers = project.trigger.labels();
    let discovering =
        async { if triggers.is_empty() { Ok(Vec::new()) } else { platform.list(Listing::Discovery(&triggers)).await } };
    let catching_up = platform.list(Listing::Lifecycle(Lifecycle::Pending));
    let (discovered, pending) = tokio::join!(discovering, catching_up);
    merged([discovered, pending].map(|listed| match listed {
        Ok(candidates) => (candidates, None),
        Err(error) => (Vec::new(), Some(error)),
    }))
}

fn merged<const N: usize>(listings: [(Vec<Candidate>, Option<platform::Error>); N]) -> Found {
    let (mut candidates, mut failures) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (found, failure) in listings {
        candidates.extend(found.into_iter().filter(|ticket| seen.insert(ticket.id.clone())));
        failures.extend(failure);
    }
    (candidates, failures)
}
