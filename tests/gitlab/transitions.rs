//! What a transition writes, and when it refuses.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle::{Done, Enqueued, InProgress, Pending};
use agent_smith::platform::{Error, open};
use agent_smith::sim::board::{NewTicket, What};
use agent_smith::sim::gitlab::SimOptions;
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, TOKEN, World, right, tracker};

const BOUND: Duration = Duration::from_secs(5);

#[tokio::test]
async fn one_write_adds_the_new_label_and_removes_the_others() {
    let world = World::new().await;
    let number = world.ticket(&["bug", "agent-smith:failed", "agent-smith:pending"]);
    let labels = world.gitlab.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["bug", "agent-smith:enqueued"]);
    assert_eq!(world.labels(number), ["bug", "agent-smith:enqueued"]);
    assert_eq!(world.asked(), ["POST /labels", "PUT /issues/1"]);
    world.faults().forget_requests();
    let second = world.ticket(&["agent-smith:pending"]);
    world.gitlab.transition(&right(second), Some(Enqueued)).await.unwrap();
    assert_eq!(world.asked(), ["PUT /issues/2"]);
}

#[tokio::test]
async fn every_spelling_of_a_lifecycle_label_goes() {
    let world = World::new().await;
    let number = world.ticket(&["Bug", "Agent-Smith:Pending", "AGENT-SMITH:ENQUEUED", "agent-smith:done"]);
    let labels = world.gitlab.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["Bug", "agent-smith:enqueued"]);
    assert_eq!(world.labels(number), ["Bug", "agent-smith:enqueued"]);
    assert_eq!(world.asked(), ["POST /labels", "PUT /issues/1", "PUT /issues/1"]);
    let other = world.ticket(&["Agent-Smith:Done", "Bug"]);
    world.gitlab.transition(&right(other), None).await.unwrap();
    assert_eq!(world.labels(other), ["Bug"]);
}

#[tokio::test]
async fn a_missing_label_is_created_with_colour_and_description() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for state in [Pending, Enqueued, InProgress, Done] {
        world.gitlab.transition(&right(number), Some(state)).await.unwrap();
        let label = world.board.label(PROJECT, state.label()).unwrap();
        assert!(label.color != "ededed" && label.description.is_some(), "{label:?}");
    }
    assert_eq!(world.labels(number), ["agent-smith:done"]);
}

#[tokio::test]
async fn a_label_that_cannot_be_created_beforehand_is_created_by_adding_it() {
    for fault in [Fault::status(403), Fault::status(404), Fault::status(409), Fault::status(500), Fault::Close] {
        let world = World::new().await;
        let number = world.ticket(&[]);
        world.faults().fail(Match::new("POST", "/labels"), Times::Always, fault);
        world.gitlab.transition(&right(number), Some(Enqueued)).await.unwrap();
        assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
    }
}

#[tokio::test]
async fn what_a_person_changes_meanwhile_survives() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending", "old"]);
    let hold = world.faults().hold(Match::new("PUT", ""));
    let gitlab = world.gitlab.clone();
    let write = tokio::spawn(async move { gitlab.transition(&right(number), Some(Enqueued)).await });
    assert!(hold.reached(1, BOUND).await);
    world.board.add_label(PROJECT, number, "urgent").unwrap();
    world.board.remove_label(PROJECT, number, "old").unwrap();
    world.board.add_label(PROJECT, number, "agent-smith:done").unwrap();
    drop(hold);
    let labels = write.await.unwrap().unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["urgent", "agent-smith:enqueued"]);
    assert_eq!(world.labels(number), ["urgent", "agent-smith:enqueued"]);
}

/// Two writers at once leave a label twice; it is one label all the same.
#[tokio::test]
async fn doubled_labels_and_two_lifecycle_labels_are_repaired() {
    let world = World::with(SimOptions { doubles_labels: true, ..SimOptions::default() }).await;
    let number = world.ticket(&["agent-smith:pending"]);
    for _ in 0..2 {
        let labels = world.gitlab.transition(&right(number), Some(Enqueued)).await.unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), ["agent-smith:enqueued"]);
    }
    world.board.add_label(PROJECT, number, "agent-smith:pending").unwrap();
    let ticket = world.gitlab.read(&number.to_string()).await.unwrap();
    assert_eq!(ticket.labels.iter().collect::<Vec<_>>(), ["agent-smith:enqueued", "agent-smith:pending"]);
    let labels = world.gitlab.transition(&right(number), Some(InProgress)).await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["agent-smith:in-progress"]);
}

