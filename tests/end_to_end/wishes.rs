//! What a person may do by hand on a ticket, and what it does.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::NewTicket;

use crate::support::world::{Settings, World, eventually};
use crate::{Backend, on_both_stores};

on_both_stores!(
    pending_asks_for_a_run_without_a_trigger_label,
    removing_done_asks_for_another_run,
    adding_pending_beside_done_asks_for_another_run,
    a_closed_ticket_is_never_claimed,
    removing_the_trigger_label_stops_a_running_job,
    closing_a_ticket_takes_a_queued_job_back,
    a_removed_in_progress_label_comes_back,
);

const TRACKER: &str = "org/api";

/// A step that runs until the file `go` appears in the test's directory; bounded by the pipeline's timeout.
fn waits_for_go(world: &World) -> String {
    format!(
        "touch {}; while [ ! -e {} ]; do sleep 0.05; done",
        world.path("began").display(),
        world.path("go").display()
    )
}

async fn began(world: &World) {
    eventually("the step has begun", async || world.path("began").exists().then_some(())).await;
}

async fn pending_asks_for_a_run_without_a_trigger_label(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let new = NewTicket::titled("By hand").label(Lifecycle::Pending.label());
    let number = world.board.open_ticket(TRACKER, new).unwrap();
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn removing_done_asks_for_another_run(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let number = world.ask(TRACKER, "Twice");
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    world.board.remove_label(TRACKER, number, Lifecycle::Done.label()).unwrap();
    world.reached(|board| board.ticket(TRACKER, number).unwrap().comments.len() == 2).await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

async fn adding_pending_beside_done_asks_for_another_run(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let number = world.ask(TRACKER, "Again");
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    world.board.add_label(TRACKER, number, Lifecycle::Pending.label()).unwrap();
    world.reached(|board| board.ticket(TRACKER, number).unwrap().comments.len() == 2).await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

async fn a_closed_ticket_is_never_claimed(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let new = NewTicket::titled("Closed").label("agent-smith").label(Lifecycle::Pending.label());
    let closed = world.board.open_ticket(TRACKER, new).unwrap();
    world.board.close(TRACKER, closed).unwrap();
    let open = world.ask(TRACKER, "Open");
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, open, Lifecycle::Done).await;
    let later = world.ask(TRACKER, "Found by a later poll");
    world.ends(TRACKER, later, Lifecycle::Done).await;
    let ticket = world.ticket(TRACKER, closed);
    assert!(ticket.comments.is_empty() && !ticket.labels.contains(Lifecycle::Enqueued.label()));
    assert!(app.stop().await);
}

async fn removing_the_trigger_label_stops_a_running_job(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let step = waits_for_go(&world);
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&[&step]) });
    let number = world.ask(TRACKER, "Changed my mind");
    let app = world.start(stored.store.clone(), "one").await;
    began(&world).await;
    world.board.remove_label(TRACKER, number, "agent-smith").unwrap();
    world.reached(|board| !board.ticket(TRACKER, number).unwrap().comments.is_empty()).await;
    let ticket = world.shows(TRACKER, number, None).await;
    let comment = &ticket.comments[0].body;
    assert!(comment.contains("trigger label was removed"), "{comment}");
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn closing_a_ticket_takes_a_queued_job_back(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let step = waits_for_go(&world);
    world.write_config(&Settings { projects: world.project("api", TRACKER), slots: 1, ..Settings::steps(&[&step]) });
    let first = world.ask(TRACKER, "Runs");
    let app = world.start(stored.store.clone(), "one").await;
    began(&world).await;
    let queued = world.ask(TRACKER, "Waits");
    world.shows(TRACKER, queued, Some(Lifecycle::Enqueued)).await;
    world.board.close(TRACKER, queued).unwrap();
    std::fs::write(world.path("go"), "").unwrap();
    world.ends(TRACKER, first, Lifecycle::Done).await;
    let ticket = world.shows(TRACKER, queued, None).await;
    assert!(ticket.comments.is_empty(), "it never ran");
    stored.is_left_clean("api", &[first, queued]).await;
    assert!(app.stop().await);
}

async fn a_removed_in_progress_label_comes_back(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let step = waits_for_go(&world);
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&[&step]) });
    let number = world.ask(TRACKER, "Still at it");
    let app = world.start(stored.store.clone(), "one").await;
    began(&world).await;
    world.board.remove_label(TRACKER, number, Lifecycle::InProgress.label()).unwrap();
    world.shows(TRACKER, number, Some(Lifecycle::InProgress)).await;
    std::fs::write(world.path("go"), "").unwrap();
    let ticket = world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1, "it ran once");
    assert!(app.stop().await);
}
