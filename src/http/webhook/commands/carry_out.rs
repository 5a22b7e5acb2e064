//! Who gave a command, whether their word counts, and what is done about it.
//!
//! Who calls: `handle`. What must stay true: nobody is asked about a comment without a command; an outsider gets neither
//! an answer nor a reaction; an answer that cannot be written does not undo what was done.

use tracing::{debug, info, warn};

use super::super::event::CommentSeen;
use super::answer;
use super::parse::{Command, Heard, listen};
use crate::claim::{self, Claim, ClaimService, Order, Recall, Rejection, Standing, keys_on_tracker, standing};
use crate::config::{Config, Project};
use crate::http::held_back;
use crate::job::{AskedBy, Entitled, Job, Verdict};
use crate::lifecycle::Lifecycle;
use crate::platform::{self, Comment, Platform, Reaction};
use crate::store::{JobView, LastRun, Store, Withdrawn};
use crate::ticket::Account;

/// What commands work with.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// Asked how a ticket stands.
    pub store: &'a dyn Store,
    /// The one door.
    pub claims: &'a ClaimService,
}

/// What became of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds no command.
    NoCommand,
    /// It holds one, of somebody whose word does not count: why, in words. 200.
    Ignored(String),
    /// A run is queued. 202.
    Claimed(Job),
    /// A job was dropped, or its run is asked to stop: which, in words. 200.
    Withdrawn(String),
    /// Nothing was started or stopped; what was said instead. 200.
    Answered(String),
}

/// Carries out the command in a comment, if there is one. `who` is the comment's author, as the delivery names them.
///
/// # Errors
/// When the store or the platform could not be asked now. Nothing was done; the same comment may be offered again.
pub async fn carry_out(
    parts: &Parts<'_>,
    project: &Project,
    platform: &dyn Platform,
    ticket: &str,
    who: Option<&Account>,
    comment: &CommentSeen,
) -> Result<Outcome, claim::Error> {
    let Some(heard) = listen(platform.kind(), &comment.body) else { return Ok(Outcome::NoCommand) };
    let to = match entitled(project, platform, ticket, who).await? {
        Ok(to) => to,
        Err(why) => {
            info!(ticket.platform = %platform.kind(), ticket.id = ticket, project = project.name, "command ignored: {why}");
            return Ok(Outcome::Ignored(why));
        }
    };
    info!(
        ticket.platform = %platform.kind(), ticket.id = ticket, project = project.name, by = to.account().shown(),
        "command: {:?}", heard.command
    );
    Given { parts, project, platform, ticket, to: &to, comment, heard: &heard }.carry_out().await
}

/// The witness that the author may give orders; why not, in words.
async fn entitled(
    project: &Project,
    platform: &dyn Platform,
    ticket: &str,
    who: Option<&Account>,
) -> Result<Result<Entitled, String>, claim::Error> {
    let Some(who) = who else { return Ok(Err("the delivery does not say who wrote the comment".to_owned())) };
    match standing(project, platform, ticket, who).await {
        Ok(Standing::Entitled(entitled)) => Ok(Ok(entitled)),
        Ok(Standing::Outsider(why)) => Ok(Err(why)),
        Err(error) if error.is_temporary() => Err(error.into()),
        Err(error) => {
            warn!(project = project.name, %error, "could not find out whether {} may give commands", who.shown());
            Ok(Err(error.to_string()))
        }
    }
}

/// A command in the mouth of somebody whose word counts.
struct Given<'a> {
    parts: &'a Parts<'a>,
    project: &'a Project,
    platform: &'a dyn Platform,
    ticket: &'a str,
    to: &'a Entitled,
    comment: &'a CommentSeen,
    heard: &'a Heard,
}

