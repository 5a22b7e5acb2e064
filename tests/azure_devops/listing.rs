//! What a listing returns, in which order, and what it costs.

use agent_smith::lifecycle::Lifecycle::{Done, InProgress, Pending};
use agent_smith::platform::{Error, Listing, open};
use agent_smith::sim::azure_devops::SimOptions;
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, TOKEN, TRACKER, TRIGGER, World, ids, tracker};

#[tokio::test]
async fn all_pages_are_read_oldest_first_in_batches() {
    for prefix in ["", "/tfs"] {
        let world = World::with(SimOptions { prefix: prefix.to_owned(), ..SimOptions::default() }).await;
        for _ in 0..1_201 {
            world.ticket(&[TRIGGER]);
        }
        let found = world.discover().await.unwrap();
        assert_eq!(ids(&found), (1..=1_201).collect::<Vec<_>>());
        let requests = world.faults().requests();
        let wiql = format!("{prefix}/org/My%20Project/_apis/wit/wiql?");
        assert_eq!(requests.iter().filter(|request| request.path_and_query.starts_with(&wiql)).count(), 2);
        assert_eq!(requests.len(), 2 + 7, "two pages of a thousand, seven batches of two hundred");
    }
}

#[tokio::test]
async fn a_full_last_page_is_followed_by_an_empty_one() {
    let world = World::new().await;
    for _ in 0..1_000 {
        world.ticket(&[TRIGGER]);
    }
    assert_eq!(world.discover().await.unwrap().len(), 1_000);
    assert_eq!(world.asked().iter().filter(|asked| *asked == "POST wiql").count(), 2);
}

/// Azure DevOps refuses a result that is too large instead of cutting it; the pages keep below that.
#[tokio::test]
async fn a_backlog_above_the_limit_of_a_query_is_read_whole() {
    let world = World::with(SimOptions { most_results: 1_000, ..SimOptions::default() }).await;
    for _ in 0..2_100 {
        world.ticket(&[TRIGGER]);
    }
    assert_eq!(world.discover().await.unwrap().len(), 2_100);
}

#[tokio::test]
async fn an_idle_listing_is_one_request() {
    let world = World::new().await;
    world.ticket(&[TRIGGER, "agent-smith:done"]);
    world.ticket(&["bug"]);
    assert_eq!(world.discover().await.unwrap(), []);
    assert_eq!(world.labelled(Pending).await.unwrap(), []);
    assert_eq!(world.asked(), ["POST wiql", "POST wiql"]);
}

#[tokio::test]
async fn finished_closed_and_other_work_items_are_left_out() {
    let world = World::new().await;
    world.board.open_pull_request(TRACKER, NewTicket::titled("not a ticket").label(TRIGGER)).unwrap();
    let closed = world.ticket(&[TRIGGER]);
    world.board.close(TRACKER, closed).unwrap();
    for state in ["pending", "enqueued", "in-progress", "done", "failed"] {
        world.ticket(&[TRIGGER, &format!("Agent-Smith:{state}")]);
    }
    world.ticket(&["bug"]);
    let wanted = world.ticket(&["bug", "Agent-Smith"]);
    let found = world.discover().await.unwrap();
    assert_eq!(ids(&found), [wanted]);
    assert_eq!((found[0].title.as_str(), found[0].open), ("a ticket", true));
    assert_eq!(found[0].labels.iter().collect::<Vec<_>>(), ["bug", "agent-smith"], "spelled as the first time");
}

#[tokio::test]
async fn several_trigger_labels_are_one_query_and_many_are_a_few() {
    let world = World::new().await;
    let both = world.ticket(&["b:x/y", "it's (a)"]);
    let second = world.ticket(&["it's (a)"]);
    let first = world.ticket(&["B:X/Y"]);
    let labels = ["It's (A)".to_owned(), "b:x/y".to_owned()];
    let found = world.azure.list(Listing::Discovery(&labels)).await.unwrap();
    assert_eq!(ids(&found), [both, second, first]);
    assert_eq!(world.asked(), ["POST wiql", "POST workitemsbatch"]);
    assert_eq!(world.azure.list(Listing::Discovery(&[])).await.unwrap(), []);
    assert_eq!(world.arrived(), 2, "none without a label");

    world.faults().forget_requests();
    let many: Vec<String> = (0..40).map(|n| format!("label {n}")).chain(labels).collect();
    assert_eq!(ids(&world.azure.list(Listing::Discovery(&many)).await.unwrap()), [both, second, first]);
    let asked = world.asked();
    assert_eq!(asked, ["POST wiql", "POST wiql", "POST wiql", "POST workitemsbatch"], "fewer than 25 tags in each");
}

