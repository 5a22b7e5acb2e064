//! The poll loop: list what asks for a run, offer it to the claim service.
//!
//! Runs inside the poller's term, in one process at a time. `schedule` says who is due, `project` polls one project.
//! What must stay true: every due project is polled in a task of its own, so a slow or failing platform delays nobody;
//! the configuration is read again on each turn; nothing runs after the loop was dropped.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{self, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::availability::Availability;
use crate::claim::ClaimService;
use crate::config::{Config, Live, Project};
use crate::health::Health;
use crate::platform::registry::Trackers;
use crate::project_health::{self, Spokesman};
use crate::runner::{self, Tick};
use crate::store::Store;

pub mod access;
mod missed;
pub mod project;
mod schedule;

use missed::Missed;
use project::{Outcome, poll_project};
use schedule::Schedule;

/// Longest pause between two turns, so that an edit of the file is seen soon.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// Polls of one API host at once. GitHub allows 100 concurrent requests for everything a token does; each poll makes
/// two at a time and claims need room beside them.
const POLLS_PER_HOST: usize = 32;

/// Who says it on `/health`.
const SOURCE: &str = "poll";

/// What the loop works with.
#[derive(Clone)]
pub struct Parts {
    /// The configuration in force.
    pub config: Live,
    /// Where webhooks leave word of what they offered.
    pub store: Arc<dyn Store>,
    /// Clients of the trackers.
    pub trackers: Trackers,
    /// The one door.
    pub claims: ClaimService,
    /// Told about an unreachable store.
    pub availability: Availability,
    /// Told how each project is doing.
    pub health: Health,
}

/// Polls until `term` ends; claims under way are finished first.
pub async fn run(parts: Parts, term: CancellationToken) {
    let _spokesman = Spokesman { health: parts.health.clone(), source: SOURCE };
    let mut poller = Poller::new(parts, term.clone());
    runner::run(&mut poller, &term).await;
    poller.settle().await;
}

/// The loop. Dropping it ends every poll under way.
pub struct Poller {
    parts: Parts,
    stop: CancellationToken,
    schedule: Schedule,
    under_way: JoinSet<Outcome>,
    names: HashMap<task::Id, String>,
    per_host: HashMap<String, Arc<Semaphore>>,
    missed: Missed,
}

impl Poller {
    /// Polls until `stop`; claims under way are finished, further ones are not begun.
    pub fn new(parts: Parts, stop: CancellationToken) -> Self {
        Self {
            parts,
            stop,
            schedule: Schedule::default(),
            under_way: JoinSet::new(),
            names: HashMap::new(),
            per_host: HashMap::new(),
            missed: Missed::default(),
        }
    }

    /// Waits for every poll under way and takes note of its result.
    pub async fn settle(&mut self) {
        while let Some(joined) = self.under_way.join_next_with_id().await {
            self.note(joined);
        }
    }

    fn start(&mut self, config: &Arc<Config>, name: String) {
        let Some(project) = config.projects.get(&name).cloned() else {
            return self.schedule.done(&name, None, Instant::now());
        };
        let host = project.tracker.api_url.authority().to_owned();
        let places = Arc::clone(self.per_host.entry(host).or_insert_with(|| Arc::new(Semaphore::new(POLLS_PER_HOST))));
        let (parts, stop, config) = (self.parts.clone(), self.stop.clone(), Arc::clone(config));
        let task = self.under_way.spawn(async move {
            // The semaphore is never closed; without a place the poll would only be less polite.
            let _place = places.acquire_owned().await.ok();
            poll(&parts, &config, &project, &stop).await
        });
        self.names.insert(task.id(), name);
    }

    fn note(&mut self, joined: Result<(task::Id, Outcome), task::JoinError>) {
        let (id, held_back) = match joined {
            Ok((id, outcome)) => {
                if let Some(error) = &outcome.store_failure {
                    self.parts.availability.report(error);
                }
                if let Some(name) = self.names.get(&id) {
                    self.missed.note(&self.parts.config.current(), name, &outcome, Instant::now());
                }
                (id, outcome.held_back())
            }
            Err(failed) => {
                error!(error = %failed, "a poll broke off; this is a defect");
                (failed.id(), None)
            }
        };
        if let Some(name) = self.names.remove(&id) {
            self.schedule.done(&name, held_back, Instant::now());
        }
    }
}

impl Tick for Poller {
    /// Starts a poll of every due project. Ended polls are noted in `rest`.
    async fn tick(&mut self) -> Duration {
        while let Some(joined) = self.under_way.try_join_next_with_id() {
            self.note(joined);
        }
        self.parts.config.refresh();
        let config = self.parts.config.current();
        let now = Instant::now();
        self.schedule.sync(config.projects.values().map(|project| (project.name.as_str(), project.polling)), now);
        for unpolled in config.projects.values().filter(|project| !project.polling.enabled) {
            self.parts.health.take_back(SOURCE, &format!("project:{}", unpolled.name));
        }
        for name in self.schedule.take_due(now) {
            self.start(&config, name);
        }
        self.missed.keep_only(&config, &self.parts.health);
        if let Err(error) = self.missed.look(self.parts.store.as_ref(), &self.parts.health, now).await {
            self.parts.availability.report(&error);
        }
        self.schedule.until_next(now).unwrap_or(LONGEST_REST).min(LONGEST_REST)
    }

    /// Until the next project is due, or a poll has ended.
    async fn rest(&mut self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            Some(joined) = self.under_way.join_next_with_id() => self.note(joined),
        }
    }
}

async fn poll(parts: &Parts, config: &Config, project: &Project, stop: &CancellationToken) -> Outcome {
    let began = Instant::now();
    let outcome = match parts.trackers.of(project) {
        Ok(platform) => poll_project(&parts.claims, config, project, platform.as_ref(), stop).await,
        Err(error) => Outcome { failures: vec![error], ..Outcome::default() },
    };
    debug!(
        project = project.name,
        found = outcome.offers.len(),
        claimed = outcome.claimed(),
        duration_ms = began.elapsed().as_millis(),
        "polled"
    );
    // A poll that was cut short knows nothing new.
    if !stop.is_cancelled() {
        project_health::report(&parts.health, SOURCE, &project.name, outcome.failures.first());
    }
    outcome
}
