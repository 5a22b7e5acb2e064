//! Platforms that refuse, fail, lie or hang: named, bounded, and nobody else's problem.

use std::time::Duration;

use agent_smith::app::App;
use agent_smith::health::State;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::{Fault, Match, Times};
use agent_smith::ticket::{PlatformKind, TicketKey};

use crate::support::world::{Settings, World, eventually};
use crate::{Backend, on_both_stores};

on_both_stores!(
    a_result_survives_a_platform_that_is_down,
    a_retried_claim_is_made_once,
    a_comment_whose_answer_was_lost_is_not_written_twice,
);

const TRACKER: &str = "org/api";

async fn degraded(app: &App, project: &str) -> String {
    let name = format!("project:{project}");
    eventually("the project is shown degraded", async || {
        let snapshot = app.health.snapshot();
        let one = snapshot.into_iter().find(|one| one.name == name && one.state == State::Degraded)?;
        Some(one.reason)
    })
    .await
}

async fn a_result_survives_a_platform_that_is_down(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let (log, go) = (world.path("runs"), world.path("go"));
    let step = format!("echo run >> {}; while [ ! -e {} ]; do sleep 0.05; done", log.display(), go.display());
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&[&step]) });
    let number = world.ask(TRACKER, "Survive");
    let app = world.start(stored.store.clone(), "one").await;
    world.shows(TRACKER, number, Some(Lifecycle::InProgress)).await;
    eventually("the step has begun", async || log.exists().then_some(())).await;

    let before = world.sim.faults().requests().len();
    world.sim.faults().fail(Match::any(), Times::Always, Fault::status(502));
    std::fs::write(&go, "").unwrap();
    eventually("some writes have failed", async || {
        let posts = world.sim.faults().requests().into_iter().skip(before).filter(|one| one.method == "POST").count();
        (posts >= 2).then_some(())
    })
    .await;
    world.sim.faults().clear();
    let ticket = world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1);
    assert_eq!(world.lines("runs"), ["run"], "the steps ran once");
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_retried_claim_is_made_once(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let log = world.path("runs");
    let step = format!("echo run >> {}", log.display());
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&[&step]) });
    world.sim.faults().fail(Match::new("POST", "/labels"), Times::Next(2), Fault::status(500));
    let number = world.ask(TRACKER, "Stubborn");
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert_eq!(world.lines("runs"), ["run"]);
    assert!(app.stop().await);
}

async fn a_comment_whose_answer_was_lost_is_not_written_twice(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    world.sim.faults().fail(Match::new("POST", "/comments"), Times::Next(1), Fault::LoseAnswer);
    let number = world.ask(TRACKER, "Once");
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert_eq!(world.ticket(TRACKER, number).comments.len(), 1);
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_platform_delays_nobody() {
    let world = World::with(&[TRACKER]).await;
    let slow = World::with(&["org/slow"]).await;
    slow.sim.faults().fail(Match::any(), Times::Always, Fault::Hang);
    let stored = Backend::Embedded.open();
    let projects = world.project_on(&slow.sim.api_url(), "slow", "org/slow") + &world.project("api", TRACKER);
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let app = world.start(stored.store.clone(), "one").await;
    for title in ["One", "Two"] {
        let number = world.ask(TRACKER, title);
        let asked = tokio::time::Instant::now();
        world.ends(TRACKER, number, Lifecycle::Done).await;
        assert!(asked.elapsed() < Duration::from_secs(18), "it waited for the other platform: {:?}", asked.elapsed());
    }
    app.shutdown().end_now();
    assert!(app.stop().await);
}

/// A job that cannot begin must not keep the only slot from those that can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_platform_that_is_down_do_not_occupy_the_slots() {
    let world = World::with(&[TRACKER]).await;
    let down = World::with(&["org/down"]).await;
    down.sim.faults().fail(Match::any(), Times::Always, Fault::status(502));
    let stored = Backend::Embedded.open();
    let projects = world.project_on(&down.sim.api_url(), "down", "org/down") + &world.project("api", TRACKER);
    world.write_config(&Settings { projects, slots: 1, ..Settings::steps(&["true"]) });
    stored.queue(TicketKey::new(PlatformKind::GitHub, "down", "1")).await;
    let app = world.start(stored.store.clone(), "one").await;
    eventually("its ticket is being read", async || {
        down.sim.faults().requests().iter().any(|one| one.path_and_query.contains("/issues/1")).then_some(())
    })
    .await;
    let asked = tokio::time::Instant::now();
    let number = world.ask(TRACKER, "Can run");
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(asked.elapsed() < Duration::from_secs(20), "it waited {:?} for the slot", asked.elapsed());
    assert!(app.stop().await);
}

/// The first write of a transition arrived, the second was refused: the label is there, so the job must be as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_refused_half_way_is_completed_within_a_minute() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    world.write_config(&Settings {
        projects: world.project("api", TRACKER),
        reconcile_interval_seconds: 600,
        ..Settings::steps(&["true"])
    });
    let app = world.start(stored.store.clone(), "one").await;
    let first = world.ask(TRACKER, "The reconciler has made its pass");
    world.ends(TRACKER, first, Lifecycle::Done).await;
    world.sim.faults().fail(Match::new("DELETE", "/labels/"), Times::Next(1), Fault::status(403));
    let new = NewTicket::titled("Half").label("agent-smith").label(Lifecycle::Pending.label());
    let number = world.board.open_ticket(TRACKER, new).unwrap();
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_named_with_their_cure_and_stay_with_their_project() {
    let world = World::with(&[TRACKER, "org/readonly", "org/hidden", "org/old"]).await;
    world.board.set_can_write("org/readonly", false).unwrap();
    world.board.hide_tracker("org/hidden", true).unwrap();
    world.board.move_tracker("org/old", "org/renamed").unwrap();
    let stored = Backend::Embedded.open();
    let projects = world.project("readonly", "org/readonly")
        + &world.project("hidden", "org/hidden")
        + &world.project("old", "org/old")
        + &world.project("api", TRACKER);
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    let refused = world.ask("org/readonly", "May not be labelled");
    let number = world.ask(TRACKER, "Good");
    let app = world.start(stored.store.clone(), "one").await;

    world.ends(TRACKER, number, Lifecycle::Done).await;
    let readonly = degraded(&app, "readonly").await;
    // Whoever notices first, the check at the start or the claim, names the repository and the same cure.
    assert!(readonly.contains("org/readonly") && readonly.contains("role triage or higher"), "{readonly}");
    let hidden = degraded(&app, "hidden").await;
    assert!(hidden.contains("org/hidden"), "{hidden}");
    let old = degraded(&app, "old").await;
    assert!(old.contains("moved"), "{old}");
    assert!(app.health.is_ready());
    assert_eq!(world.ticket("org/readonly", refused).labels.iter().collect::<Vec<_>>(), ["agent-smith"]);
    assert!(app.stop().await);
}
