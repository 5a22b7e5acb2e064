//! Requests that are taken back: queued ones, running ones, finished ones.
//!
//! The heartbeat of these tests is far too slow to help: what is stopped was stopped by the request itself.

use std::time::Duration;

use agent_smith::claim::Recall;
use agent_smith::job::{Cause, Verdict, Withdrawal};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::Match;
use agent_smith::sim::board::{NewTicket, What};
use agent_smith::store::Withdrawn;
use agent_smith::ticket::{PlatformKind, TicketKey};
use tokio::time::Instant;

use crate::support::process::processes_with;
use crate::support::world::{BOUND, Settings, World, eventually, lifecycle};
use crate::{Backend, Stored, on_both_stores};

on_both_stores!(
    a_cancelled_run_is_gone_and_does_not_come_back_by_itself,
    a_cancelled_job_that_waits_is_dropped_at_once,
    a_closed_ticket_stops_its_run_at_once,
    a_ticket_that_still_asks_keeps_its_run,
    a_cancel_after_the_end_changes_nothing,
    a_claim_that_is_taken_back_half_way_leaves_no_label,
    a_dropped_job_whose_label_stayed_is_not_queued_again,
    a_later_look_finishes_what_another_process_left,
    a_label_that_comes_back_asks_again,
    a_label_that_comes_back_asks_again_without_webhooks,
    a_job_under_a_name_that_the_file_lost_is_taken_back_too,
);

const TRACKER: &str = "org/api";
/// The promise: from the moment a stop is seen.
const PROMISE: Duration = Duration::from_secs(10);
const BY_ANN: Recall<'_> = Recall::Cancelled { by: Some("ann") };

/// A world whose step notes its ticket, leaves a child in a session of its own that ignores SIGTERM, and waits.
async fn slow_heartbeats(slots: usize) -> (World, String) {
    with_times(slots, (250, 600), 3_600).await
}

/// The times are those of the heartbeat (how often, how long it counts) and of the reconcilers, in seconds.
async fn with_times(slots: usize, (renew_seconds, ttl_seconds): (u64, u64), reconcile_seconds: u64) -> (World, String) {
    let world = World::with(&[TRACKER]).await;
    let (go, runs) = (world.path("go").display().to_string(), world.path("runs").display().to_string());
    let waits = format!("while [ ! -e {go} ]; do sleep 0.05; done");
    let step = format!("(trap '' TERM; setsid sh -c '{waits}' &) ; echo $AGENTSMITH_TICKET_ID >> {runs}; {waits}");
    world.write_config(&Settings {
        projects: world.project("api", TRACKER),
        slots,
        heartbeat_ttl_seconds: ttl_seconds,
        heartbeat_renew_seconds: renew_seconds,
        reconcile_interval_seconds: reconcile_seconds,
        ..Settings::steps(&[&step])
    });
    (world, go)
}

async fn runs(world: &World, number: u64) {
    eventually("the step runs", async || world.lines("runs").contains(&number.to_string()).then_some(())).await;
}

/// Several polls later: one that came after was claimed and finished.
async fn polled_again(world: &World, title: &str) {
    std::fs::write(world.path("go"), "").unwrap();
    let later = world.ask(TRACKER, title);
    world.ends(TRACKER, later, Lifecycle::Done).await;
    let latest = world.ask(TRACKER, title);
    world.ends(TRACKER, latest, Lifecycle::Done).await;
}

async fn waits_in_queue(stored: &Stored) {
    eventually("a job waits", async || (stored.store.counts().await.unwrap().queued == 1).then_some(())).await;
}

