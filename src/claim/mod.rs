//! The one door: win the right to run a ticket and queue its job.
//!
//! Webhook, poll and command line all come through here, and `withdraw` is the way back. Lock, look for a live job, read
//! the ticket itself, ask who labelled it, record the claim, write the label, make the job visible. What must stay true: of
//! any number of claims of one ticket at most one is `Claimed`; the lock is released on every path; a crash between two
//! steps leaves a recorded claim that housekeeping completes or drops.

use std::sync::Arc;

use tokio::time::timeout_at;
use tracing::{info, warn};

use crate::config::{Config, Project};
use crate::job::{AskedBy, ClaimLock, Job, JobState, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::pipeline::report::Ways;
use crate::pipeline::report::live::Pace;
use crate::pipeline::resolve;
use crate::platform::{self, Platform};
use crate::store::{self, Recorded, Store};
use crate::ticket::{Labels, PlatformKind, Ticket, TicketKey};

mod actors;
mod admission;
mod judge;
mod lost;
mod withdraw;

pub use crate::pipeline::outcome::duration_in_words;
pub use crate::pipeline::report::inline_code;
pub use actors::{Standing, standing};
pub use admission::{Admission, Admitted};
pub use judge::{Judgement, Rejection, carries_trigger, judge, judge_ticket, labelled_for, neighbours, owner};
pub use withdraw::{Recall, taken_back};

/// How a claim ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The ticket is ours and its job is queued.
    Claimed(Job),
    /// Somebody has it: the reason in words.
    AlreadyClaimed(String),
    /// It does not ask for a run.
    Rejected(Rejection),
}

/// The claim could not find out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The platform did not answer.
    #[error(transparent)]
    Platform(#[from] platform::Error),
    /// The calls inside the lock took longer than the lock lasts.
    #[error("the claim took longer than its lock lasts ({} s)", ClaimLock::TTL.as_secs())]
    TooSlow,
}

/// A ticket that somebody wants claimed.
#[derive(Clone)]
pub struct Request<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// The project that offers it.
    pub project: &'a Project,
    /// The project's tracker.
    pub platform: &'a dyn Platform,
    /// The platform's identifier of the ticket.
    pub ticket: &'a str,
    /// How somebody asked for the run, when it was not with a label: then the ticket needs none.
    pub asked_by: Option<AskedBy>,
}

impl Request<'_> {
    fn key(&self) -> TicketKey {
        TicketKey::new(self.project.tracker.platform(), &self.project.name, self.ticket)
    }
}

/// What somebody entitled ordered, beyond that the ticket runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order<'a> {
    /// The pipeline; `None`: the one that the labels ask for.
    pub pipeline: Option<&'a str>,
}

/// Claims tickets. Cheap to clone.
#[derive(Clone)]
pub struct ClaimService {
    store: Arc<dyn Store>,
    admission: Arc<Admission>,
    pace: Pace,
}

