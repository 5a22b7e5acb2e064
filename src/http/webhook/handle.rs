//! What is done about an event: the ticket is offered to the claim service, or its request is taken back.
//!
//! Who calls: `route`, in a task that outlives the request. What must stay true: an event only says where to look; which
//! project is responsible is decided as the poll decides it; claims of one project run in order.

use std::sync::Arc;

use tokio::time::sleep;
use tracing::{debug, warn};

use super::answer::Answer;
use super::delivery::Delivery;
use super::event::Event;
use super::limits::{ATTEMPTS, OFFER_REMEMBERED, PAUSES};
use super::receiver::{Receiver, Stored};
use super::tracker::{self, OneTracker};
use super::verify::Standing;
use super::wishes::{self, Wishes};
use crate::claim::{self, Claim, Recall};
use crate::config::{Config, Project};
use crate::job::AskedBy;
use crate::platform::{self, Platform};
use crate::runner::Backoff;
use crate::store::{self, Withdrawn};
use crate::ticket::{Account, Candidate, TicketKey};

/// Whether nobody waits for the answer any more.
pub(super) type Alone<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// A delivery while it is handled.
struct Handling<'a> {
    receiver: &'a Receiver,
    stored: &'a Stored,
    config: &'a Config,
    event: &'a Event,
    alone: Alone<'a>,
}

impl Receiver {
    /// Finds out what a delivery asks for, and does it once.
    pub(super) async fn handle(&self, delivery: &Delivery, alone: Alone<'_>) -> Answer {
        let (config, event) = (self.parts.config.current(), &delivery.event);
        let found = tracker::find(delivery.platform, event, &config, &self.parts.trackers).await;
        let found = match found {
            Ok(found) => found,
            Err(error) => return Answer::unavailable("platform_unavailable", error.to_string()),
        };
        if found.is_empty() {
            return Answer::ignored(format!("no project watches {}", tracker::in_words(&event.tracker)));
        }
        let covered: Vec<OneTracker> =
            found.into_iter().filter(|projects| projects.iter().any(|one| delivery.standing.covers(one))).collect();
        if covered.is_empty() {
            return Answer::unauthorized(beyond(&delivery.standing, event));
        }
        let asked = covered.into_iter().map(|projects| {
            let wishes = wishes::of(event, &projects, true);
            (projects, wishes)
        });
        let (asked, idle): (Vec<_>, Vec<_>) = asked.partition(|(_, wishes)| wishes.nothing.is_none());
        if asked.is_empty() {
            let reason = idle.into_iter().find_map(|(_, wishes)| wishes.nothing);
            return Answer::ignored(reason.unwrap_or_default());
        }
        let Some(stored) = &self.parts.stored else {
            return Answer::unavailable("redis_unavailable", "there is no store: REDIS_URL is not set");
        };
        if !stored.availability.is_up() {
            return stored.away();
        }
        let handling = Handling { receiver: self, stored, config: &config, event, alone };
        match delivery.once(&stored.store, handling.grant(asked)).await {
            Ok(answer) => answer,
            Err(error) => stored.failed(&error),
        }
    }
}

impl Stored {
    fn away(&self) -> Answer {
        match self.store.kind() {
            "redis" => Answer::unavailable("redis_unavailable", "redis does not answer; it is being retried"),
            _ => Answer::unavailable("store_unavailable", "the store does not answer"),
        }
    }

    /// The answer after an error of the store.
    fn failed(&self, error: &store::Error) -> Answer {
        self.availability.report(error);
        match error {
            store::Error::Unavailable(_) => self.away(),
            store::Error::Malformed(_) => Answer::unavailable("store_malformed", error.to_string()),
        }
    }
}