#[tokio::test]
async fn a_conflict_is_tried_again_and_not_for_ever() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.faults().fail(Match::new("PUT", ""), Times::Next(2), Fault::status(409));
    world.gitlab.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
    world.faults().fail(Match::new("PUT", ""), Times::Always, Fault::status(409));
    world.faults().forget_requests();
    let error = world.gitlab.transition(&right(number), Some(Done)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)) && error.is_temporary(), "{error}");
    assert_eq!(world.asked(), ["POST /labels", "PUT /issues/1", "PUT /issues/1", "PUT /issues/1"]);
}

#[tokio::test]
async fn a_ticket_that_is_gone_is_not_found_and_one_that_was_moved_says_so() {
    let world = World::new().await;
    let deleted = world.ticket(&["agent-smith:pending"]);
    world.board.delete(PROJECT, deleted).unwrap();
    for to in [Some(Enqueued), None] {
        let result = world.gitlab.transition(&right(deleted), to).await;
        assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
    }
    world.board.add_tracker("group/elsewhere").unwrap();
    let moved = world.ticket(&["agent-smith:pending"]);
    world.board.transfer(PROJECT, moved, "group/elsewhere").unwrap();
    let result = world.gitlab.transition(&right(moved), Some(Enqueued)).await;
    assert!(matches!(result, Err(Error::Moved { .. })), "{result:?}");
}

#[tokio::test]
async fn a_write_without_the_right_is_unauthorized_whether_refused_or_dropped() {
    let world = World::new().await;
    let refused = world.ticket(&["agent-smith:pending"]);
    let as_author = world.board.acting_as("smith");
    let new = || NewTicket::titled("own").label("agent-smith:pending");
    let dropped = as_author.open_ticket(PROJECT, new()).unwrap();
    world.board.set_can_write(PROJECT, false).unwrap();
    for (number, word) in [(refused, "forbidden"), (dropped, "no effect")] {
        for to in [Some(Enqueued), None] {
            let error = world.gitlab.transition(&right(number), to).await.unwrap_err();
            assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains(word), "{error}");
            assert!(error.to_string().contains("role Planner") && !error.to_string().contains(TOKEN), "{error}");
            assert_eq!(world.labels(number), ["agent-smith:pending"]);
        }
    }
}

#[tokio::test]
async fn a_token_that_may_only_read_is_told_which_scope_it_needs() {
    let world = World::with(SimOptions { read_only_token: true, ..SimOptions::default() }).await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.gitlab.check_access().await.unwrap();
    let error = world.gitlab.transition(&right(number), Some(Enqueued)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unauthorized { cure, .. } if cure == "GITLAB_TOKEN needs the scope api"),
        "{error}"
    );
}

#[tokio::test]
async fn a_transition_outlives_lost_answers_and_adds_once() {
    for fault in [Fault::LoseAnswer, Fault::CarryOutThen(502)] {
        let world = World::new().await;
        let number = world.ticket(&["agent-smith:pending"]);
        world.faults().fail(Match::new("PUT", ""), Times::Next(2), fault);
        world.gitlab.transition(&right(number), Some(Enqueued)).await.unwrap();
        assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
        let added = What::LabelAdded("agent-smith:enqueued".to_owned());
        assert_eq!(world.board.history_of(PROJECT, number).iter().filter(|event| event.what == added).count(), 1);
    }
}

#[tokio::test]
async fn a_write_under_the_old_name_of_a_project_says_where_it_is() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.board.move_tracker(PROJECT, "group/renamed").unwrap();
    let page = world.sim.page_url("group/renamed");
    for to in [Some(Enqueued), None] {
        let error = world.gitlab.transition(&right(number), to).await.unwrap_err();
        assert!(matches!(&error, Error::Moved { to, .. } if *to == page), "{error}");
    }
    let new = open(&tracker(&world.sim, "group/renamed", Some(TOKEN)), &world.http).unwrap();
    new.transition(&right(number), Some(Enqueued)).await.unwrap();
}
