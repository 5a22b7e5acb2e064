//! What is done about an event: the ticket is offered to the claim service, or its request is taken back.
//!
//! Who calls: `handle`. What must stay true: an event only says where to look; which project is responsible is decided as
//! the poll decides it; claims of one project run in order.

use std::sync::Arc;

use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::answer::Answer;
use super::commands::{self, Command, Outcome};
use super::event::{CommentSeen, Event};
use super::handle::Alone;
use super::limits::{ATTEMPTS, PAUSES};
use super::receiver::{Receiver, Stored};
use super::tracker::OneTracker;
use super::turns::Turn;
use super::wishes::{self, Wishes};
use crate::claim::{self, Claim, Recall};
use crate::config::{Config, Project};
use crate::job::AskedBy;
use crate::platform::{self, Platform};
use crate::runner::Backoff;
use crate::store::{OFFER_REMEMBERED, Withdrawn};
use crate::ticket::{Account, Candidate, TicketKey};

/// An event while its wishes are granted.
pub(super) struct Granting<'a> {
    pub(super) receiver: &'a Receiver,
    pub(super) stored: &'a Stored,
    pub(super) config: &'a Config,
    pub(super) event: &'a Event,
    pub(super) alone: Alone<'a>,
}

impl Granting<'_> {
    /// Grants what is asked for, tracker by tracker. A claim is what counts in the answer, then what has to be retried.
    pub(super) async fn grant(&self, asked: Vec<(OneTracker, Wishes<'_>)>) -> Answer {
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
        let mut answer = Answer::ignored("nothing to do");
        if wishes.by_label {
            answer = match self.responsible(projects, platform).await {
                Ok(project) => self.offer(&project, None).await,
                Err(error) => refused(&projects[0], &error),
            };
        }
        if wishes.perhaps_gone && !answer.is_claimed() {
            let taken_back = self.take_back(&projects[0], platform).await;
            answer = if taken_back.is_withdrawn() { taken_back } else { answer };
        }
        if let Some(account) = wishes.assigned.filter(|_| !answer.is_claimed())
            && let Some(project) = projects.iter().find(|project| wishes::is_assignee(project, account))
        {
            answer = self.offer(project, Some(AskedBy::Assignment)).await;
        }
        if let Some(comment) = wishes.keyword.filter(|_| !answer.is_claimed()) {
            answer = self.answer_keyword(projects, platform, comment).await;
        }
        if let Some(comment) = wishes.command {
            answer = self.carry_out(projects, platform, comment).await;
        }
        answer
    }

    /// Carries out the command in a comment. One that starts a run waits for the project's turn; the others must not wait
    /// behind a bulk edit.
    async fn carry_out(&self, projects: &OneTracker, platform: &dyn Platform, comment: &CommentSeen) -> Answer {
        let project = match self.responsible(projects, platform).await {
            Ok(project) => project,
            Err(error) => return refused(&projects[0], &error),
        };
        // By its own client: which states count as open is the project's.
        let platform = match self.receiver.parts.trackers.of(&project) {
            Ok(platform) => platform,
            Err(error) => return refused(&project, &error),
        };
        let platform = platform.as_ref();
        let heard = commands::listen(platform.kind(), &comment.body);
        let starts = heard.is_some_and(|heard| matches!(heard.command, Command::Run { .. } | Command::Retry));
        let _turn = match starts {
            true => match self.turn(&project).await {
                Ok(turn) => Some(turn),
                Err(answer) => return answer,
            },
            false => None,
        };
        let (config, claims) = (self.config, &self.stored.claims);
        let parts = commands::Parts { config, store: self.stored.store.as_ref(), claims };
        let (ticket, who) = (self.event.ticket.as_str(), self.event.actor.as_ref());
        let attempt = || commands::carry_out(&parts, &project, platform, ticket, who, comment);
        match self.insist(&project, attempt).await {
            Ok(Outcome::Claimed(job)) => Answer::of_claim(&project, ticket, &Claim::Claimed(job)),
            Ok(Outcome::Withdrawn(what)) => Answer::withdrawn(what),
            Ok(Outcome::Answered(said)) => Answer::answered(said),
            Ok(Outcome::Ignored(why)) => Answer::ignored(why),
            Ok(Outcome::NoCommand) => Answer::ignored("the comment holds no command"),
            Err(answer) => answer,
        }
    }

    /// A comment with the keyword, by somebody whose word counts, asks for a run.
    async fn answer_keyword(&self, projects: &OneTracker, platform: &dyn Platform, comment: &CommentSeen) -> Answer {
        let Some(actor) = &self.event.actor else {
            return Answer::ignored("the delivery does not say who wrote the comment");
        };
        let project = match self.asked_in(projects, platform, comment).await {
            Ok(project) => project,
            Err(error) => return refused(&projects[0], &error),
        };
        match claim::standing(&project, platform, &self.event.ticket, actor).await {
            Ok(claim::Standing::Entitled(_)) => self.offer(&project, Some(AskedBy::Comment)).await,
            Ok(claim::Standing::Outsider(why)) => {
                info!(
                    project = project.name,
                    ticket.id = self.event.ticket,
                    "a comment with the keyword is ignored: {why}"
                );
                Answer::ignored(why)
            }
            Err(error) => refused(&project, &error),
        }
    }

    /// The project that a comment asks: the one whose label the ticket carries, if this is its keyword, else the first
    /// with the keyword.
    async fn asked_in(
        &self,
        projects: &OneTracker,
        platform: &dyn Platform,
        comment: &CommentSeen,
    ) -> platform::Result<Arc<Project>> {
        let owner = self.responsible(projects, platform).await?;
        if wishes::has_keyword(&owner, comment) {
            return Ok(owner);
        }
        Ok(projects.iter().find(|project| wishes::has_keyword(project, comment)).map_or(owner, Arc::clone))
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
        let _turn = match self.turn(project).await {
            Ok(turn) => turn,
            Err(answer) => return answer,
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

    async fn turn(&self, project: &Project) -> Result<Turn, Answer> {
        tokio::select! {
            turn = self.receiver.turns.of(&project.name) => Ok(turn),
            () = self.receiver.parts.shutdown.soft().cancelled() => {
                Err(Answer::unavailable("shutting_down", "this process ends"))
            }
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
