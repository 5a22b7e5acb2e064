//! Repairs what crashes left behind. Reconcilers: they take no input, read what is true, and may run at any time, any
//! number of times.
//!
//! Runs inside the housekeeping term, in one process at a time, first pass at once. `recovery` looks at the store
//! alone, `half_made` at claims that were broken off, `stale_jobs` and `enqueued` compare the labels on the tickets with
//! the store; `queued` repairs nothing and tells tickets that they wait. What must stay true: an empty
//! or failed answer is no evidence; a ticket is judged for the project it belongs to; each repair re-reads the ticket
//! under its claim lock.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::availability::Availability;
use crate::claim::{self, Claim, ClaimService, keys_on_tracker, owner};
use crate::config::{Config, Live, Project};
use crate::health::Health;
use crate::job::{ClaimLock, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::pipeline::report::live::Pace;
use crate::platform::registry::Trackers;
use crate::platform::{self, Listing, Platform, Stretch};
use crate::project_health::{self, Spokesman};
use crate::runner;
use crate::store::{self, Store};
use crate::ticket::{Candidate, Ticket, TicketKey};

mod cancelled;
mod enqueued;
mod half_made;
mod queued;
mod recovery;
mod stale_jobs;
mod walks;

pub use cancelled::Cancelled;
pub use enqueued::Enqueued;
pub use half_made::HalfMade;
pub use queued::Queued;
pub use recovery::Recovery;
pub use stale_jobs::StaleJobs;
use walks::Walks;

/// Projects listed at once in one pass. A pass is background work: it must not take the poll's room at a platform.
const PROJECTS_AT_ONCE: usize = 8;
/// A pass that had to be given up because the store was away is tried again after this.
const STORE_RETRY: Duration = Duration::from_secs(3);

/// What every reconciler works with.
#[derive(Clone)]
pub struct Parts {
    /// The configuration in force.
    pub config: Live,
    /// Where jobs are.
    pub store: Arc<dyn Store>,
    /// Clients of the trackers.
    pub trackers: Trackers,
    /// The one door.
    pub claims: ClaimService,
    /// Told about an unreachable store.
    pub availability: Availability,
    /// Told how each project is doing.
    pub health: Health,
    /// Ends a pass early; [`run`] puts its term here.
    pub stop: CancellationToken,
    /// When a ticket is told that it waits.
    pub pace: Pace,
}

/// Runs the reconcilers side by side until `term` ends: a slow platform does not delay the store's repair.
pub async fn run(parts: Parts, term: CancellationToken) {
    let parts = Parts { stop: term.clone(), ..parts };
    let _spokesmen = [Lifecycle::InProgress, Lifecycle::Enqueued]
        .map(|state| Spokesman { health: parts.health.clone(), source: state.label() });
    let mut recovery = Recovery::new(parts.clone());
    let mut half_made = HalfMade::new(parts.clone());
    let mut stale_jobs = StaleJobs::new(parts.clone());
    let mut cancelled = Cancelled::new(parts.clone());
    let mut queued = Queued::new(parts.clone());
    let mut enqueued = Enqueued::new(parts);
    tokio::join!(
        runner::run(&mut recovery, &term),
        runner::run(&mut half_made, &term),
        runner::run(&mut stale_jobs, &term),
        runner::run(&mut enqueued, &term),
        runner::run(&mut cancelled, &term),
        runner::run(&mut queued, &term),
    );
}

/// A ticket whose label claims something that the store does not know of, read again under its claim lock.
struct Orphan {
    project: Arc<Project>,
    platform: Arc<dyn Platform>,
    lock: ClaimLock,
    ticket: Ticket,
}

impl Orphan {
    /// It, as the claim service is asked about it.
    fn request<'a>(&'a self, config: &'a Config) -> claim::Request<'a> {
        let (project, platform, ticket) = (self.project.as_ref(), self.platform.as_ref(), self.ticket.id.as_str());
        claim::Request { config, project, platform, ticket, asked_by: None }
    }
}

/// What became of an orphan whose request may have been taken back.
enum Settled {
    /// It was, by somebody who died before its label was gone; now it is.
    Yes,
    /// It was not.
    StillOrphan(Box<Orphan>),
}

impl Parts {
    /// Finishes a withdrawal that left the label of its dropped job on the ticket. Without its trigger label a ticket may
    /// look like another project's than the one that had the job.
    async fn settle_withdrawn(&self, config: &Config, orphan: Orphan) -> Result<Settled, claim::Error> {
        let keys = keys_on_tracker(config, &orphan.project, &orphan.ticket.id);
        match self.claims.settle_withdrawn(&orphan.lock, &keys, orphan.platform.as_ref()).await {
            Ok(false) => return Ok(Settled::StillOrphan(Box::new(orphan))),
            settled => {
                claim::release(self.store.as_ref(), orphan.lock).await;
                settled?;
            }
        }
        warn!(
            project = orphan.project.name,
            ticket.id = orphan.ticket.id,
            "the label of a job that was taken back was still there; taken away"
        );
        Ok(Settled::Yes)
    }

    /// Offers a ticket whose label was repaired to the claim service at once, if it asks for a run: a project that is not
    /// polled would wait for ever, and a polled one needs not wait for its next poll.
    async fn offer(
        &self,
        config: &Config,
        project: &Project,
        platform: &dyn Platform,
        ticket: &Ticket,
    ) -> Result<(), claim::Error> {
        let request = claim::Request { config, project, platform, ticket: &ticket.id, asked_by: None };
        if !matches!(self.claims.claim(&request).await?, Claim::Claimed(_)) {
            debug!(ticket.id = ticket.id, project = project.name, "left for the next poll");
        }
        Ok(())
    }

    /// How long the store's silence is no evidence yet.
    async fn silence_counts_in(&self) -> store::Result<Duration> {
        let ttl = self.config.current().agent.lifecycle.heartbeat_ttl;
        self.store.silence_counts_in(ttl).await
    }

    /// Goes through all projects: lists the tickets that show `state`, and hands each one without a job to `repair`.
    /// A listing that takes longer than it may goes on in the next pass, which is what `walks` remembers: what one pass
    /// found is repaired, and what it did not find is no evidence. Returns how many were repaired.
    async fn reconcile<F>(
        &self,
        state: Lifecycle,
        walks: &Walks,
        repair: impl Fn(Orphan) -> F + Sync,
    ) -> store::Result<usize>
    where
        F: Future<Output = Result<bool, claim::Error>> + Send,
    {
        let config = self.config.current();
        let projects: Vec<Arc<Project>> = config.projects.values().cloned().collect();
        walks.keep_only(&config);
        let repair = &repair;
        let config = &config;
        let passes: Vec<store::Result<usize>> = stream::iter(projects)
            .map(|project| async move { self.reconcile_project(config, project, (state, walks), repair).await })
            .buffer_unordered(PROJECTS_AT_ONCE)
            .collect()
            .await;
        passes.into_iter().sum()
    }

    async fn reconcile_project<F>(
        &self,
        config: &Config,
        project: Arc<Project>,
        (state, walks): (Lifecycle, &Walks),
        repair: &(impl Fn(Orphan) -> F + Sync),
    ) -> store::Result<usize>
    where
        F: Future<Output = Result<bool, claim::Error>> + Send,
    {
        // A term that ends waits for no listing: the next leader lists anew.
        let listed = tokio::select! {
            listed = self.list(&project, state, walks) => listed,
            () = self.stop.cancelled() => return Ok(0),
        };
        let (platform, (candidates, failure)) = match listed {
            Ok((platform, stretch)) => (Some(platform), stretch.into_parts()),
            Err(error) => (None, (Vec::new(), Some(error))),
        };
        project_health::report(&self.health, state.label(), &project.name, failure.as_ref());
        let Some(platform) = platform else { return Ok(0) };
        let mut repaired = 0;
        for candidate in self.without_job(config, &project, candidates).await? {
            if self.stop.is_cancelled() {
                break;
            }
            let Some(orphan) = self.orphan(config, &project, &platform, &candidate, state).await? else { continue };
            let (ticket, name) = (orphan.ticket.id.clone(), &project.name);
            let settled = match self.settle_withdrawn(config, orphan).await {
                Ok(Settled::Yes) => Ok(true),
                Ok(Settled::StillOrphan(orphan)) => repair(*orphan).await,
                Err(error) => Err(error),
            };
            match settled {
                Ok(done) => repaired += usize::from(done),
                Err(claim::Error::Store(error)) => return Err(error),
                Err(error) => warn!(project = name, ticket.id = ticket, %error, "could not repair a ticket"),
            }
        }
        Ok(repaired)
    }

    async fn list(
        &self,
        project: &Project,
        state: Lifecycle,
        walks: &Walks,
    ) -> platform::Result<(Arc<dyn Platform>, Stretch)> {
        let platform = self.trackers.of(project)?;
        let mut walk = walks.take(project);
        let stretch = platform::list_in_time(platform.as_ref(), Listing::Lifecycle(state), &mut walk).await;
        walks.put(project, walk);
        Ok((platform, stretch))
    }

    /// The candidates that belong to this project and have no job under any project of the tracker.
    async fn without_job(
        &self,
        config: &Config,
        project: &Project,
        candidates: Vec<Candidate>,
    ) -> store::Result<Vec<Candidate>> {
        let belongs = |candidate: &Candidate| {
            owner(config, &project.tracker, candidate).is_none_or(|owner| owner.name == project.name)
        };
        let own: Vec<Candidate> = candidates.into_iter().filter(belongs).collect();
        let keys: Vec<Vec<TicketKey>> = own.iter().map(|ticket| keys_on_tracker(config, project, &ticket.id)).collect();
        let states = self.store.job_states(&keys.concat()).await?;
        let mut states = states.into_iter();
        let lives = keys.iter().map(|keys| states.by_ref().take(keys.len()).flatten().count() > 0);
        let alive: Vec<bool> = lives.collect();
        Ok(own.into_iter().zip(alive).filter(|(_, alive)| !alive).map(|(candidate, _)| candidate).collect())
    }

    /// Locks a suspicious ticket and looks again, at the store and at the ticket itself. `None`: it is in order.
    async fn orphan(
        &self,
        config: &Config,
        project: &Arc<Project>,
        platform: &Arc<dyn Platform>,
        candidate: &Candidate,
        state: Lifecycle,
    ) -> store::Result<Option<Orphan>> {
        let key = TicketKey::new(platform.kind(), &project.name, &candidate.id);
        let Some(lock) = self.store.lock_claim(&key).await? else { return Ok(None) };
        let looking = async {
            if claim::live_job(self.store.as_ref(), config, project, &candidate.id).await?.is_some() {
                return Ok(None);
            }
            Ok::<_, store::Error>(Some(platform.read(&candidate.id).await))
        };
        let looked = tokio::select! {
            looked = timeout_at(lock.valid_until(), looking) => looked,
            () = self.stop.cancelled() => Ok(Ok(None)),
        };
        let ticket = match looked {
            Ok(Ok(Some(Ok(ticket)))) if Lifecycle::of(&ticket.labels) == Some(state) => ticket,
            Ok(Err(error)) => {
                claim::release(self.store.as_ref(), lock).await;
                return Err(error);
            }
            other => {
                if let Ok(Ok(Some(Err(error)))) = other {
                    warn_unreadable(project, &candidate.id, &error);
                }
                claim::release(self.store.as_ref(), lock).await;
                return Ok(None);
            }
        };
        Ok(Some(Orphan { project: Arc::clone(project), platform: Arc::clone(platform), lock, ticket }))
    }
}

/// Says that a label of ours, which somebody set who may not start runs, was taken away.
fn warn_set_by_hand(project: &Project, ticket: &Ticket, reason: &str) {
    let label = Lifecycle::of(&ticket.labels).map_or("", Lifecycle::label);
    warn!(project = project.name, ticket.id = ticket.id, "{label} stood for no run and was taken away: {reason}");
}

fn warn_unreadable(project: &Project, ticket: &str, error: &platform::Error) {
    warn!(project = project.name, ticket.id = ticket, %error, "could not read a ticket that may need repair");
}