impl Handling<'_> {
    /// Grants what is asked for, tracker by tracker. A claim is what counts in the answer, then what has to be retried.
    async fn grant(&self, asked: Vec<(OneTracker, Wishes<'_>)>) -> Answer {
        let mut best: Option<Answer> = None;
        let rank = |answer: &Answer| (answer.is_claimed(), answer.is_unavailable());
        for (projects, wishes) in asked {
            let answer = self.grant_one(&projects, &wishes).await;
            if best.as_ref().is_none_or(|best| rank(&answer) > rank(best)) {
                best = Some(answer);
            }
        }
        best.unwrap_or_else(|| Answer::ignored("nothing to do"))
    }

    async fn grant_one(&self, projects: &OneTracker, wishes: &Wishes<'_>) -> Answer {
        let platform = match self.receiver.parts.trackers.of(&projects[0]) {
            Ok(platform) => platform,
            Err(error) => return refused(&projects[0], &error),
        };
        let platform = platform.as_ref();
        if wishes.gone {
            return self.take_back(&projects[0], platform).await;
        }
        if wishes.by_label {
            return match self.responsible(projects, platform).await {
                Ok(project) => self.offer(&project, None).await,
                Err(error) => refused(&projects[0], &error),
            };
        }
        if let Some(account) = wishes.assigned
            && let Some(project) = projects.iter().find(|project| wishes::is_assignee(project, account))
        {
            return self.offer(project, Some(AskedBy::Assignment)).await;
        }
        Answer::ignored("comments start nothing yet")
    }

    /// The project that a labelled ticket belongs to. What the payload does not show is read.
    async fn responsible(&self, projects: &OneTracker, platform: &dyn Platform) -> platform::Result<Arc<Project>> {
        if let [only] = projects.as_slice() {
            return Ok(Arc::clone(only));
        }
        let (seen, id) = (&self.event.seen, self.event.ticket.clone());
        let ticket = match (&seen.labels, &seen.status) {
            (Some(labels), Some(state)) => {
                let (labels, state, open) = (labels.clone(), state.clone(), seen.open.unwrap_or(true));
                Candidate { id, title: String::new(), labels, state, open }
            }
            _ => Candidate::from(&platform.read(&id).await?),
        };
        let owner = claim::owner(self.config, &projects[0].tracker, &ticket);
        Ok(Arc::clone(owner.unwrap_or(&projects[0])))
    }

    /// Offers the ticket, in the project's turn and by its own client: which states count as open is the project's.
    async fn offer(&self, project: &Project, asked_by: Option<AskedBy>) -> Answer {
        let platform = match self.receiver.parts.trackers.of(project) {
            Ok(platform) => platform,
            Err(error) => return refused(project, &error),
        };
        let platform = platform.as_ref();
        let soft = self.receiver.parts.shutdown.soft();
        let _turn = tokio::select! {
            turn = self.receiver.turns.of(&project.name) => turn,
            () = soft.cancelled() => return Answer::unavailable("shutting_down", "this process ends"),
        };
        let ticket = self.event.ticket.as_str();
        let key = TicketKey::new(platform.kind(), &project.name, ticket);
        if let Err(error) = self.stored.store.note_offer(&key, OFFER_REMEMBERED).await {
            return self.stored.failed(&error);
        }
        let request = claim::Request { config: self.config, project, platform, ticket, asked_by };
        match self.insist(project, || self.stored.claims.claim(&request)).await {
            Ok(claim) => {
                if let Claim::Rejected(rejection @ claim::Rejection::UnknownPipeline(_)) = &claim {
                    warn!(project = project.name, ticket.id = ticket, "not claimed: {rejection}");
                }
                Answer::of_claim(project, ticket, &claim)
            }
            Err(answer) => answer,
        }
    }

    /// Takes the request of the ticket back, if the ticket itself asks no more.
    async fn take_back(&self, project: &Project, platform: &dyn Platform) -> Answer {
        let ticket = self.event.ticket.as_str();
        let request = claim::Request { config: self.config, project, platform, ticket, asked_by: None };
        let recall = Recall::TicketChanged { by: self.event.actor.as_ref().map(Account::shown) };
        match self.insist(project, || self.stored.claims.withdraw(&request, recall)).await {
            Ok(Withdrawn::Dropped(job)) => {
                Answer::withdrawn(format!("the job of ticket {ticket} of {} is dropped", job.key.project))
            }
            Ok(Withdrawn::Stopping) => Answer::withdrawn(format!("the run of ticket {ticket} is being stopped")),
            Ok(Withdrawn::Nothing) => Answer::ignored(format!("ticket {ticket} has no job to take back")),
            Ok(Withdrawn::Kept) => Answer::ignored(format!("ticket {ticket} still asks for its run")),
            Ok(Withdrawn::Over(_)) => Answer::ignored(format!("the run of ticket {ticket} is over")),
            Err(answer) => answer,
        }
    }

    /// Tries again what failed for a while, once nobody waits for the answer any more; before that, the sender is told to
    /// come again.
    async fn insist<T, F>(&self, project: &Project, mut attempt: impl FnMut() -> F) -> Result<T, Answer>
    where
        F: Future<Output = Result<T, claim::Error>>,
    {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut attempts = 0;
        loop {
            let error = match attempt().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            attempts += 1;
            let pause = match &error {
                claim::Error::Store(error) => return Err(self.stored.failed(error)),
                claim::Error::Platform(error) if !error.is_temporary() => return Err(refused(project, error)),
                claim::Error::Platform(error) => error.retry_after().unwrap_or_default().max(backoff.pause()),
                claim::Error::TooSlow => backoff.pause(),
            };
            let answer = Answer::unavailable("platform_unavailable", error.to_string());
            if attempts >= ATTEMPTS || pause > PAUSES.1 || !(self.alone)() {
                return Err(answer);
            }
            debug!(project = project.name, %error, "the platform failed; trying again in the background");
            tokio::select! {
                () = sleep(pause) => {}
                () = self.receiver.parts.shutdown.soft().cancelled() => return Err(answer),
            }
        }
    }
}

/// A platform that refuses says so until a person acts. Sending the delivery again before that does not help.
fn refused(project: &Project, error: &platform::Error) -> Answer {
    if error.is_temporary() {
        return Answer::unavailable("platform_unavailable", error.to_string());
    }
    warn!(project = project.name, %error, "the platform refused what a webhook asked for");
    Answer::refused_by_platform(format!("project {}: {error}", project.name))
}

fn beyond(standing: &Standing, event: &Event) -> String {
    let names = match standing {
        Standing::Only(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        Standing::EveryProject | Standing::Unsigned => String::new(),
    };
    format!("the secret of {names} is not good for {}", tracker::in_words(&event.tracker))
}
