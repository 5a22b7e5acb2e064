//! Replicas of the real binary on one real Redis against a simulated GitHub: elections, crashes, outages.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod change_requests;
mod crash_table;
mod crashes;
mod leaders;
mod limits;
mod outages;
mod stale_pushes;
mod statuses;
mod withdrawals;

use std::collections::BTreeMap;

use support::process::Server;
use support::redis::RedisServer;
use support::world::{Settings, World, eventually};

const TRACKER: &str = "org/api";

/// Everything that a test of several replicas needs.
pub(crate) struct Cluster {
    pub(crate) world: World,
    pub(crate) redis: RedisServer,
}

impl Cluster {
    /// One project whose pipeline has these steps; times as short as the configuration allows.
    pub(crate) async fn new(settings: impl FnOnce(&World) -> Settings) -> Self {
        let world = World::with(&[TRACKER]).await;
        let settings = settings(&world);
        world.write_config(&Settings { projects: world.project("api", TRACKER), ..settings });
        Self { world, redis: RedisServer::start() }
    }

    pub(crate) async fn replica(&self, name: &str) -> Server {
        self.replica_with(name, &[]).await
    }

    pub(crate) async fn replica_with(&self, name: &str, extra: &[&str]) -> Server {
        let log = self.world.path(&format!("{name}.log"));
        Server::start(&self.world.config_path(), Some(&self.redis.url()), log, extra).await
    }

    /// How often each ticket's steps were begun.
    pub(crate) fn runs_by_ticket(&self) -> BTreeMap<String, usize> {
        let mut runs = BTreeMap::new();
        for line in self.world.lines("runs") {
            *runs.entry(line).or_default() += 1;
        }
        runs
    }
}

/// A step that notes its ticket in `runs` and then does `then`.
pub(crate) fn noting(world: &World, then: &str) -> String {
    format!("echo $AGENTSMITH_TICKET_ID >> {}; {then}", world.path("runs").display())
}

/// Waits until exactly one of the two leads, and says which: (leader, follower).
pub(crate) async fn leader_and_follower<'a>(a: &'a mut Server, b: &'a mut Server) -> (&'a mut Server, &'a mut Server) {
    let first_leads = eventually("exactly one of two replicas leads the poller", async || {
        match (a.leads("poller").await, b.leads("poller").await) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    })
    .await;
    if first_leads { (a, b) } else { (b, a) }
}