impl Given<'_> {
    async fn carry_out(&self) -> Result<Outcome, claim::Error> {
        match &self.heard.command {
            Command::Run { pipeline } => self.run(pipeline.as_deref()).await,
            Command::Retry => self.retry().await,
            Command::Cancel => self.cancel().await,
            Command::Status => self.status().await,
            Command::Unknown(written) => Ok(self.refuse(answer::unknown(written)).await),
        }
    }

    async fn run(&self, pipeline: Option<&str>) -> Result<Outcome, claim::Error> {
        let pipeline = match pipeline {
            None => None,
            Some(written) => match self.named(written) {
                Some(name) => Some(name),
                None => {
                    let known = self.parts.config.pipelines.keys();
                    return Ok(self.refuse(answer::unknown_pipeline(written, known)).await);
                }
            },
        };
        self.start(pipeline).await
    }

    /// The pipeline of this name: as it is written, else in any case when that is one only.
    fn named(&self, written: &str) -> Option<&str> {
        let pipelines = &self.parts.config.pipelines;
        if let Some((name, _)) = pipelines.get_key_value(written) {
            return Some(name);
        }
        let mut alike = pipelines.keys().filter(|name| name.to_lowercase() == written.to_lowercase());
        alike.next().filter(|_| alike.next().is_none()).map(String::as_str)
    }

    /// The pipeline of the last run, as it is configured now; if it is gone, or nothing is remembered, what the labels
    /// ask for.
    async fn retry(&self) -> Result<Outcome, claim::Error> {
        let last = self.last_run().await?;
        let pipeline = last.as_ref().and_then(|last| self.parts.config.pipelines.get_key_value(&last.pipeline));
        self.start(pipeline.map(|(name, _)| name.as_str())).await
    }

    async fn start(&self, pipeline: Option<&str>) -> Result<Outcome, claim::Error> {
        let request = claim::Request { asked_by: Some(AskedBy::Comment), ..self.request() };
        match self.parts.claims.claim_again(&request, Order { pipeline }).await? {
            Claim::Claimed(job) => {
                self.acknowledge(answer::queued(&job.pipeline)).await;
                Ok(Outcome::Claimed(job))
            }
            Claim::AlreadyClaimed(why) => Ok(self.refuse(answer::not_started(&why)).await),
            Claim::Rejected(Rejection::UnknownPipeline(name)) => {
                Ok(self.refuse(answer::unknown_pipeline(&name, self.parts.config.pipelines.keys())).await)
            }
            Claim::Rejected(rejection) => Ok(self.refuse(answer::rejected(&rejection)).await),
        }
    }

    async fn cancel(&self) -> Result<Outcome, claim::Error> {
        let by = Some(self.to.account().shown());
        match self.parts.claims.withdraw(&self.request(), Recall::Cancelled { by }).await? {
            Withdrawn::Dropped(job) => {
                let said = format!("It was waiting and is **cancelled**. {}", answer::ASK_AGAIN);
                self.say(said).await;
                Ok(Outcome::Withdrawn(format!("the job for {} is dropped", job.pipeline)))
            }
            // Its own comment follows when it has stopped.
            Withdrawn::Stopping => {
                self.acknowledge("It is being stopped.".to_owned()).await;
                Ok(Outcome::Withdrawn("the run is being stopped".to_owned()))
            }
            Withdrawn::Over(verdict) => Ok(self.refuse(answer::over(verdict)).await),
            Withdrawn::Nothing | Withdrawn::Kept => {
                let said = match self.verdict_shown().await? {
                    Some(verdict) => answer::over(verdict),
                    None => "Nothing of this ticket waits or runs.".to_owned(),
                };
                Ok(self.refuse(said).await)
            }
        }
    }

    async fn status(&self) -> Result<Outcome, claim::Error> {
        let (job, last) = (self.job().await?, self.last_run().await?);
        let shown = if job.is_none() && last.is_none() { self.verdict_shown().await? } else { None };
        let held_back = job.as_ref().and_then(|job| held_back::because(self.parts.config, job));
        let said = answer::status(job.as_ref(), last.as_ref(), shown);
        let said = held_back.iter().fold(said, |said, why| format!("{said}\n\nIt waits, because {why}."));
        self.say(said.clone()).await;
        Ok(Outcome::Answered(said))
    }

    fn request(&self) -> claim::Request<'_> {
        let (config, project, platform) = (self.parts.config, self.project, self.platform);
        claim::Request { config, project, platform, ticket: self.ticket, asked_by: None }
    }

    /// The live job, in whichever project of the tracker.
    async fn job(&self) -> Result<Option<JobView>, claim::Error> {
        for key in keys_on_tracker(self.parts.config, self.project, self.ticket) {
            if let Some(job) = self.parts.store.look(&key).await? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// The latest run that ended, in whichever project of the tracker.
    async fn last_run(&self) -> Result<Option<LastRun>, claim::Error> {
        let mut latest: Option<LastRun> = None;
        for key in keys_on_tracker(self.parts.config, self.project, self.ticket) {
            let last = self.parts.store.last_run(&key).await?;
            latest = latest.into_iter().chain(last).min_by_key(|last| last.ended);
        }
        Ok(latest)
    }

    /// The result that the ticket itself shows: the store forgets after a while.
    async fn verdict_shown(&self) -> platform::Result<Option<Verdict>> {
        let ticket = self.platform.read(self.ticket).await?;
        Ok(match Lifecycle::of(&ticket.labels) {
            Some(Lifecycle::Done) => Some(Verdict::Done),
            Some(Lifecycle::Failed) => Some(Verdict::Failed),
            _ => None,
        })
    }

    /// What was asked for cannot be done: says why.
    async fn refuse(&self, said: String) -> Outcome {
        self.react(Reaction::Refused).await;
        self.say(said.clone()).await;
        Outcome::Answered(said)
    }

    /// What was asked for is done: a reaction is enough, where there are any.
    async fn acknowledge(&self, said: String) {
        if !self.react(Reaction::Seen).await || self.heard.more {
            self.say(said).await;
        }
    }

    /// True when the reaction is shown.
    async fn react(&self, reaction: Reaction) -> bool {
        let Some(comment) = &self.comment.id else { return false };
        match self.platform.react(self.to, (self.ticket, comment), reaction).await {
            Ok(shown) => shown,
            Err(error) => {
                debug!(ticket.id = self.ticket, project = self.project.name, %error, "could not react to a command");
                false
            }
        }
    }

    async fn say(&self, mut said: String) {
        if self.heard.more {
            said = format!("{said}\n\n{}", answer::FIRST_ONLY);
        }
        let about = self.comment.id.as_deref().unwrap_or("a comment");
        let comment = Comment::new(format!("answer to {about}"), said);
        if let Err(error) = self.platform.answer(self.to, self.ticket, &comment).await {
            warn!(ticket.id = self.ticket, project = self.project.name, %error, "could not answer a command");
        }
    }
}
