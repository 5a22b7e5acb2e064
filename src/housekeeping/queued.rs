//! Telling tickets that wait where they stand in line.
//!
//! Looks at the store every few seconds, and at a platform only for jobs that have waited a while: one that is taken at
//! once costs nothing. What must stay true: a ticket is told under its claim lock, and only while its job waits, so that
//! the consumer that takes the job knows when nobody is at it any more; a request that may still be on its way leaves
//! the lock to expire; a platform that does not answer holds up its own project alone; no ticket is left in a line that its
//! job was dropped from (`follow`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::{PROJECTS_AT_ONCE, Parts, STORE_RETRY};
use crate::claim;
use crate::config::Project;
use crate::job::{ClaimLock, Job, JobState};
use crate::pipeline::report::Ways;
use crate::pipeline::report::live::{claimed_ago, marker, queued};
use crate::platform::{self, Comment, CommentId, Platform, Writing};
use crate::runner::Tick;
use crate::store::{self, WaitingLine};

mod follow;

/// Jobs of one project that are told: who is further behind will be, and has the label until then.
const OF_EACH: usize = 20;
/// Jobs in one pass over all projects, so that one answer of the store and the memory of this stay small.
const IN_ALL: usize = 500;
/// Writes in one pass to one project. With four passes a minute this is a quarter of what GitHub accepts of one token.
const WRITES: usize = 5;
/// For one ticket, well within the lock.
const LIMIT: Duration = Duration::from_secs(10);

/// The loop.
pub struct Queued {
    parts: Parts,
    /// What this leader has told, by run.
    told: HashMap<String, Told>,
}

/// What a ticket was told last.
#[derive(Debug, Clone)]
struct Told {
    job: Job,
    position: u64,
    at: Instant,
    comment: Place,
    /// Passes in which its job was found to be gone, and its comment could not be set right.
    followed: u32,
}

/// Where the comment is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    At(CommentId),
    /// It may still arrive.
    Unknown,
    /// Nothing is to be told any more: a person deleted it, or it cannot be edited.
    Nowhere,
}

/// What became of telling one ticket.
enum Outcome {
    Told(Place),
    /// It may have been told, or be told yet. Nothing to the next one of the project.
    InDoubt,
    /// Its job does not wait any more, or somebody else has its lock.
    NotNow,
    /// Neither this one nor the next one of the project.
    NoAnswer,
}

