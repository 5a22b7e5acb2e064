//! What a person may ask for by hand, which pipeline a label starts, and what is repaired: the real app on each platform.

use agent_smith::claim::{Claim, Rejection};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::Board;

use crate::house::{Backend, House};
use crate::on_every_platform;
use crate::rig::{Rig, TRIGGER};
use crate::support::world::{BOUND, eventually};

on_every_platform!(
    pending_asks_for_a_run_without_a_trigger_label,
    a_ticket_asks_again_without_done_and_beside_it,
    a_closed_ticket_is_never_claimed,
    the_first_trigger_label_in_file_order_decides_in_any_case,
    without_the_trigger_label_a_running_job_stops_and_a_queued_one_is_taken_back,
    a_removed_in_progress_label_comes_back,
    what_a_crash_left_behind_runs_and_a_closed_ticket_loses_its_label,
    several_claims_at_once_are_one_job,
    a_ticket_that_does_not_ask_is_not_claimed,
);

async fn reached(house: &House, reached: impl Fn(&Board) -> bool) {
    house.rig.board.wait_until(reached, BOUND).await.unwrap();
}

async fn comments_are(house: &House, number: u64, count: usize) {
    let tracker = house.rig.tracker;
    reached(house, |board| board.ticket(tracker, number).unwrap().comments.len() == count).await;
}

async fn shows(house: &House, number: u64, state: Option<Lifecycle>) {
    let tracker = house.rig.tracker;
    reached(house, |board| Lifecycle::of(&board.ticket(tracker, number).unwrap().labels) == state).await;
}

/// A house whose step runs until the file `go` appears.
fn waiting(rig: Rig) -> House {
    let house = House::with(rig, Backend::Embedded, "true");
    let (began, go) = (house.path("began"), house.path("go"));
    let step = format!("touch {}; while [ ! -e {} ]; do sleep 0.05; done", began.display(), go.display());
    house.write_config(&house.rig.section("api"), &step);
    house
}

async fn began(house: &House) {
    eventually("the step has begun", async || house.path("began").exists().then_some(())).await;
}

async fn pending_asks_for_a_run_without_a_trigger_label(rig: Rig) {
    let number = rig.ticket(&["bug", "Agent-Smith:Pending"]);
    let house = House::with(rig, Backend::Embedded, "true");
    let app = house.start().await;
    house.ends(number, Lifecycle::Done).await;
    assert_eq!(house.rig.labels(number), [Lifecycle::Done.label(), "bug"]);
    assert!(app.stop().await);
}

async fn a_ticket_asks_again_without_done_and_beside_it(rig: Rig) {
    let number = rig.ticket(&[TRIGGER]);
    let house = House::with(rig, Backend::Embedded, "true");
    let (board, tracker) = (house.rig.board.clone(), house.rig.tracker);
    let app = house.start().await;
    house.ends(number, Lifecycle::Done).await;
    board.remove_label(tracker, number, Lifecycle::Done.label()).unwrap();
    comments_are(&house, number, 2).await;
    house.ends(number, Lifecycle::Done).await;
    board.add_label(tracker, number, Lifecycle::Pending.label()).unwrap();
    comments_are(&house, number, 3).await;
    house.ends(number, Lifecycle::Done).await;
    assert_eq!(house.rig.labels(number), [TRIGGER, Lifecycle::Done.label()]);
    house.is_left_clean(&[number]).await;
    assert!(app.stop().await);
}

async fn a_closed_ticket_is_never_claimed(rig: Rig) {
    let closed = rig.ticket(&[TRIGGER, Lifecycle::Pending.label()]);
    rig.board.close(rig.tracker, closed).unwrap();
    let open = rig.ticket(&[TRIGGER]);
    let house = House::with(rig, Backend::Embedded, "true");
    let app = house.start().await;
    house.ends(open, Lifecycle::Done).await;
    let later = house.rig.ticket(&[TRIGGER]);
    house.ends(later, Lifecycle::Done).await;
    assert!(house.ticket(closed).comments.is_empty());
    assert_eq!(house.rig.labels(closed), [TRIGGER, Lifecycle::Pending.label()]);
    assert!(app.stop().await);
}

async fn the_first_trigger_label_in_file_order_decides_in_any_case(rig: Rig) {
    let both = rig.ticket(&["agent-smith", "Review"]);
    let one = rig.ticket(&["agent-smith"]);
    let neither = rig.ticket(&[Lifecycle::Pending.label()]);
    let house = House::with(rig, Backend::Embedded, "true");
    let labels = "review: read-it, agent-smith: fix-bug";
    let project = house.rig.section("api").replace("agent-smith: fix-bug", labels);
    let project = project.replace("    polling:", "    pipeline: read-it\n    polling:");
    let runs = house.path("runs");
    let step = format!("echo $AGENTSMITH_TICKET_ID $AGENTSMITH_PIPELINE >> {}", runs.display());
    house.write_config_with(&project, &["fix-bug", "read-it"], &step);
    let app = house.start().await;
    for number in [both, one, neither] {
        house.ends(number, Lifecycle::Done).await;
    }
    let id = |number| house.rig.id(number);
    let mut expected =
        [format!("{} read-it", id(both)), format!("{} fix-bug", id(one)), format!("{} read-it", id(neither))];
    expected.sort();
    assert_eq!(house.lines("runs"), expected);
    assert!(app.stop().await);
}

