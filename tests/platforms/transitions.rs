//! What a transition writes, what it leaves alone, and when it refuses.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::Error;
use agent_smith::sim::{Fault, Match, Times};

use crate::on_every_platform;
use crate::rig::{BOUND, Rig, TRIGGER};

on_every_platform!(
    a_ticket_goes_through_its_states_with_one_lifecycle_label,
    leftovers_of_a_crash_are_removed,
    no_state_removes_every_lifecycle_label_and_no_other,
    a_repeated_transition_changes_nothing,
    a_label_that_a_person_adds_at_the_same_moment_survives,
    a_right_that_has_run_out_writes_nothing,
    a_right_that_runs_out_on_the_way_ends_the_wait,
    missing_rights_are_named_and_nothing_is_claimed,
);

async fn a_ticket_goes_through_its_states_with_one_lifecycle_label(rig: Rig) {
    let number = rig.ticket(&[TRIGGER, "bug"]);
    for state in [Lifecycle::Enqueued, Lifecycle::InProgress, Lifecycle::Done, Lifecycle::Pending, Lifecycle::Failed] {
        let labels = rig.platform.transition(&rig.right(number), Some(state)).await.unwrap();
        assert_eq!(Lifecycle::of(&labels), Some(state));
        assert_eq!(rig.labels(number), [TRIGGER, state.label(), "bug"]);
    }
}

async fn leftovers_of_a_crash_are_removed(rig: Rig) {
    let number = rig.ticket(&["bug", Lifecycle::Pending.label(), Lifecycle::Failed.label(), "AGENT-SMITH:Done"]);
    rig.platform.transition(&rig.right(number), Some(Lifecycle::Enqueued)).await.unwrap();
    assert_eq!(rig.labels(number), [Lifecycle::Enqueued.label(), "bug"]);
}

async fn no_state_removes_every_lifecycle_label_and_no_other(rig: Rig) {
    let (running, waits) = (Lifecycle::InProgress.label(), Lifecycle::Pending.label());
    let number = rig.ticket(&["bug", running, waits, TRIGGER, "agent-smith:paused"]);
    let labels = rig.platform.transition(&rig.right(number), None).await.unwrap();
    assert_eq!(Lifecycle::of(&labels), None);
    assert_eq!(rig.labels(number), [TRIGGER, "agent-smith:paused", "bug"], "a name of ours that is no state stays");
    let bare = rig.ticket(&[]);
    rig.platform.transition(&rig.right(bare), None).await.unwrap();
    assert_eq!(rig.labels(bare), Vec::<String>::new());
}

async fn a_repeated_transition_changes_nothing(rig: Rig) {
    let number = rig.ticket(&["bug"]);
    for _ in 0..2 {
        rig.platform.transition(&rig.right(number), Some(Lifecycle::Enqueued)).await.unwrap();
        assert_eq!(rig.labels(number), [Lifecycle::Enqueued.label(), "bug"]);
    }
}

/// Between what the client has seen and what it writes, a person adds a label.
async fn a_label_that_a_person_adds_at_the_same_moment_survives(rig: Rig) {
    let number = rig.ticket(&["bug", Lifecycle::Pending.label()]);
    // A first transition, so that whatever a client does only once is done.
    rig.platform.transition(&rig.right(number), Some(Lifecycle::Pending)).await.unwrap();
    for (method, added) in [("POST", "one"), ("PUT", "two"), ("PATCH", "three"), ("DELETE", "four")] {
        let hold = rig.faults().hold(Match::new(method, ""));
        let right = rig.right(number);
        let write = rig.platform.transition(&right, Some(Lifecycle::Enqueued));
        tokio::pin!(write);
        tokio::select! {
            reached = hold.reached(1, BOUND) => assert!(reached),
            done = &mut write => {
                done.unwrap();
                drop(hold);
                rig.platform.transition(&rig.right(number), Some(Lifecycle::Pending)).await.unwrap();
                continue;
            }
        }
        rig.board.add_label(rig.tracker, number, added).unwrap();
        drop(hold);
        write.await.unwrap();
        let labels = rig.labels(number);
        assert!(labels.contains(&added.to_owned()), "{added} was lost: {labels:?}");
        assert!(labels.contains(&"bug".to_owned()) && labels.contains(&Lifecycle::Enqueued.label().to_owned()));
        rig.platform.transition(&rig.right(number), Some(Lifecycle::Pending)).await.unwrap();
    }
}

async fn a_right_that_has_run_out_writes_nothing(rig: Rig) {
    let number = rig.ticket(&["bug", Lifecycle::Pending.label()]);
    let revoked = rig.right(number);
    revoked.revoke();
    for right in [revoked, rig.right_for(number, Duration::ZERO)] {
        for to in [Some(Lifecycle::Enqueued), None] {
            let refused = rig.platform.transition(&right, to).await;
            assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        }
    }
    assert_eq!(rig.labels(number), [Lifecycle::Pending.label(), "bug"]);
    assert_eq!(rig.writes(), 0);
}

async fn a_right_that_runs_out_on_the_way_ends_the_wait(rig: Rig) {
    let number = rig.ticket(&["bug"]);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        rig.faults().fail(Match::new(method, ""), Times::Always, Fault::Hang);
    }
    let right = rig.right_for(number, Duration::from_secs(1));
    let refused = rig.platform.transition(&right, Some(Lifecycle::Enqueued)).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    rig.is_quiet().await;
    assert_eq!(rig.writes(), 1, "it is not sent again");
    assert_eq!(rig.labels(number), ["bug"]);
}

async fn missing_rights_are_named_and_nothing_is_claimed(rig: Rig) {
    let number = rig.ticket(&["bug"]);
    rig.board.set_can_write(rig.tracker, false).unwrap();
    let refused = rig.platform.transition(&rig.right(number), Some(Lifecycle::Enqueued)).await.unwrap_err();
    assert!(!refused.is_temporary(), "{refused}");
    assert!(matches!(refused, Error::Unauthorized { .. } | Error::Refused { .. }), "{refused:?}");
    assert_eq!(rig.labels(number), ["bug"]);
}