impl ClaimService {
    /// Claims in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, admission: Arc::default(), pace: Pace::default() }
    }

    /// The same where tickets are told at another pace that they wait.
    #[must_use]
    pub fn at_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Claims one ticket, or says why not.
    ///
    /// # Errors
    /// When the store or the platform could not be asked. Nothing is lost: the next poll offers the ticket again.
    pub async fn claim(&self, request: &Request<'_>) -> Result<Claim, Error> {
        self.claim_as(request, None).await
    }

    /// Claims one ticket that a listing shows with these labels. One that was cancelled, or that somebody labelled who may
    /// not, and that shows nothing new is refused without a look at it, because the next listing shows it again.
    ///
    /// # Errors
    /// As [`ClaimService::claim`].
    pub async fn claim_listed(&self, request: &Request<'_>, labels: &Labels) -> Result<Claim, Error> {
        if let Some(reason) = self.admission.refused(&request.key(), request.project, labels) {
            return Ok(Claim::Rejected(Rejection::Actor(reason)));
        }
        if Lifecycle::of(labels) != Some(Lifecycle::Pending)
            && let Some(withdrawal) = self.remembered(&request.key()).await?
        {
            return Ok(Claim::Rejected(Rejection::Withdrawn(withdrawal)));
        }
        self.claim(request).await
    }

    /// Claims one ticket because somebody entitled said so: a result of before, and a withdrawal, do not stand in the way
    /// and are reset with it.
    ///
    /// # Errors
    /// As [`ClaimService::claim`]. After an error the ticket may show `agent-smith:pending` in place of its result.
    pub async fn claim_again(&self, request: &Request<'_>, order: Order<'_>) -> Result<Claim, Error> {
        self.claim_as(request, Some(order)).await
    }

    async fn claim_as(&self, request: &Request<'_>, order: Option<Order<'_>>) -> Result<Claim, Error> {
        let key = request.key();
        let Some(lock) = self.store.lock_claim(&key).await? else {
            return Ok(Claim::AlreadyClaimed("another claim of it is under way".to_owned()));
        };
        let result = timeout_at(lock.valid_until(), self.claim_locked(&lock, request, order)).await;
        release(self.store.as_ref(), lock).await;
        let claim = result.map_err(|_late| Error::TooSlow)??;
        if let Claim::Claimed(job) = &claim {
            info!(
                ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project,
                pipeline = job.pipeline, job.id = job.run_id, "claimed {key} for {}", job.pipeline
            );
        }
        Ok(claim)
    }

    async fn claim_locked(
        &self,
        lock: &ClaimLock,
        request: &Request<'_>,
        order: Option<Order<'_>>,
    ) -> Result<Claim, Error> {
        if let Some(state) = live_job(self.store.as_ref(), request.config, request.project, request.ticket).await? {
            return Ok(Claim::AlreadyClaimed(format!("its job is {}", words(state))));
        }
        let withdrawn = self.remembered(lock.ticket()).await?;
        let ticket = match request.platform.read(request.ticket).await {
            Ok(ticket) => ticket,
            Err(gone @ (platform::Error::NotFound { .. } | platform::Error::Moved { .. })) => {
                return Ok(Claim::Rejected(Rejection::Gone(gone.to_string())));
            }
            Err(error) => return Err(error.into()),
        };
        let had_result = order.is_some() && Lifecycle::of(&ticket.labels).is_some_and(Lifecycle::is_terminal);
        let ticket = if had_result { without_result(ticket) } else { ticket };
        let asked_by = match judge_ticket(&ticket, request.asked_by, request.project, request.config) {
            Judgement::Claimable(asked_by) => asked_by,
            Judgement::Taken(state) => return Ok(Claim::AlreadyClaimed(format!("its label is {state}"))),
            Judgement::Rejected(rejection) => return Ok(Claim::Rejected(rejection)),
        };
        // Pending is what a person adds to ask once more, and an assignment or a comment asks now; a trigger label may be
        // the one of before.
        if let Some(withdrawal) = &withdrawn
            && request.asked_by.is_none()
            && Lifecycle::of(&ticket.labels) != Some(Lifecycle::Pending)
        {
            return Ok(Claim::Rejected(Rejection::Withdrawn(withdrawal.clone())));
        }
        let ordered = order.and_then(|order| order.pipeline.map(str::to_owned));
        let pipeline = ordered.unwrap_or_else(|| resolve::pipeline_for(request.project, &ticket.labels));
        if !request.config.pipelines.contains_key(&pipeline) {
            return Ok(Claim::Rejected(Rejection::UnknownPipeline(pipeline)));
        }
        // Whoever asked otherwise was judged by whoever heard them.
        if request.asked_by.is_none()
            && order.is_none()
            && let Some(refusal) = self.refused_labels(request, &ticket).await?
        {
            return Ok(refusal);
        }
        if had_result {
            // By way of Pending, so that a crash in between leaves a ticket that asks, and never one that reads as done.
            request.platform.transition(lock, Some(Lifecycle::Pending)).await?;
        }
        let job = Job::new(request.key(), pipeline, asked_by);
        if let Some(refusal) = self.record(lock, request.config, request.project, &job).await? {
            return Ok(refusal);
        }
        if withdrawn.is_some() {
            self.store.forget_withdrawal(&job.key).await?;
        }
        self.enqueue(lock, request.platform, &ticket, job).await
    }

    /// Why the labels of this ticket do not count, if so: whoever put them there may not start runs.
    async fn refused_labels(&self, request: &Request<'_>, ticket: &Ticket) -> Result<Option<Claim>, Error> {
        let (key, project) = (request.key(), request.project);
        let reason = match self.admission.of(project, request.platform, &ticket.id, &ticket.labels).await? {
            Admitted::Yes => {
                self.admission.forget(&key);
                return Ok(None);
            }
            Admitted::No(reason) => reason,
        };
        if self.admission.refuse(&key, project, &ticket.labels, &reason) {
            info!(
                ticket.platform = %key.platform, ticket.id = key.ticket, project = key.project,
                "not claimed: {reason}"
            );
        }
        Ok(Some(Claim::Rejected(Rejection::Actor(reason))))
    }

    /// Records the claim; why not, if it could not. Another project on the tracker has a lock of its own, and it may
    /// think that the ticket is its own because it saw other labels or another file: so both record first and look at
    /// each other after, and of two at the same time at least one gives way.
    async fn record(
        &self,
        lock: &ClaimLock,
        config: &Config,
        project: &Project,
        job: &Job,
    ) -> Result<Option<Claim>, Error> {
        let taken = |state| Ok(Some(Claim::AlreadyClaimed(format!("its job is {}", words(state)))));
        if let Recorded::AlreadyLive(state) = self.store.record_claim(lock, job).await? {
            return taken(state);
        }
        let others = &keys_on_tracker(config, project, &job.key.ticket)[1..];
        if others.is_empty() {
            return Ok(None);
        }
        match self.store.job_states(others).await?.into_iter().flatten().next() {
            Some(state) => {
                self.store.drop_claim(job).await?;
                taken(state)
            }
            None => Ok(None),
        }
    }

    async fn enqueue(
        &self,
        lock: &ClaimLock,
        platform: &dyn Platform,
        ticket: &Ticket,
        job: Job,
    ) -> Result<Claim, Error> {
        if let Err(error) = platform.transition(lock, Some(Lifecycle::Enqueued)).await {
            self.drop_if_unwritten(&job, ticket, &error).await;
            return Err(error.into());
        }
        if self.store.publish_claim(&job).await? {
            return Ok(Claim::Claimed(job));
        }
        match self.remembered(&job.key).await? {
            Some(withdrawal) => {
                self.settle_withdrawn(lock, std::slice::from_ref(&job.key), platform).await?;
                Ok(Claim::Rejected(Rejection::Withdrawn(withdrawal)))
            }
            None => Ok(Claim::AlreadyClaimed("housekeeping took the half-made claim over".to_owned())),
        }
    }

    /// A refusal proves that the label was not written, if there was nothing to remove beside it. After anything else
    /// it may have been, and housekeeping, which looks at the ticket, decides.
    async fn drop_if_unwritten(&self, job: &Job, ticket: &Ticket, error: &platform::Error) {
        let refused = matches!(
            error,
            platform::Error::Unauthorized { .. }
                | platform::Error::NotFound { .. }
                | platform::Error::Refused { .. }
                | platform::Error::RateLimited { .. }
        );
        let one_write = Lifecycle::of(&ticket.labels).is_none();
        if refused
            && one_write
            && let Err(error) = self.store.drop_claim(job).await
        {
            warn!(ticket.id = job.key.ticket, project = job.key.project, %error, "could not drop a claim");
        }
    }
}

