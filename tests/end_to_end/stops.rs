//! A stop while the platform hangs: nobody waits for it, and nothing is lost.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::Match;
use tokio::time::Instant;

use crate::support::world::{BOUND, Settings, World, eventually};
use crate::{Backend, on_both_stores};

on_both_stores!(a_hard_stop_puts_a_job_back_although_its_platform_hangs);

const TRACKER: &str = "org/api";

async fn a_hard_stop_puts_a_job_back_although_its_platform_hangs(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let (log, go) = (world.path("runs"), world.path("go"));
    let step = format!("echo run >> {}; while [ ! -e {} ]; do sleep 0.05; done", log.display(), go.display());
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&[&step]) });
    let number = world.ask(TRACKER, "Hangs");
    let app = world.start(stored.store.clone(), "one").await;
    eventually("the step has begun", async || log.exists().then_some(())).await;
    let hold = world.sim.faults().hold(Match::path(&format!("/issues/{number}")));
    assert!(hold.reached(1, BOUND).await, "the look at the ticket hangs");
    assert!(app.stop().await, "everything ends in time");
    let counts = stored.store.counts().await.unwrap();
    assert_eq!((counts.queued, counts.running), (1, 0), "another consumer may take it at once");
    drop(hold);

    std::fs::write(go, "").unwrap();
    let next = world.start(stored.store.clone(), "two").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(next.stop().await);
}

/// The leases are free for the next leader at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soft_stop_waits_for_no_listing() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    world.write_config(&Settings {
        projects: world.project("api", TRACKER),
        lease_seconds: 60,
        ..Settings::steps(&["true"])
    });
    let hold = world.sim.faults().hold(Match::path("/issues?"));
    let app = world.start(stored.store.clone(), "one").await;
    // Discovery and catch-up of the poll, in progress and enqueued of the reconcilers.
    assert!(hold.reached(4, BOUND).await);
    let asked = Instant::now();
    assert!(app.stop().await);
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
    drop(hold);
    let ticket = world.ask(TRACKER, "For the next one");
    let next = world.start(stored.store.clone(), "two").await;
    world.ends(TRACKER, ticket, Lifecycle::Done).await;
    assert!(next.stop().await);
}
