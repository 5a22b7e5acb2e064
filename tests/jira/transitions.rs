//! What a transition writes, what it leaves alone, and when it refuses.

use agent_smith::lifecycle::Lifecycle::{Done, Enqueued, InProgress};
use agent_smith::platform::Error;
use agent_smith::sim::board::What;
use agent_smith::sim::jira::SimOptions;
use agent_smith::sim::{Fault, Match, Times};

use super::{BOUND, PROJECT, World, answer, refusal, right};

const PUT: &str = "PUT /3/issue/PROJ-1";
const GET: &str = "GET /3/issue/PROJ-1";

#[tokio::test]
async fn one_update_and_one_read_show_the_new_state() {
    let world = World::new().await;
    let number = world.ticket(&["bug", "agent-smith:pending", "agent-smith:failed"]);
    let labels = world.jira.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["bug", "agent-smith:enqueued"]);
    assert_eq!(world.labels(number), ["bug", "agent-smith:enqueued"]);
    assert_eq!(world.asked(), [PUT, GET]);
}

#[tokio::test]
async fn every_spelling_of_a_lifecycle_label_goes_and_people_keep_theirs() {
    let world = World::new().await;
    let people = ["Bug", "agent-smith", "agent-smith:paused", "Agent-Smithy"];
    let mut labels = people.to_vec();
    labels.extend(["AGENT-SMITH:done", "Agent-Smith:Enqueued", "agent-smith:enqueued", "agent-smith:pending"]);
    let number = world.ticket(&labels);
    world.jira.transition(&right(number), Some(InProgress)).await.unwrap();
    assert_eq!(world.labels(number), [&people[..], &["agent-smith:in-progress"]].concat());
    world.board.add_label(PROJECT, number, "Agent-Smith:In-Progress").unwrap();
    let left = world.jira.transition(&right(number), None).await.unwrap();
    assert_eq!(left.iter().collect::<Vec<_>>(), people);
    assert_eq!(world.labels(number), people);
}

#[tokio::test]
async fn what_a_person_changes_meanwhile_survives() {
    let world = World::new().await;
    let number = world.ticket(&["bug", "agent-smith:pending"]);
    let hold = world.faults().hold(Match::new("PUT", ""));
    let jira = world.jira.clone();
    let write = tokio::spawn(async move { jira.transition(&right(number), Some(Enqueued)).await });
    assert!(hold.reached(1, BOUND).await);
    world.board.add_label(PROJECT, number, "urgent").unwrap();
    world.board.remove_label(PROJECT, number, "bug").unwrap();
    world.board.remove_label(PROJECT, number, "agent-smith:pending").unwrap();
    drop(hold);
    let labels = write.await.unwrap().unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["urgent", "agent-smith:enqueued"]);
}

#[tokio::test]
async fn a_target_that_a_person_removes_meanwhile_is_shown_again_and_given_up_in_the_end() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let hold = world.faults().hold(Match::new("GET", "issue"));
    let jira = world.jira.clone();
    let write = tokio::spawn(async move { jira.transition(&right(number), Some(Enqueued)).await });
    assert!(hold.reached(1, BOUND).await);
    world.board.remove_label(PROJECT, number, "agent-smith:enqueued").unwrap();
    drop(hold);
    write.await.unwrap().unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
    let stale = answer(200, r#"{"key":"PROJ-1","fields":{"labels":["agent-smith:pending"]}}"#);
    world.faults().fail(Match::new("GET", "issue"), Times::Always, stale);
    assert!(matches!(world.jira.transition(&right(number), Some(Done)).await, Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_conflict_is_tried_again_a_few_times() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let conflict = refusal(409, "could not be updated due to a conflicting update");
    world.faults().fail(Match::new("PUT", ""), Times::Next(4), conflict.clone());
    world.jira.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
    world.faults().forget_requests();
    world.faults().fail(Match::new("PUT", ""), Times::Always, conflict);
    let error = world.jira.transition(&right(number), Some(Done)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)) && error.to_string().contains("PROJ-1"), "{error}");
    assert_eq!(world.asked(), [PUT; 5]);
}

#[tokio::test]
async fn a_transition_outlives_lost_answers_and_writes_once() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.faults().fail(Match::new("PUT", ""), Times::Next(1), Fault::LoseAnswer);
    world.faults().fail(Match::new("PUT", ""), Times::Next(1), Fault::CarryOutThen(502));
    world.jira.transition(&right(number), Some(Enqueued)).await.unwrap();
    let added = What::LabelAdded("agent-smith:enqueued".to_owned());
    assert_eq!(world.board.history_of(PROJECT, number).iter().filter(|event| event.what == added).count(), 1);
}

/// Whoever is told "refused" drops the claim, so that nothing behind an accepted update may sound like it.
#[tokio::test]
async fn an_update_that_cannot_be_verified_is_not_reported_as_refused() {
    for fault in
        [Fault::status(429).header("retry-after", "60"), Fault::status(401), Fault::status(403), Fault::html_page(200)]
    {
        let world = World::new().await;
        let number = world.ticket(&["agent-smith:pending"]);
        world.faults().fail(Match::new("GET", "issue"), Times::Always, fault.clone());
        let error = world.jira.transition(&right(number), Some(Enqueued)).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{fault:?}: {error:?}");
        assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
    }
}

#[tokio::test]
async fn missing_rights_are_named_with_their_cure() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.board.set_can_write(PROJECT, false).unwrap();
    let error = world.jira.transition(&right(number), Some(Enqueued)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("Edit Issues"), "{error}");

    let world = World::with(SimOptions { labels_on_screen: false, ..SimOptions::default() }).await;
    let number = world.ticket(&["agent-smith:pending"]);
    let error = world.jira.transition(&right(number), Some(Enqueued)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("edit screen"), "{error}");
    assert!(error.to_string().contains("Field 'labels' cannot be set"), "what Jira says is passed on: {error}");
    assert_eq!(world.labels(number), ["agent-smith:pending"]);
}

#[tokio::test]
async fn a_ticket_that_is_deleted_or_moved_meanwhile_is_named() {
    let world = World::new().await;
    world.board.add_tracker("ELSE").unwrap();
    let (deleted, moved) = (world.ticket(&[]), world.ticket(&["agent-smith:pending"]));
    world.board.delete(PROJECT, deleted).unwrap();
    let error = world.jira.transition(&right(deleted), Some(Enqueued)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    world.board.transfer(PROJECT, moved, "ELSE").unwrap();
    let error = world.jira.transition(&right(moved), Some(Enqueued)).await.unwrap_err();
    assert!(matches!(&error, Error::Moved { to, .. } if to.ends_with("/browse/ELSE-1")), "{error}");
}
