//! A tracker, a configuration file, a store, and the real app or its poller at work on them.

use std::path::PathBuf;
use std::sync::Arc;

use agent_smith::app::App;
use agent_smith::availability::Availability;
use agent_smith::claim::{Claim, ClaimService, Request};
use agent_smith::config::Live;
use agent_smith::health::Health;
use agent_smith::housekeeping;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::registry::Trackers;
use agent_smith::poll::{Parts, Poller};
use agent_smith::sim::board::TicketView;
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::store::redis::RedisStore;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::rig::Rig;
use crate::support::redis::RedisServer;
use crate::support::world::{self, BOUND, eventually, lifecycle_labels, read_lines};

/// Where the jobs are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Embedded,
    Redis,
}

pub(crate) struct House {
    pub(crate) rig: Rig,
    pub(crate) store: Arc<dyn Store>,
    directory: TempDir,
    _redis: Option<RedisServer>,
}

impl House {
    /// With one project, `api`, and one pipeline, `fix-bug`, of this one step.
    pub(crate) fn with(rig: Rig, backend: Backend, step: &str) -> Self {
        let (store, redis): (Arc<dyn Store>, _) = match backend {
            Backend::Embedded => (Arc::new(EmbeddedStore::new()), None),
            Backend::Redis => {
                let redis = RedisServer::start();
                (Arc::new(RedisStore::connect(&redis.url()).unwrap()), Some(redis))
            }
        };
        let directory = tempfile::Builder::new().prefix("agent-smith-test-").tempdir().unwrap();
        let house = Self { rig, store, directory, _redis: redis };
        house.write_config(&house.rig.section("api"), step);
        house
    }

    /// A path in the test's own directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The lines of a file that steps append to, sorted.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let mut lines = read_lines(&self.path(name));
        lines.sort();
        lines
    }

    pub(crate) fn write_config(&self, projects: &str, step: &str) {
        self.write_config_with(projects, &["fix-bug"], step);
    }

    /// With these pipelines, all of the same one step.
    pub(crate) fn write_config_with(&self, projects: &str, pipelines: &[&str], step: &str) {
        let pipelines = pipelines.iter().map(|name| world::pipeline(name, &[step])).collect();
        let projects = projects.to_owned();
        let settings = world::Settings { projects, pipelines, ..world::Settings::steps(&[]) };
        let text = world::config_text(&settings, &self.path("data"));
        std::fs::write(self.path("agentsmith.yml"), text).unwrap();
    }

    pub(crate) fn config(&self) -> Live {
        let (config, loaded) = Live::start(&self.path("agentsmith.yml"), self.rig.env()).unwrap();
        assert!(loaded.left_out.is_empty(), "{:?}", loaded.problems);
        config
    }

    /// The real app.
    pub(crate) async fn start(&self) -> App {
        world::start(self.config(), self.store.clone(), "one").await
    }

    /// The app's poll loop, for a test that turns it by hand.
    pub(crate) fn poller(&self) -> Poller {
        let housekeeping::Parts { config, store, trackers, claims, availability, health, stop, .. } =
            self.housekeeping();
        Poller::new(Parts { config, store, trackers, claims, availability, health }, stop)
    }

    /// What the app's reconcilers work with.
    pub(crate) fn housekeeping(&self) -> housekeeping::Parts {
        let health = Health::default();
        let calls = Settings { proxies: false, ..Settings::default() };
        housekeeping::Parts {
            config: self.config(),
            store: self.store.clone(),
            trackers: Trackers::new(Http::with(calls).unwrap()),
            claims: ClaimService::new(self.store.clone()),
            availability: Availability::new(self.store.clone(), health.clone(), BOUND),
            health,
            stop: CancellationToken::new(),
            pace: world::silent(),
        }
    }

    /// Offers a ticket to the claim service, as a webhook or a poll does.
    pub(crate) async fn claim(&self, number: u64) -> Claim {
        let (config, ticket) = (self.config().current(), self.rig.id(number));
        let project = &config.projects["api"];
        let platform = self.rig.platform.as_ref();
        let request = Request { config: &config, project, platform, ticket: &ticket, asked_by: None };
        ClaimService::new(self.store.clone()).claim(&request).await.unwrap()
    }

    /// How many jobs wait.
    pub(crate) async fn queued(&self) -> usize {
        usize::try_from(self.store.counts().await.unwrap().queued).unwrap()
    }

    /// How many pages of listings were asked for, as far as the platform's log of requests goes back.
    pub(crate) fn pages_read(&self) -> usize {
        self.rig.faults().requests().iter().filter(|request| self.rig.is_page(request)).count()
    }

    pub(crate) fn ticket(&self, number: u64) -> TicketView {
        self.rig.board.ticket(self.rig.tracker, number).unwrap()
    }

    /// Awaits a result and its comment.
    pub(crate) async fn ends(&self, number: u64, state: Lifecycle) -> TicketView {
        let ended = |ticket: &TicketView| {
            Lifecycle::of(&ticket.labels) == Some(state) && world::has_result(ticket) && lifecycle_labels(ticket) == 1
        };
        let tracker = self.rig.tracker;
        let reached = |board: &agent_smith::sim::board::Board| ended(&board.ticket(tracker, number).unwrap());
        self.rig.board.wait_until(reached, BOUND).await.unwrap();
        self.ticket(number)
    }

    /// Every ticket is through: nothing waits, runs, or is locked.
    pub(crate) async fn is_left_clean(&self, tickets: &[u64]) {
        eventually("the queue is empty", async || {
            let counts = self.store.counts().await.unwrap();
            (counts.claiming + counts.queued + counts.running + counts.set_aside == 0).then_some(())
        })
        .await;
        for ticket in tickets {
            let key = self.rig.key("api", *ticket);
            let lock = eventually("the claim lock is free", async || self.store.lock_claim(&key).await.unwrap()).await;
            self.store.unlock_claim(lock).await.unwrap();
        }
    }

    /// How many tickets show a state.
    pub(crate) fn showing(&self, state: Lifecycle) -> usize {
        let tickets = self.rig.board.tickets(self.rig.tracker);
        tickets.iter().filter(|ticket| Lifecycle::of(&ticket.labels) == Some(state)).count()
    }
}
