//! One poll of one project: list the candidates, offer each to the claim service.
//!
//! Called by the poll loop and by `agent-smith poll`. What must stay true: what was found is offered although a listing
//! failed, or another one; claims of one project run in order; a candidate that could not be offered is not forgotten.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::find::{Found, Progress, find_all, find_candidates};
use crate::claim::{self, Claim, ClaimService, Judgement, Rejection, judge};
use crate::config::{Config, Project};
use crate::platform::{self, Platform};
use crate::ticket::Candidate;

/// What one poll of a project came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Each candidate and what became of it, in the order of the listing.
    pub offers: Vec<(Candidate, Offer)>,
    /// What went wrong; the claims above were made all the same.
    pub failures: Vec<platform::Error>,
    /// A listing has not come to its end; the next poll goes on there.
    pub goes_on: bool,
    /// The store did not answer: the rest of the candidates waits for the next cycle.
    pub store_failure: Option<crate::store::Error>,
}

/// What became of a candidate.
#[derive(Debug)]
pub enum Offer {
    /// The claim service's answer.
    Answered(Claim),
    /// Not offered, because its labels already say no.
    Filtered(Judgement),
    /// The claim could not find out.
    Failed(String),
}

impl Outcome {
    /// How many tickets were claimed.
    pub fn claimed(&self) -> usize {
        self.offers.iter().filter(|(_, offer)| matches!(offer, Offer::Answered(Claim::Claimed(_)))).count()
    }

    /// How long the platform asked to be left alone.
    pub fn held_back(&self) -> Option<Duration> {
        self.failures.iter().filter_map(platform::Error::retry_after).max()
    }
}

/// Polls one project. `stop` cuts a listing short, and is looked at between two claims.
pub async fn poll_project(
    claims: &ClaimService,
    config: &Config,
    project: &Project,
    platform: &dyn Platform,
    progress: &mut Progress,
    stop: &CancellationToken,
) -> Outcome {
    // A stop waits for no listing: nothing is lost by listing again.
    let (candidates, failures) = tokio::select! {
        found = find_candidates(project, platform, progress) => found,
        () = stop.cancelled() => return Outcome::default(),
    };
    let (mut outcome, unsettled) = offer_all(claims, config, project, platform, (candidates, failures), stop).await;
    progress.keep(unsettled);
    outcome.goes_on = progress.is_under_way();
    outcome
}

/// Polls one project once, however long its listings take.
pub async fn poll_to_the_end(
    claims: &ClaimService,
    config: &Config,
    project: &Project,
    platform: &dyn Platform,
) -> Outcome {
    let found = find_all(project, platform).await;
    offer_all(claims, config, project, platform, found, &CancellationToken::new()).await.0
}

/// Offers one after the other; also returns those of which nobody knows yet whether they are claimed.
async fn offer_all(
    claims: &ClaimService,
    config: &Config,
    project: &Project,
    platform: &dyn Platform,
    (candidates, failures): Found,
    stop: &CancellationToken,
) -> (Outcome, Vec<Candidate>) {
    let mut outcome = Outcome { failures, ..Outcome::default() };
    let mut unsettled = Vec::new();
    for candidate in candidates {
        if stop.is_cancelled() || outcome.held_back().is_some() || outcome.store_failure.is_some() {
            unsettled.push(candidate);
            continue;
        }
        let judgement = judge(&candidate, project, config);
        let offer = match judgement {
            Judgement::Claimable(_) => offer(claims, config, project, platform, &candidate, &mut outcome).await,
            filtered => Offer::Filtered(filtered),
        };
        if matches!(offer, Offer::Failed(_)) {
            unsettled.push(candidate.clone());
        }
        outcome.offers.push((candidate, offer));
    }
    (outcome, unsettled)
}

async fn offer(
    claims: &ClaimService,
    config: &Config,
    project: &Project,
    platform: &dyn Platform,
    candidate: &Candidate,
    outcome: &mut Outcome,
) -> Offer {
    let request = claim::Request { config, project, platform, ticket: &candidate.id, asked_by: None };
    match claims.claim_listed(&request, &candidate.labels).await {
        Ok(answer) => {
            log_answer(project, candidate, &answer);
            Offer::Answered(answer)
        }
        Err(error) => {
            // Not a warning: the project's line and the store's tell it, once, and not for each ticket at each poll.
            debug!(project = project.name, ticket.id = candidate.id, %error, "could not claim; the next poll tries again");
            let text = error.to_string();
            match error {
                claim::Error::Store(error) => outcome.store_failure = Some(error),
                claim::Error::Platform(error) => outcome.failures.push(error),
                slow @ claim::Error::TooSlow => outcome.failures.push(platform::Error::Transport(slow.to_string())),
            }
            Offer::Failed(text)
        }
    }
}

fn log_answer(project: &Project, candidate: &Candidate, answer: &Claim) {
    match answer {
        Claim::Rejected(rejection @ Rejection::UnknownPipeline(_)) => {
            warn!(project = project.name, ticket.id = candidate.id, "not claimed: {rejection}");
        }
        other => debug!(project = project.name, ticket.id = candidate.id, "offered: {other:?}"),
    }
}
