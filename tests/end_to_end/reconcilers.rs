//! What crashes leave behind is repaired.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::Match;
use agent_smith::sim::board::NewTicket;
use agent_smith::ticket::{PlatformKind, TicketKey};

use crate::support::world::{BOUND, Settings, World};
use crate::{Backend, on_both_stores};

on_both_stores!(
    in_progress_without_a_job_runs_again,
    enqueued_without_a_job_is_queued_again,
    a_half_made_claim_whose_label_was_written_is_completed,
    a_half_made_claim_whose_label_was_not_written_is_dropped_and_claimed_anew,
    a_closed_ticket_loses_a_stale_label,
    a_project_that_is_not_polled_is_repaired_too,
);

const TRACKER: &str = "org/api";

/// Redis must have had its data for a whole heartbeat TTL before silence counts; short, so that the tests are.
fn settings(world: &World) -> Settings {
    Settings { projects: world.project("api", TRACKER), heartbeat_ttl_seconds: 3, ..Settings::steps(&["true"]) }
}

fn left(world: &World, state: Lifecycle) -> u64 {
    let new = NewTicket::titled("Left behind").label("agent-smith").label(state.label());
    world.board.open_ticket(TRACKER, new).unwrap()
}

async fn in_progress_without_a_job_runs_again(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&settings(&world));
    let number = left(&world, Lifecycle::InProgress);
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    let history = format!("{:?}", world.board.history_of(TRACKER, number));
    assert!(history.contains("LabelAdded(\"agent-smith:pending\")"), "it went back to pending first: {history}");
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn enqueued_without_a_job_is_queued_again(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&settings(&world));
    let number = left(&world, Lifecycle::Enqueued);
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_half_made_claim_whose_label_was_written_is_completed(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&settings(&world));
    let number = left(&world, Lifecycle::Enqueued);
    stored.leave_half_made_claim(TicketKey::new(PlatformKind::GitHub, "api", number.to_string())).await;
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_half_made_claim_whose_label_was_not_written_is_dropped_and_claimed_anew(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&settings(&world));
    let number = world.ask(TRACKER, "Half");
    stored.leave_half_made_claim(TicketKey::new(PlatformKind::GitHub, "api", number.to_string())).await;
    let app = world.start(stored.store.clone(), "one").await;
    let ticket = world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1);
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_closed_ticket_loses_a_stale_label(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&settings(&world));
    let (running, waiting) = (left(&world, Lifecycle::InProgress), left(&world, Lifecycle::Enqueued));
    for number in [running, waiting] {
        world.board.close(TRACKER, number).unwrap();
    }
    let app = world.start(stored.store.clone(), "one").await;
    for number in [running, waiting] {
        let ticket = world.shows(TRACKER, number, None).await;
        assert!(ticket.comments.is_empty());
    }
    assert!(app.stop().await);
}

async fn a_project_that_is_not_polled_is_repaired_too(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let projects = world.project("api", TRACKER).replace("enabled: true", "enabled: false");
    world.write_config(&Settings { projects, ..settings(&world) });
    let number = left(&world, Lifecycle::InProgress);
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

/// Claims that nobody can look at now keep neither lapsed leases nor other projects' claims from their repair.
#[tokio::test]
async fn half_made_claims_on_a_hanging_platform_hold_up_nothing_else() {
    let world = World::with(&[TRACKER]).await;
    let slow = World::with(&["org/slow"]).await;
    let hold = slow.sim.faults().hold(Match::any());
    let stored = Backend::Embedded.open();
    let projects = world.project_on(&slow.sim.api_url(), "slow", "org/slow") + &world.project("api", TRACKER);
    world.write_config(&Settings { projects, lease_seconds: 60, ..settings(&world) });
    for number in 1..=3 {
        stored.leave_half_made_claim(TicketKey::new(PlatformKind::GitHub, "slow", number.to_string())).await;
    }
    let (half, lapsed) = (left(&world, Lifecycle::Enqueued), left(&world, Lifecycle::InProgress));
    stored.leave_half_made_claim(TicketKey::new(PlatformKind::GitHub, "api", half.to_string())).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(15)).await;
    tokio::time::resume();
    stored.queue(TicketKey::new(PlatformKind::GitHub, "api", lapsed.to_string())).await;
    let dead = stored.store.take("dead", Duration::from_secs(5), Duration::ZERO).await.unwrap();
    assert!(dead.is_some());

    let app = world.start(stored.store.clone(), "one").await;
    assert!(hold.reached(1, BOUND).await);
    let began = tokio::time::Instant::now();
    for number in [half, lapsed] {
        world.ends(TRACKER, number, Lifecycle::Done).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    drop(hold);
    assert!(app.stop().await);
}
