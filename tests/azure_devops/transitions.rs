//! Transitions: which tags are on the ticket afterwards, whatever happens meanwhile.

use agent_smith::lifecycle::Lifecycle::{self, Done, Enqueued, Failed, InProgress, Pending};
use agent_smith::platform::Error;
use agent_smith::sim::azure_devops::SimOptions;
use agent_smith::sim::board::What;
use agent_smith::sim::{Fault, Match, Times};

use super::{BOUND, TOKEN, TRACKER, World, right};

#[tokio::test]
async fn a_transition_reads_and_writes_once_and_keeps_other_tags() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith", "agent-smith:pending", "Area: ü/1", "agent-smith:paused"]);
    let labels = world.azure.transition(&right(number), Some(Enqueued)).await.unwrap();
    let expected = ["agent-smith", "Area: ü/1", "agent-smith:paused", "agent-smith:enqueued"];
    assert_eq!(labels.iter().collect::<Vec<_>>(), expected);
    assert_eq!(world.labels(number), expected);
    assert_eq!(world.asked(), [format!("GET workitems/{number}"), format!("PATCH workitems/{number}")]);
}

/// What a claim does: it reads the ticket, then writes on what it read.
#[tokio::test]
async fn a_ticket_that_was_just_read_is_written_at_once() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith"]);
    world.azure.read(&number.to_string()).await.unwrap();
    for to in [Enqueued, InProgress, Done] {
        world.azure.transition(&right(number), Some(to)).await.unwrap();
        assert_eq!(world.labels(number), ["agent-smith", to.label()]);
    }
    let patch = format!("PATCH workitems/{number}");
    assert_eq!(world.asked(), [format!("GET workitems/{number}"), patch.clone(), patch.clone(), patch]);
}

#[tokio::test]
async fn every_state_follows_every_other() {
    let world = World::new().await;
    let number = world.ticket(&["x"]);
    for from in Lifecycle::ALL {
        for to in Lifecycle::ALL.into_iter().map(Some).chain([None]) {
            world.azure.transition(&right(number), Some(from)).await.unwrap();
            let labels = world.azure.transition(&right(number), to).await.unwrap();
            assert_eq!(Lifecycle::of(&labels), to);
            let mut expected = vec!["x"];
            expected.extend(to.map(Lifecycle::label));
            assert_eq!(world.labels(number), expected);
        }
    }
}

#[tokio::test]
async fn a_ticket_without_tags_gets_and_loses_its_only_one() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.azure.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
    let labels = world.azure.transition(&right(number), None).await.unwrap();
    assert_eq!((labels.iter().count(), world.labels(number).len()), (0, 0));
    world.azure.transition(&right(number), Some(Pending)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:pending"]);
}

#[tokio::test]
async fn a_tag_is_spelled_as_the_project_knows_it() {
    let world = World::new().await;
    world.ticket(&["Agent-Smith:DONE"]);
    let number = world.ticket(&["agent-smith:in-progress"]);
    let labels = world.azure.transition(&right(number), Some(Done)).await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["Agent-Smith:DONE"]);
}

#[tokio::test]
async fn what_is_shown_already_is_read_and_not_written() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:done"]);
    world.azure.read(&number.to_string()).await.unwrap();
    world.board.add_label(TRACKER, number, "agent-smith:pending").unwrap();
    // What was read says that there is nothing to do, which is not true any more.
    world.azure.transition(&right(number), Some(Done)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:done"]);
    world.faults().forget_requests();
    let revision = world.board.ticket(TRACKER, number).unwrap().revision;
    world.azure.transition(&right(number), Some(Done)).await.unwrap();
    assert_eq!(world.asked(), [format!("GET workitems/{number}")]);
    assert_eq!(world.board.ticket(TRACKER, number).unwrap().revision, revision);
}

#[tokio::test]
async fn what_a_person_changes_meanwhile_survives() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending", "old"]);
    let hold = world.faults().hold(Match::new("PATCH", "workitems"));
    let azure = world.azure.clone();
    let write = tokio::spawn(async move { azure.transition(&right(number), Some(Enqueued)).await });
    assert!(hold.reached(1, BOUND).await);
    world.board.add_label(TRACKER, number, "urgent").unwrap();
    world.board.remove_label(TRACKER, number, "old").unwrap();
    world.board.add_label(TRACKER, number, "agent-smith:failed").unwrap();
    drop(hold);
    let labels = write.await.unwrap().unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["urgent", "agent-smith:enqueued"]);
    assert_eq!(world.labels(number), ["urgent", "agent-smith:enqueued"]);
    let statuses: Vec<_> = world.faults().requests().iter().map(|request| request.status.unwrap()).collect();
    assert_eq!(statuses, [200, 412, 200, 200]);
}