/// How people reach us on a project's tracker. Azure DevOps does not tell who may write, so that commands count there
/// only for those who are listed.
pub fn ways(config: &Config, project: &Project) -> Ways {
    let is_told_who =
        project.tracker.platform() != PlatformKind::AzureDevOps || project.trigger.allowed_actors.is_some();
    Ways { commands: is_told_who && config.webhooks.may_speak_for(project) }
}

/// The ticket as it is without the label of its last result.
fn without_result(mut ticket: Ticket) -> Ticket {
    let is_result = |label: &&str| Lifecycle::from_label(label).is_some_and(Lifecycle::is_terminal);
    ticket.labels = ticket.labels.iter().filter(|label| !is_result(label)).collect();
    ticket
}

/// The keys under which a ticket of this tracker may have a job: one for each project that can find it, this one first.
pub fn keys_on_tracker(config: &Config, project: &Project, ticket: &str) -> Vec<TicketKey> {
    let platform = project.tracker.platform();
    let own = TicketKey::new(platform, &project.name, ticket);
    let others = neighbours(config, &project.tracker, ticket).filter(|other| other.name != project.name);
    std::iter::once(own).chain(others.map(|other| TicketKey::new(platform, &other.name, ticket))).collect()
}

/// The state of a ticket's live job: under this project, under another one that shares the tracker, or under a name that
/// the file does not know any more, because a project that is renamed does not stop its runs.
///
/// # Errors
/// When the store could not be asked.
pub async fn live_job(
    store: &dyn Store,
    config: &Config,
    project: &Project,
    ticket: &str,
) -> store::Result<Option<JobState>> {
    let known = store.job_states(&keys_on_tracker(config, project, ticket)).await?;
    if let Some(state) = known.into_iter().flatten().next() {
        return Ok(Some(state));
    }
    let live = store.live_jobs(project.tracker.platform(), ticket).await?;
    let unknown = live.into_iter().find(|(key, _)| !config.projects.contains_key(&key.project));
    Ok(unknown.map(|(_, state)| state))
}

/// Releases a claim lock; it would expire by itself, so a failure is only worth a line.
pub async fn release(store: &dyn Store, lock: ClaimLock) {
    let key = lock.ticket().clone();
    if let Err(error) = store.unlock_claim(lock).await {
        warn!(ticket.id = key.ticket, project = key.project, %error, "could not release a claim lock; it expires");
    }
}

fn words(state: JobState) -> &'static str {
    match state {
        JobState::Claiming => "being claimed",
        JobState::Queued => "queued",
        JobState::Running => "running",
    }
}
