//! What a listing finds, in which order, and what it leaves out.

use std::collections::BTreeSet;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::Listing;
use agent_smith::sim::board::NewTicket;

use crate::on_every_platform;
use crate::rig::{Rig, TRIGGER};

on_every_platform!(
    every_page_is_read_oldest_first,
    a_ticket_with_several_trigger_labels_is_found_once,
    closed_tickets_are_not_discovered,
    lifecycle_labels_are_recognised_in_any_case,
    a_lifecycle_listing_finds_tickets_without_a_trigger_label,
    finished_tickets_do_not_crowd_out_new_ones,
    a_ticket_is_read_as_it_is,
    nothing_found_is_an_empty_list,
    a_plan_names_every_call_of_an_idle_listing_and_sends_none,
);

async fn every_page_is_read_oldest_first(rig: Rig) {
    let opened: Vec<u64> = (0..250).map(|_| rig.ticket(&[TRIGGER])).collect();
    let found = rig.discover(&[TRIGGER]).await.unwrap();
    assert_eq!(rig.numbers(&found), opened);
    assert!(found.iter().all(|one| one.open && one.labels.contains(TRIGGER) && one.title == "a ticket"));
}

async fn a_ticket_with_several_trigger_labels_is_found_once(rig: Rig) {
    let both = rig.ticket(&[TRIGGER, "feature"]);
    let one = rig.ticket(&["feature"]);
    rig.ticket(&["unrelated"]);
    let found = rig.discover(&[TRIGGER, "feature"]).await.unwrap();
    assert_eq!(rig.numbers(&found), [both, one]);
}

async fn closed_tickets_are_not_discovered(rig: Rig) {
    let (closed, open) = (rig.ticket(&[TRIGGER]), rig.ticket(&[TRIGGER]));
    rig.board.close(rig.tracker, closed).unwrap();
    let found = rig.discover(&[TRIGGER]).await.unwrap();
    assert_eq!(rig.numbers(&found), [open]);
}

async fn lifecycle_labels_are_recognised_in_any_case(rig: Rig) {
    let number = rig.ticket(&[TRIGGER, "Agent-Smith:Pending"]);
    let ticket = rig.platform.read(&rig.id(number)).await.unwrap();
    assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Pending));
    assert!(ticket.labels.iter().any(|label| label == "Agent-Smith:Pending"), "kept as the platform has it");
}

async fn a_lifecycle_listing_finds_tickets_without_a_trigger_label(rig: Rig) {
    for state in Lifecycle::ALL {
        let number = rig.ticket(&[state.label(), "other"]);
        let found = rig.listed(state).await.unwrap();
        assert_eq!(rig.numbers(&found), [number], "{state}");
        assert!(found[0].open && Lifecycle::of(&found[0].labels) == Some(state));
    }
}

async fn finished_tickets_do_not_crowd_out_new_ones(rig: Rig) {
    for _ in 0..120 {
        rig.ticket(&[TRIGGER, Lifecycle::Done.label()]);
    }
    let fresh = rig.ticket(&[TRIGGER]);
    let found = rig.discover(&[TRIGGER]).await.unwrap();
    let asks: Vec<_> = found.into_iter().filter(|one| Lifecycle::of(&one.labels).is_none()).collect();
    assert_eq!(rig.numbers(&asks), [fresh]);
}

async fn a_ticket_is_read_as_it_is(rig: Rig) {
    let title = "Qu\"otes, $(x), <b> & \u{202e}marks";
    let new = NewTicket::titled(title).body("two\n\nparagraphs").label(TRIGGER).label("bug");
    let number = rig.board.open_ticket(rig.tracker, new).unwrap();
    let ticket = rig.platform.read(&rig.id(number)).await.unwrap();
    assert_eq!((ticket.id.as_str(), ticket.title.as_str()), (rig.id(number).as_str(), title));
    assert!(ticket.body.contains("two") && ticket.body.contains("paragraphs"), "{}", ticket.body);
    assert!(ticket.open && ticket.labels.contains("bug") && ticket.labels.contains(TRIGGER));
    assert!(ticket.url.starts_with("http"), "{}", ticket.url);
    rig.board.close(rig.tracker, number).unwrap();
    assert!(!rig.platform.read(&rig.id(number)).await.unwrap().open);
}

async fn nothing_found_is_an_empty_list(rig: Rig) {
    assert_eq!(rig.discover(&[TRIGGER]).await.unwrap(), []);
    assert_eq!(rig.listed(Lifecycle::Enqueued).await.unwrap(), []);
}

async fn a_plan_names_every_call_of_an_idle_listing_and_sends_none(rig: Rig) {
    rig.ticket(&["Agent-Smith"]);
    rig.ticket(&["feature & more"]);
    let triggers = [TRIGGER.to_owned(), "feature & more".to_owned()];
    // What is asked once, or now and then, may be spared.
    rig.discover(&[TRIGGER]).await.unwrap();
    for listing in [Listing::Discovery(&triggers), Listing::Lifecycle(Lifecycle::Pending)] {
        rig.faults().forget_requests();
        let found = rig.platform.list(listing).await.unwrap();
        let made: BTreeSet<(String, String)> =
            rig.faults().requests().into_iter().map(|one| (one.method, one.path_and_query)).collect();
        let arrived = rig.arrived();
        let plan = rig.platform.plan(listing);
        assert_eq!(rig.arrived(), arrived);
        assert!(plan.iter().all(|call| (call.method == "GET") == call.query.is_none()), "{plan:?}");
        let shown = format!("{plan:?}");
        assert!(!shown.contains("simulated-") && shown.contains("feature") == (found.len() == 2), "{shown}");
        let planned: BTreeSet<(String, String)> = plan
            .into_iter()
            .map(|call| (call.method.to_owned(), call.url.strip_prefix(&rig.sim.url()).unwrap().to_owned()))
            .collect();
        assert!(made.is_subset(&planned), "{made:#?}\nand not\n{planned:#?}");
        let is_spared = |(_, path): &(String, String)| {
            ["/myself", "/labels?", "/workitemsbatch"].iter().any(|part| path.contains(part))
        };
        assert!(!made.is_empty() && planned.difference(&made).all(is_spared), "{planned:#?}\nand not\n{made:#?}");
    }
    assert_eq!(rig.platform.plan(Listing::Discovery(&[])), []);
}
