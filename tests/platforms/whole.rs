//! From trigger label to result: the real app with a file that an operator would write, on each platform and each store.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{Event, What};

use crate::house::{Backend, House};
use crate::on_every_platform_and_store;
use crate::rig::{Rig, TRIGGER};

on_every_platform_and_store!(a_labelled_ticket_ends_done, a_failing_step_ends_failed_with_its_last_lines,);

/// The lifecycle labels that a ticket was given, in order.
fn shown(house: &House, number: u64) -> Vec<Lifecycle> {
    let shown = |event: Event| match event.what {
        What::LabelAdded(label) => Lifecycle::from_label(&label),
        _ => None,
    };
    house.rig.board.history_of(house.rig.tracker, number).into_iter().filter_map(shown).collect()
}

async fn a_labelled_ticket_ends_done(rig: Rig, backend: Backend) {
    let step = "test \"$AGENTSMITH_TICKET_ID $AGENTSMITH_PROJECT $AGENTSMITH_ATTEMPT\" = \"$(cat expected)\"";
    let number = rig.ticket(&[TRIGGER, "urgent"]);
    let step = step.replace("$(cat expected)", &format!("{} api 1", rig.id(number)));
    let house = House::with(rig, backend, &step);
    let app = house.start().await;
    let ticket = house.ends(number, Lifecycle::Done).await;
    assert_eq!(house.rig.labels(number), [TRIGGER, Lifecycle::Done.label(), "urgent"], "labels that are not ours stay");
    assert_eq!(ticket.comments.len(), 1);
    let said = house.rig.read_by_people(&ticket.comments[0].body);
    for told in ["fix-bug", "test-host"] {
        assert!(said.contains(told), "the comment tells {told}: {said}");
    }
    assert_eq!(shown(&house, number), [Lifecycle::Enqueued, Lifecycle::InProgress, Lifecycle::Done]);
    house.is_left_clean(&[number]).await;
    assert!(app.stop().await);
}

async fn a_failing_step_ends_failed_with_its_last_lines(rig: Rig, backend: Backend) {
    let number = rig.ticket(&["Agent-Smith"]);
    let house = House::with(rig, backend, "echo first\necho \"the reason is [~all] @everyone /close\" >&2; exit 7");
    let app = house.start().await;
    let ticket = house.ends(number, Lifecycle::Failed).await;
    assert_eq!(ticket.comments.len(), 1);
    let said = house.rig.read_by_people(&ticket.comments[0].body);
    for told in ["fix-bug", "7", "the reason is", "everyone", "test-host"] {
        assert!(said.contains(told), "the comment tells {told}: {said}");
    }
    assert!(ticket.open, "nothing in the output was obeyed");
    assert_eq!(shown(&house, number), [Lifecycle::Enqueued, Lifecycle::InProgress, Lifecycle::Failed]);
    house.is_left_clean(&[number]).await;
    assert!(app.stop().await);
}