/// `CONTAINS` is about whole tags; should a server take it for parts, tags are compared once more.
#[tokio::test]
async fn part_of_a_tag_is_not_the_tag() {
    let world = World::with(SimOptions { contains_parts: true, ..SimOptions::default() }).await;
    world.ticket(&["agent-smithery"]);
    let wanted = world.ticket(&[TRIGGER]);
    assert_eq!(ids(&world.discover().await.unwrap()), [wanted]);
    world.ticket(&["agent-smith:pending-review"]);
    assert_eq!(world.labelled(Pending).await.unwrap(), []);
}

#[tokio::test]
async fn catch_up_is_for_open_tickets_and_repairs_are_for_all() {
    let world = World::new().await;
    let open = world.ticket(&["agent-smith:pending"]);
    let closed = world.ticket(&["Agent-Smith:Pending"]);
    world.board.close(TRACKER, closed).unwrap();
    assert_eq!(ids(&world.labelled(Pending).await.unwrap()), [open]);
    let running = world.ticket(&["agent-smith:in-progress"]);
    let stopped = world.ticket(&["agent-smith:in-progress"]);
    world.board.close(TRACKER, stopped).unwrap();
    let found = world.labelled(InProgress).await.unwrap();
    assert_eq!(ids(&found), [running, stopped]);
    assert_eq!(found.iter().map(|candidate| candidate.open).collect::<Vec<_>>(), [true, false]);
    assert_eq!(world.labelled(Done).await.unwrap(), []);
}

#[tokio::test]
async fn other_states_can_be_the_open_ones() {
    let states = ("To Do".to_owned(), "Done's".to_owned());
    let world = World::with(SimOptions { states, ..SimOptions::default() }).await;
    world.ticket(&[TRIGGER]);
    assert_eq!(world.discover().await.unwrap(), [], "the usual states are others");
    let with = |open_states: &[&str]| {
        let mut tracker = tracker(&world.sim, PROJECT, Some(TOKEN));
        let open_states = open_states.iter().map(|state| (*state).to_owned()).collect();
        tracker.place = agent_smith::config::Place::AzureDevOps { project: PROJECT.to_owned(), open_states };
        open(&tracker, &world.http).unwrap()
    };
    let discovery = [TRIGGER.to_owned()];
    for (states, count) in [(&["to do"][..], 1), (&["Done's"], 0), (&["x", "Done's", "To Do"], 1), (&[], 0)] {
        let found = with(states).list(Listing::Discovery(&discovery)).await.unwrap();
        assert_eq!(found.len(), count, "{states:?}");
    }
    assert!(with(&["to do"]).read("1").await.unwrap().open);
}

#[tokio::test]
async fn what_is_deleted_between_query_and_batch_is_left_out() {
    let world = World::new().await;
    let gone = world.ticket(&[TRIGGER]);
    let kept = world.ticket(&[TRIGGER]);
    let changed = world.ticket(&[TRIGGER]);
    let finished = world.ticket(&[TRIGGER]);
    world.board.freeze_listings(TRACKER, true).unwrap();
    world.board.delete(TRACKER, gone).unwrap();
    world.board.remove_label(TRACKER, changed, TRIGGER).unwrap();
    world.board.close(TRACKER, finished).unwrap();
    assert_eq!(ids(&world.discover().await.unwrap()), [kept]);
}

#[tokio::test]
async fn a_failed_page_or_batch_fails_the_listing() {
    let world = World::new().await;
    for _ in 0..1_001 {
        world.ticket(&[TRIGGER]);
    }
    let faults = [Fault::Garbage, Fault::html_page(200), Fault::status(500), Fault::status(404), Fault::Truncate];
    for part in ["wiql", "workitemsbatch"] {
        for fault in &faults {
            world.faults().fail(Match::path(part), Times::Next(3), fault.clone());
            assert!(world.discover().await.is_err(), "{part} {fault:?}");
            world.faults().clear();
        }
    }
    assert_eq!(world.discover().await.unwrap().len(), 1_001);
}

#[tokio::test]
async fn pages_do_not_go_in_circles_for_ever() {
    let world = World::new().await;
    let items: Vec<String> = (1..=1_000).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let fault = Fault::Answer {
        status: 200,
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: format!(r#"{{"workItems":[{}]}}"#, items.join(",")),
    };
    world.faults().fail(Match::path("wiql"), Times::Always, fault);
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    assert_eq!(world.arrived(), 2 + 5, "two queries, and the batches of the first");
}