/// Ten writers on one ticket: nobody's tag is lost, and one lifecycle tag is left.
#[tokio::test]
async fn writers_that_race_lose_nothing() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let azure = world.azure.clone();
    let ours = tokio::spawn(async move {
        for to in [Enqueued, InProgress, Failed, Pending, Enqueued, InProgress, Done] {
            // A conflict after many attempts is an honest answer; the caller comes again.
            while let Err(error) = azure.transition(&right(number), Some(to)).await {
                assert!(matches!(error, Error::Conflict(_)), "{error}");
            }
        }
    });
    for n in 0..60 {
        world.board.add_label(TRACKER, number, &format!("person {n}")).unwrap();
        let seen = world.arrived();
        // Lets a request or two go by between two edits.
        let bound = tokio::time::Instant::now() + BOUND;
        while !ours.is_finished() && world.arrived() < seen + 2 {
            assert!(tokio::time::Instant::now() < bound);
            tokio::task::yield_now().await;
        }
    }
    ours.await.unwrap();
    let labels = world.labels(number);
    assert_eq!(labels.iter().filter(|label| label.starts_with("person ")).count(), 60);
    let lifecycle: Vec<_> = labels.iter().filter(|label| label.starts_with("agent-smith:")).collect();
    assert_eq!(lifecycle, ["agent-smith:done"]);
}

#[tokio::test]
async fn somebody_who_never_stops_saving_is_a_conflict() {
    for status in [412, 409] {
        let world = World::new().await;
        let number = world.ticket(&["agent-smith:pending"]);
        world.faults().fail(Match::new("PATCH", ""), Times::Always, Fault::status(status));
        let error = world.azure.transition(&right(number), Some(Enqueued)).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)) && error.is_temporary(), "{error}");
        assert_eq!(world.arrived(), 12, "six times read and tried");
    }
}

#[tokio::test]
async fn a_transition_outlives_lost_answers_and_writes_once() {
    for fault in [Fault::LoseAnswer, Fault::CarryOutThen(502)] {
        let world = World::new().await;
        let number = world.ticket(&["agent-smith:pending"]);
        world.faults().fail(Match::new("PATCH", "workitems"), Times::Next(1), fault);
        world.azure.transition(&right(number), Some(Enqueued)).await.unwrap();
        assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
        let added = What::LabelAdded("agent-smith:enqueued".to_owned());
        assert_eq!(world.board.history_of(TRACKER, number).iter().filter(|event| event.what == added).count(), 1);
    }
}

#[tokio::test]
async fn a_ticket_that_is_deleted_meanwhile_is_not_found() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.azure.read(&number.to_string()).await.unwrap();
    world.board.delete(TRACKER, number).unwrap();
    let result = world.azure.transition(&right(number), Some(Enqueued)).await;
    assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
}

#[tokio::test]
async fn missing_rights_are_named_with_their_cure() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.board.set_can_write(TRACKER, false).unwrap();
    for to in [Some(Enqueued), None] {
        let error = world.azure.transition(&right(number), to).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
        assert!(
            error.to_string().contains("Work Items (read & write)") && !error.to_string().contains(TOKEN),
            "{error}"
        );
    }
    assert_eq!(world.labels(number), ["agent-smith:pending"]);

    let world = World::with(SimOptions { may_create_tags: false, ..SimOptions::default() }).await;
    let number = world.ticket(&["agent-smith:pending"]);
    let error = world.azure.transition(&right(number), Some(Enqueued)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    assert!(error.to_string().contains("Create tag definition"), "{error}");
    world.azure.transition(&right(number), None).await.unwrap();
    assert_eq!(world.labels(number), [""; 0], "a tag that is there may be used and removed");
}

#[tokio::test]
async fn a_write_without_effect_is_no_success() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let body = r#"{"id":1,"rev":2,"fields":{"System.State":"New","System.Tags":"agent-smith:pending"}}"#.to_owned();
    let fault = Fault::Answer { status: 200, headers: Vec::new(), content_type: "application/json".to_owned(), body };
    world.faults().fail(Match::new("PATCH", ""), Times::Always, fault);
    let error = world.azure.transition(&right(number), Some(Enqueued)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("no effect"), "{error}");
}