async fn without_the_trigger_label_a_running_job_stops_and_a_queued_one_is_taken_back(rig: Rig) {
    let running = rig.ticket(&[TRIGGER]);
    let house = waiting(rig);
    let (board, tracker) = (house.rig.board.clone(), house.rig.tracker);
    let mut slots = Vec::new();
    let app = house.start().await;
    began(&house).await;
    // Three more fill the slots of the process; the next one waits.
    for _ in 0..3 {
        slots.push(house.rig.ticket(&[TRIGGER]));
    }
    for number in &slots {
        shows(&house, *number, Some(Lifecycle::InProgress)).await;
    }
    let queued = house.rig.ticket(&[TRIGGER]);
    shows(&house, queued, Some(Lifecycle::Enqueued)).await;
    board.close(tracker, queued).unwrap();
    board.remove_label(tracker, running, TRIGGER).unwrap();
    comments_are(&house, running, 1).await;
    shows(&house, running, None).await;
    let said = &house.ticket(running).comments[0].body;
    assert!(said.contains("trigger label was removed"), "{said}");
    shows(&house, queued, None).await;
    assert!(house.ticket(queued).comments.is_empty(), "it never ran");
    std::fs::write(house.path("go"), "").unwrap();
    for number in slots {
        house.ends(number, Lifecycle::Done).await;
    }
    house.is_left_clean(&[running, queued]).await;
    assert!(app.stop().await);
}

async fn a_removed_in_progress_label_comes_back(rig: Rig) {
    let number = rig.ticket(&[TRIGGER]);
    let house = waiting(rig);
    let app = house.start().await;
    began(&house).await;
    house.rig.board.remove_label(house.rig.tracker, number, Lifecycle::InProgress.label()).unwrap();
    shows(&house, number, Some(Lifecycle::InProgress)).await;
    std::fs::write(house.path("go"), "").unwrap();
    assert_eq!(house.ends(number, Lifecycle::Done).await.comments.len(), 1, "it ran once");
    assert!(app.stop().await);
}

async fn what_a_crash_left_behind_runs_and_a_closed_ticket_loses_its_label(rig: Rig) {
    let enqueued = rig.ticket(&[TRIGGER, Lifecycle::Enqueued.label()]);
    let stale = rig.ticket(&[TRIGGER, Lifecycle::InProgress.label()]);
    let closed = [Lifecycle::Enqueued, Lifecycle::InProgress].map(|state| rig.ticket(&[TRIGGER, state.label()]));
    for number in closed {
        rig.board.close(rig.tracker, number).unwrap();
    }
    let house = House::with(rig, Backend::Embedded, "true");
    let app = house.start().await;
    for number in [enqueued, stale] {
        assert_eq!(house.ends(number, Lifecycle::Done).await.comments.len(), 1);
    }
    for number in closed {
        shows(&house, number, None).await;
        assert!(house.ticket(number).comments.is_empty());
    }
    house.is_left_clean(&[enqueued, stale]).await;
    assert!(app.stop().await);
}

/// A retried claim, a listing that lags and another replica all offer a ticket that was claimed a moment ago.
async fn several_claims_at_once_are_one_job(rig: Rig) {
    let number = rig.ticket(&[TRIGGER]);
    let house = House::with(rig, Backend::Embedded, "true");
    let (one, two, three) = tokio::join!(house.claim(number), house.claim(number), house.claim(number));
    let won = |claim: &Claim| matches!(claim, Claim::Claimed(_));
    assert_eq!([&one, &two, &three].into_iter().filter(|claim| won(claim)).count(), 1, "{one:?} {two:?} {three:?}");
    assert!(!won(&house.claim(number).await), "its job is queued");
    house.rig.board.remove_label(house.rig.tracker, number, Lifecycle::Enqueued.label()).unwrap();
    assert!(!won(&house.claim(number).await), "the store decides, not the label");
    assert_eq!(house.queued().await, 1);
}

/// Whoever offers it, and whatever the offer says.
async fn a_ticket_that_does_not_ask_is_not_claimed(rig: Rig) {
    let unasked = rig.ticket(&["bug"]);
    let closed = rig.ticket(&[TRIGGER]);
    rig.board.close(rig.tracker, closed).unwrap();
    let finished = rig.ticket(&[TRIGGER, "Agent-Smith:Done"]);
    let house = House::with(rig, Backend::Embedded, "true");
    let before = [unasked, closed, finished].map(|number| house.rig.labels(number));
    assert_eq!(house.claim(unasked).await, Claim::Rejected(Rejection::NoTriggerLabel));
    assert_eq!(house.claim(closed).await, Claim::Rejected(Rejection::Closed));
    let answer = house.claim(finished).await;
    assert!(matches!(&answer, Claim::AlreadyClaimed(_)), "{answer:?}");
    assert!(matches!(house.claim(999).await, Claim::Rejected(Rejection::Gone(_))));
    assert_eq!([unasked, closed, finished].map(|number| house.rig.labels(number)), before);
    house.is_left_clean(&[unasked, closed, finished, 999]).await;
}
