//! What a transition writes, in which order, and when it refuses.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle::{Done, Enqueued, InProgress, Pending};
use agent_smith::platform::Error;
use agent_smith::sim::board::What;
use agent_smith::sim::{Fault, Match, Times};

use super::{REPO, TOKEN, World, right, right_for};

const BOUND: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_new_label_is_added_before_the_others_are_deleted() {
    let world = World::new().await;
    let number = world.ticket(&["bug", "agent-smith:failed", "Agent-Smith:Pending"]);
    let labels = world.github.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["bug", "agent-smith:enqueued"]);
    assert_eq!(world.labels(number), ["bug", "agent-smith:enqueued"]);
    assert_eq!(
        world.asked(),
        [
            "POST /labels",
            "POST /issues/1/labels",
            "DELETE /issues/1/labels/agent-smith:failed",
            "DELETE /issues/1/labels/Agent-Smith:Pending",
        ]
    );
    world.faults().forget_requests();
    // The repository's spelling of a label is the first that anybody used.
    let second = world.ticket(&["agent-smith:pending"]);
    world.github.transition(&right(second), Some(Enqueued)).await.unwrap();
    assert_eq!(world.asked(), ["POST /issues/2/labels", "DELETE /issues/2/labels/Agent-Smith:Pending"]);
}

#[tokio::test]
async fn a_missing_label_is_created_with_colour_and_description() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for state in [Pending, Enqueued, InProgress, Done] {
        world.github.transition(&right(number), Some(state)).await.unwrap();
        let label = world.board.label(REPO, state.label()).unwrap();
        assert!(label.color != "ededed" && label.description.is_some(), "{label:?}");
    }
    assert_eq!(world.labels(number), ["agent-smith:done"]);
}

#[tokio::test]
async fn a_label_that_cannot_be_created_beforehand_is_created_by_adding_it() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.faults().fail(Match::new("POST", "/my-api/labels"), Times::Always, Fault::status(404));
    world.github.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
}

#[tokio::test]
async fn what_a_person_adds_meanwhile_survives_and_what_they_remove_is_no_error() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let hold = world.faults().hold(Match::new("DELETE", "pending"));
    let github = world.github.clone();
    let write = tokio::spawn(async move { github.transition(&right(number), Some(Enqueued)).await });
    assert!(hold.reached(1, BOUND).await);
    world.board.add_label(REPO, number, "urgent").unwrap();
    world.board.remove_label(REPO, number, "agent-smith:pending").unwrap();
    world.board.add_label(REPO, number, "agent-smith:done").unwrap();
    drop(hold);
    // The answer to the deletion is 404 and does not show what was added.
    let labels = write.await.unwrap().unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["agent-smith:enqueued", "urgent"]);
    assert_eq!(world.labels(number), ["agent-smith:enqueued", "urgent"]);
}

#[tokio::test]
async fn a_ticket_that_is_deleted_meanwhile_is_not_found() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let gone = Fault::status(404);
    world.faults().fail(Match::new("DELETE", "pending"), Times::Next(1), gone.clone());
    world.faults().fail(Match::new("GET", "labels"), Times::Next(1), gone);
    let result = world.github.transition(&right(number), Some(Enqueued)).await;
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
}

#[tokio::test]
async fn a_target_that_a_person_removes_meanwhile_is_a_conflict() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let hold = world.faults().hold(Match::new("DELETE", "pending"));
    let github = world.github.clone();
    let write = tokio::spawn(async move { github.transition(&right(number), Some(Enqueued)).await });
    assert!(hold.reached(1, BOUND).await);
    world.board.remove_label(REPO, number, "agent-smith:enqueued").unwrap();
    drop(hold);
    assert!(matches!(write.await.unwrap(), Err(Error::Conflict(_))));
}

#[tokio::test]
async fn a_write_that_github_drops_in_silence_is_unauthorized() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let bare = world.ticket(&[]);
    world.board.set_can_write(REPO, false).unwrap();
    for (number, to) in [(number, Some(Enqueued)), (number, None), (bare, Some(Enqueued))] {
        let error = world.github.transition(&right(number), to).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
        assert!(error.to_string().contains("Issues: write") && !error.to_string().contains(TOKEN), "{error}");
    }
    assert_eq!(world.labels(number), ["agent-smith:pending"]);
}

#[tokio::test]
async fn a_transition_outlives_lost_answers_and_adds_once() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.faults().fail(Match::new("POST", "/issues/"), Times::Next(1), Fault::LoseAnswer);
    world.faults().fail(Match::new("DELETE", "pending"), Times::Next(1), Fault::CarryOutThen(502));
    world.github.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
    let added = What::LabelAdded("agent-smith:enqueued".to_owned());
    assert_eq!(world.board.history_of(REPO, number).iter().filter(|event| event.what == added).count(), 1);
}

#[tokio::test]
async fn a_right_that_runs_out_on_the_way_ends_the_wait() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.faults().fail(Match::new("DELETE", "pending"), Times::Always, Fault::Hang);
    let right = right_for(number, Duration::from_millis(1_500));
    assert!(matches!(world.github.transition(&right, Some(Enqueued)).await, Err(Error::Conflict(_))));
    assert_eq!(world.labels(number), ["agent-smith:pending", "agent-smith:enqueued"], "readable as Enqueued");
}

#[tokio::test]
async fn a_right_that_is_renewed_on_the_way_goes_on() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let hold = world.faults().hold(Match::new("DELETE", "pending"));
    let right = right_for(number, Duration::from_secs(2));
    let renewed = right.clone();
    let github = world.github.clone();
    let write = tokio::spawn(async move { github.transition(&right, Some(Enqueued)).await });
    assert!(hold.reached(1, BOUND).await);
    renewed.extend(tokio::time::Instant::now(), Duration::from_secs(60));
    drop(hold);
    write.await.unwrap().unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
}