async fn a_cancelled_run_is_gone_and_does_not_come_back_by_itself(backend: Backend) {
    let (world, mark) = slow_heartbeats(4).await;
    let stored = backend.open();
    let number = world.ask(TRACKER, "Wrong idea");
    let app = world.start(stored.store.clone(), "one").await;
    let door = world.door(stored.store.clone());
    runs(&world, number).await;
    assert!(processes_with(&mark).len() >= 2, "the step and its child in another session");

    let asked = Instant::now();
    assert_eq!(door.withdraw("api", number, BY_ANN).await, Withdrawn::Stopping);
    eventually("nothing of it runs", async || processes_with(&mark).is_empty().then_some(())).await;
    assert!(asked.elapsed() < PROMISE, "{:?}", asked.elapsed());
    world.reached(|board| !board.ticket(TRACKER, number).unwrap().comments.is_empty()).await;
    let ticket = world.shows(TRACKER, number, None).await;
    let comment = &ticket.comments[0].body;
    for part in ["**cancelled**", "it was cancelled by `ann`", "Add the label `agent-smith:pending`"] {
        assert!(comment.contains(part), "{part}: {comment}");
    }
    assert!(!comment.contains("/agent-smith run"), "without webhooks nobody hears it: {comment}");
    assert!(ticket.labels.contains("agent-smith"), "labels of others are not ours to touch");
    stored.is_left_clean("api", &[number]).await;

    world.sim.faults().forget_requests();
    polled_again(&world, "Afterwards").await;
    assert_eq!(world.shows(TRACKER, number, None).await.comments.len(), 1, "the old label asks for nothing");
    let page = format!("/issues/{number}");
    let looks = world.sim.faults().requests().into_iter().filter(|one| one.path_and_query.ends_with(&page));
    assert_eq!(looks.count(), 0, "polls read a cancelled ticket again and again");
    world.board.add_label(TRACKER, number, Lifecycle::Pending.label()).unwrap();
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

async fn a_cancelled_job_that_waits_is_dropped_at_once(backend: Backend) {
    let (world, _) = slow_heartbeats(1).await;
    let stored = backend.open();
    let first = world.ask(TRACKER, "Runs");
    let app = world.start(stored.store.clone(), "one").await;
    let door = world.door(stored.store.clone());
    runs(&world, first).await;
    let queued = world.ask(TRACKER, "Waits");
    waits_in_queue(&stored).await;

    let Withdrawn::Dropped(job) = door.withdraw("api", queued, BY_ANN).await else { panic!("it waited") };
    assert_eq!(job.key.ticket, queued.to_string());
    assert_eq!(stored.store.counts().await.unwrap().queued, 0);
    let ticket = world.ticket(TRACKER, queued);
    assert_eq!(Lifecycle::of(&ticket.labels), None, "with the label gone: {:?}", ticket.labels);
    polled_again(&world, "Afterwards").await;
    assert!(world.ticket(TRACKER, queued).comments.is_empty(), "it never ran");
    assert!(!world.lines("runs").contains(&queued.to_string()));
    stored.is_left_clean("api", &[first, queued]).await;
    assert!(app.stop().await);
}

async fn a_closed_ticket_stops_its_run_at_once(backend: Backend) {
    let (world, mark) = slow_heartbeats(4).await;
    let stored = backend.open();
    let number = world.ask(TRACKER, "Obsolete");
    let app = world.start(stored.store.clone(), "one").await;
    let door = world.door(stored.store.clone());
    runs(&world, number).await;
    world.board.close(TRACKER, number).unwrap();
    let recall = Recall::TicketChanged { by: Some("bob") };
    assert_eq!(door.withdraw("api", number, recall).await, Withdrawn::Stopping);
    world.reached(|board| !board.ticket(TRACKER, number).unwrap().comments.is_empty()).await;
    let ticket = world.shows(TRACKER, number, None).await;
    assert!(ticket.comments[0].body.contains("the ticket was closed by `bob`"), "{}", ticket.comments[0].body);
    assert_eq!(processes_with(&mark), Vec::<u32>::new());
    stored.is_left_clean("api", &[number]).await;

    // Reopened, it asks again: the label is still there, and nobody had said that it should not.
    std::fs::write(world.path("go"), "").unwrap();
    world.board.reopen(TRACKER, number).unwrap();
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

/// What a delivery says may be old or made up: the ticket decides.
async fn a_ticket_that_still_asks_keeps_its_run(backend: Backend) {
    let (world, _) = slow_heartbeats(4).await;
    let stored = backend.open();
    let number = world.ask(TRACKER, "Meant seriously");
    let app = world.start(stored.store.clone(), "one").await;
    let door = world.door(stored.store.clone());
    runs(&world, number).await;
    let recall = Recall::TicketChanged { by: Some("mallory") };
    assert_eq!(door.withdraw("api", number, recall).await, Withdrawn::Kept);
    std::fs::write(world.path("go"), "").unwrap();
    world.ends(TRACKER, number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert_eq!(door.withdraw("api", number, recall).await, Withdrawn::Nothing);
    assert_eq!(world.lines("runs").len(), 1);
    assert!(app.stop().await);
}

async fn a_cancel_after_the_end_changes_nothing(backend: Backend) {
    let (world, _) = slow_heartbeats(4).await;
    let stored = backend.open();
    let number = world.ask(TRACKER, "Nearly");
    let app = world.start(stored.store.clone(), "one").await;
    let door = world.door(stored.store.clone());
    runs(&world, number).await;
    let hold = world.sim.faults().hold(Match::new("POST", &format!("/issues/{number}/labels")));
    std::fs::write(world.path("go"), "").unwrap();
    assert!(hold.reached(1, BOUND).await, "the result is recorded and not shown yet");
    assert_eq!(door.withdraw("api", number, BY_ANN).await, Withdrawn::Over(Verdict::Done));
    drop(hold);
    world.ends(TRACKER, number, Lifecycle::Done).await;
    stored.is_left_clean("api", &[number]).await;
    assert_eq!(door.withdraw("api", number, BY_ANN).await, Withdrawn::Nothing);
    // Nothing was taken back, so that a person may ask again with the label.
    world.board.remove_label(TRACKER, number, Lifecycle::Done.label()).unwrap();
    world.reached(|board| board.ticket(TRACKER, number).unwrap().comments.len() == 2).await;
    assert!(app.stop().await);
}

/// The claim is taken back while it writes its label, by a process that dies right after: the claim itself cleans up.
async fn a_claim_that_is_taken_back_half_way_leaves_no_label(backend: Backend) {
    let (world, _) = slow_heartbeats(4).await;
    let stored = backend.open();
    let number = world.ask(TRACKER, "On second thought");
    let hold = world.sim.faults().hold(Match::new("POST", &format!("/issues/{number}/labels")));
    let app = world.start(stored.store.clone(), "one").await;
    assert!(hold.reached(1, BOUND).await, "recorded, and about to write the label");
    let key = TicketKey::new(PlatformKind::GitHub, "api", number.to_string());
    let cancelled = Withdrawal::new(Cause::Cancelled, Some("ann"));
    assert!(matches!(stored.store.withdraw(&key, &cancelled).await.unwrap(), Withdrawn::Dropped(_)));
    drop(hold);
    world
        .reached(|board| {
            let history = board.history_of(TRACKER, number);
            history.iter().any(|event| event.what == What::LabelAdded(Lifecycle::Enqueued.label().to_owned()))
        })
        .await;
    world.shows(TRACKER, number, None).await;
    polled_again(&world, "Afterwards").await;
    let ticket = world.shows(TRACKER, number, None).await;
    assert!(ticket.comments.is_empty() && !world.lines("runs").contains(&number.to_string()));
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

/// A process that dies after it dropped a job leaves the label. The reconciler takes it away and queues nothing.
async fn a_dropped_job_whose_label_stayed_is_not_queued_again(backend: Backend) {
    // Silence counts as soon as the data are as old as a heartbeat lasts.
    let (world, _) = with_times(1, (1, 4), 1).await;
    let stored = backend.open();
    let first = world.ask(TRACKER, "Runs");
    let app = world.start(stored.store.clone(), "one").await;
    runs(&world, first).await;
    let queued = world.ask(TRACKER, "Waits");
    waits_in_queue(&stored).await;
    world.board.remove_label(TRACKER, queued, "agent-smith").unwrap();
    // The store's half of a withdrawal, and nothing after it.
    let key = TicketKey::new(PlatformKind::GitHub, "api", queued.to_string());
    let removed = Withdrawal::new(Cause::TriggerRemoved, Some("ann"));
    assert!(matches!(stored.store.withdraw(&key, &removed).await.unwrap(), Withdrawn::Dropped(_)));
    world.shows(TRACKER, queued, None).await;
    eventually("the withdrawal is forgotten", async || {
        (stored.store.withdrawals(std::slice::from_ref(&key)).await.unwrap() == [None]).then_some(())
    })
    .await;
    // Now a label asks again.
    std::fs::write(world.path("go"), "").unwrap();
    world.board.add_label(TRACKER, queued, "agent-smith").unwrap();
    let ticket = world.ends(TRACKER, queued, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1);
    assert!(app.stop().await);
}

/// The same, and the next delivery about the ticket comes before the reconciler.
async fn a_later_look_finishes_what_another_process_left(backend: Backend) {
    let (world, _) = slow_heartbeats(1).await;
    let stored = backend.open();
    let first = world.ask(TRACKER, "Runs");
    let app = world.start(stored.store.clone(), "one").await;
    runs(&world, first).await;
    let queued = world.ask(TRACKER, "Waits");
    waits_in_queue(&stored).await;
    world.board.remove_label(TRACKER, queued, "agent-smith").unwrap();
    let key = TicketKey::new(PlatformKind::GitHub, "api", queued.to_string());
    let removed = Withdrawal::new(Cause::TriggerRemoved, Some("ann"));
    assert!(matches!(stored.store.withdraw(&key, &removed).await.unwrap(), Withdrawn::Dropped(_)));
    let door = world.door(stored.store.clone());
    assert_eq!(door.withdraw("api", queued, Recall::TicketChanged { by: None }).await, Withdrawn::Nothing);
    world.shows(TRACKER, queued, None).await;
    assert_eq!(stored.store.withdrawals(std::slice::from_ref(&key)).await.unwrap(), [None]);
    assert_eq!(stored.store.counts().await.unwrap().queued, 0);
    std::fs::write(world.path("go"), "").unwrap();
    world.ends(TRACKER, first, Lifecycle::Done).await;
    assert!(app.stop().await);
}

/// A cancelled ticket with its label still on it.
async fn cancelled(backend: Backend, reconcile_seconds: u64) -> (World, Stored, u64, agent_smith::app::App) {
    let (world, _) = with_times(4, (250, 600), reconcile_seconds).await;
    let stored = backend.open();
    let number = world.ask(TRACKER, "Maybe later");
    let app = world.start(stored.store.clone(), "one").await;
    runs(&world, number).await;
    let door = world.door(stored.store.clone());
    assert_eq!(door.withdraw("api", number, BY_ANN).await, Withdrawn::Stopping);
    world.reached(|board| !board.ticket(TRACKER, number).unwrap().comments.is_empty()).await;
    stored.is_left_clean("api", &[number]).await;
    std::fs::write(world.path("go"), "").unwrap();
    (world, stored, number, app)
}

async fn a_label_that_comes_back_asks_again(backend: Backend) {
    let (world, stored, number, app) = cancelled(backend, 3_600).await;
    let (door, key) =
        (world.door(stored.store.clone()), TicketKey::new(PlatformKind::GitHub, "api", number.to_string()));
    let recall = Recall::TicketChanged { by: Some("ann") };
    assert_eq!(door.withdraw("api", number, recall).await, Withdrawn::Nothing);
    let remembered = stored.store.withdrawals(std::slice::from_ref(&key)).await.unwrap();
    assert_ne!(remembered, [None], "the label is still there");
    world.board.remove_label(TRACKER, number, "agent-smith").unwrap();
    assert_eq!(door.withdraw("api", number, recall).await, Withdrawn::Nothing);
    assert_eq!(stored.store.withdrawals(std::slice::from_ref(&key)).await.unwrap(), [None]);
    world.board.add_label(TRACKER, number, "agent-smith").unwrap();
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

/// The reconciler looks each second here.
async fn a_label_that_comes_back_asks_again_without_webhooks(backend: Backend) {
    let (world, stored, number, app) = cancelled(backend, 1).await;
    world.board.remove_label(TRACKER, number, "agent-smith").unwrap();
    eventually("the reconciler has seen it", async || {
        stored.store.withdrawn_tickets().await.unwrap().is_empty().then_some(())
    })
    .await;
    world.board.add_label(TRACKER, number, "agent-smith").unwrap();
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(app.stop().await);
}

/// A project that is renamed while it has jobs does not keep them out of reach. A number alone is no proof: the ticket of
/// another tracker that has the same one shows no claim.
async fn a_job_under_a_name_that_the_file_lost_is_taken_back_too(backend: Backend) {
    let world = World::with(&[TRACKER, "org/other"]).await;
    let go = world.path("go").display().to_string();
    let step = format!(
        "echo $AGENTSMITH_TICKET_ID >> {}; while [ ! -e {go} ]; do sleep 0.05; done",
        world.path("runs").display()
    );
    let settings = Settings {
        slots: 1,
        heartbeat_ttl_seconds: 600,
        heartbeat_renew_seconds: 250,
        reconcile_interval_seconds: 3_600,
        ..Settings::steps(&[&step])
    };
    world.write_config(&Settings { projects: world.project("before", TRACKER), ..settings.clone() });
    let stored = backend.open();
    let number = world.ask(TRACKER, "Runs");
    let stranger = world.board.open_ticket("org/other", NewTicket::titled("Same number")).unwrap();
    assert_eq!(number, stranger);
    let app = world.start(stored.store.clone(), "one").await;
    runs(&world, number).await;
    let queued = world.ask(TRACKER, "Waits");
    waits_in_queue(&stored).await;

    let projects = format!("{}{}", world.project("after", TRACKER), world.project("other", "org/other"));
    world.write_config(&Settings { projects, ..settings });
    eventually("the new name is known", async || app.health.state_of("project:after").map(|_| ())).await;
    let door = world.door(stored.store.clone());
    assert_eq!(door.withdraw("other", stranger, BY_ANN).await, Withdrawn::Nothing, "it is not its job");
    let Withdrawn::Dropped(job) = door.withdraw("after", queued, BY_ANN).await else { panic!("it waited") };
    assert_eq!((job.key.project.as_str(), lifecycle(&world.board, TRACKER, queued)), ("before", None));
    world.board.close(TRACKER, number).unwrap();
    let recall = Recall::TicketChanged { by: Some("bob") };
    assert_eq!(door.withdraw("after", number, recall).await, Withdrawn::Stopping);
    world.shows(TRACKER, number, None).await;
    stored.is_left_clean("before", &[number, queued]).await;
    assert!(app.stop().await);
}