impl Queued {
    /// Uses these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, told: HashMap::new() }
    }

    async fn tell_all(&mut self) -> store::Result<()> {
        let lines = self.parts.store.waiting(OF_EACH, IN_ALL).await?;
        let jobs = lines.iter().flat_map(|line| &line.first);
        let waiting: HashSet<String> = jobs.map(|(_, job)| job.run_id.clone()).collect();
        let left = self.told.extract_if(|run_id, _| !waiting.contains(run_id)).map(|(_, told)| told).collect();
        self.follow_all(left).await?;
        let this = &*self;
        let passes: Vec<store::Result<Vec<(String, Told)>>> = stream::iter(lines)
            .map(|line| async move { this.tell_project(&line).await })
            .buffer_unordered(PROJECTS_AT_ONCE)
            .collect()
            .await;
        let mut failure = Ok(());
        for pass in passes {
            match pass {
                Ok(told) => self.told.extend(told),
                Err(error) => failure = Err(error),
            }
        }
        failure
    }

    async fn tell_project(&self, line: &WaitingLine) -> store::Result<Vec<(String, Told)>> {
        let config = self.parts.config.current();
        let Some(project) = config.projects.get(&line.project) else { return Ok(Vec::new()) };
        let Ok(platform) = self.parts.trackers.of(project) else { return Ok(Vec::new()) };
        let ways = claim::ways(&config, project);
        let mut told = Vec::new();
        for (ahead, job) in line.first.iter().filter(|(ahead, job)| self.is_due(job, ahead + 1)) {
            if self.parts.stop.is_cancelled() || told.len() >= WRITES || platform.held_back().is_some() {
                break;
            }
            let position = ahead + 1;
            let now = |comment| {
                let told = Told { job: job.clone(), position, at: Instant::now(), comment, followed: 0 };
                (job.run_id.clone(), told)
            };
            match self.tell(project, &platform, job, (position, line.total, ways)).await? {
                Outcome::Told(place) => told.push(now(place)),
                Outcome::InDoubt => {
                    told.push(now(Place::Unknown));
                    break;
                }
                Outcome::NotNow => {}
                Outcome::NoAnswer => break,
            }
        }
        Ok(told)
    }

    /// True when there is something to tell this ticket, and it is time.
    fn is_due(&self, job: &Job, position: u64) -> bool {
        match self.told.get(&job.run_id) {
            // A claim in the future was made by another clock: the store's decides then.
            None => {
                let age = claimed_ago(&job.run_id);
                age.is_zero() || age >= self.parts.pace.queued_after
            }
            Some(Told { comment: Place::Nowhere, .. }) => false,
            Some(Told { comment: Place::Unknown, .. }) => true,
            Some(told) => {
                let pause = self.parts.pace.queued_pause.saturating_mul(u32::try_from(position).unwrap_or(u32::MAX));
                told.position != position && told.at.elapsed() >= pause
            }
        }
    }

    async fn tell(
        &self,
        project: &Project,
        platform: &Arc<dyn Platform>,
        job: &Job,
        (position, of, ways): (u64, u64, Ways),
    ) -> store::Result<Outcome> {
        if job.key.platform != project.tracker.platform() {
            return Ok(Outcome::NotNow);
        }
        let Some(lock) = self.parts.store.lock_claim(&job.key).await? else { return Ok(Outcome::NotNow) };
        let text = queued(job, (position, of.max(position)), ways);
        let known = match self.told.get(&job.run_id) {
            Some(Told { comment: Place::At(id), .. }) => Some(id.clone()),
            Some(_) | None => None,
        };
        let comment = Comment::new(marker(&job.run_id), text).writing(Writing::NewOrEdit).at(known).interim();
        let writing = timeout(LIMIT, self.tell_locked(&lock, platform.as_ref(), job, &comment));
        let written = tokio::select! {
            written = writing => written.ok(),
            () = self.parts.stop.cancelled() => None,
        };
        // It may be on its way, and nobody else may look for it before it has arrived.
        let Some(written) = written else { return Ok(Outcome::InDoubt) };
        if let Ok(Some(Err(error))) = &written
            && error.is_temporary()
            && !matches!(error, platform::Error::RateLimited { .. })
        {
            debug!(project = project.name, ticket.id = job.key.ticket, %error, "could not tell a ticket that it waits");
            return Ok(Outcome::InDoubt);
        }
        claim::release(self.parts.store.as_ref(), lock).await;
        Ok(match written? {
            None => Outcome::NotNow,
            Some(Ok(id)) => Outcome::Told(id.map_or(Place::Nowhere, Place::At)),
            Some(Err(error)) => {
                debug!(project = project.name, ticket.id = job.key.ticket, %error, "a ticket cannot be told that it waits");
                match error.is_temporary() {
                    true => Outcome::NoAnswer,
                    false => Outcome::Told(Place::Nowhere),
                }
            }
        })
    }

    /// `None`: the job does not wait visibly any more.
    async fn tell_locked(
        &self,
        lock: &ClaimLock,
        platform: &dyn Platform,
        job: &Job,
        comment: &Comment,
    ) -> store::Result<Option<platform::Result<Option<CommentId>>>> {
        let view = self.parts.store.look(&job.key).await?;
        let waits = view.is_some_and(|view| {
            let is_in_line = view.state == JobState::Queued && view.ahead.is_some() && view.job.run_id == job.run_id;
            // By the clock by which its consumer knows that it may have been told.
            is_in_line && view.since >= self.parts.pace.queued_after
        });
        if !waits {
            return Ok(None);
        }
        Ok(Some(platform.comment(lock, comment).await))
    }
}

impl Tick for Queued {
    async fn tick(&mut self) -> Duration {
        match self.tell_all().await {
            Ok(()) => self.parts.pace.queued_scan,
            Err(error) => {
                self.parts.availability.report(&error);
                STORE_RETRY
            }
        }
    }
}
