//! What a listing returns, in which order, and what it costs.

use agent_smith::platform::{Error, Listing};
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::github::SimOptions;
use agent_smith::sim::{Fault, Match, Times};

use super::{REPO, TRIGGER, World, ids};

#[tokio::test]
async fn all_pages_are_read_oldest_first() {
    for prefix in ["/api/v3", ""] {
        let world = World::with(SimOptions { prefix: prefix.to_owned(), ..SimOptions::default() }).await;
        for _ in 0..250 {
            world.ticket(&[TRIGGER]);
        }
        let found = world.discover().await.unwrap();
        assert_eq!(ids(&found), (1..=250).collect::<Vec<_>>());
        let requests = world.faults().requests();
        assert_eq!(requests.len(), 3);
        assert!(requests[0].path_and_query.starts_with(&format!("{prefix}/repos/{REPO}/issues?labels=agent-smith&")));
        assert!(requests[2].path_and_query.starts_with(&format!("{prefix}/repositories/")), "an opaque link");
    }
}

#[tokio::test]
async fn pull_requests_closed_tickets_and_other_labels_are_left_out() {
    let world = World::new().await;
    world.board.open_pull_request(REPO, NewTicket::titled("not a ticket").label(TRIGGER)).unwrap();
    let closed = world.ticket(&[TRIGGER]);
    world.board.close(REPO, closed).unwrap();
    world.ticket(&["bug"]);
    let wanted = world.ticket(&["bug", TRIGGER]);
    let found = world.discover().await.unwrap();
    assert_eq!(ids(&found), [wanted]);
    assert_eq!(found[0].title, "a ticket");
    assert_eq!(found[0].labels.iter().collect::<Vec<_>>(), ["bug", TRIGGER]);
}

#[tokio::test]
async fn several_trigger_labels_are_one_list_without_repeats() {
    let world = World::new().await;
    let both = world.ticket(&["b:x/y", "a b"]);
    let second = world.ticket(&["a b"]);
    let first = world.ticket(&["B:X/Y"]);
    let found = world.github.list(Listing::Discovery(&["A B".to_owned(), "b:x/y".to_owned()])).await.unwrap();
    assert_eq!(ids(&found), [both, second, first]);
    assert_eq!(world.github.list(Listing::Discovery(&[])).await.unwrap(), []);
    assert_eq!(world.arrived(), 2, "one request per label, none without a label");
}

#[tokio::test]
async fn a_lifecycle_listing_marks_closed_tickets() {
    let world = World::new().await;
    let open = world.ticket(&["agent-smith:pending"]);
    let closed = world.ticket(&["Agent-Smith:Pending"]);
    world.board.close(REPO, closed).unwrap();
    let found = world.pending().await.unwrap();
    assert_eq!(ids(&found), [open, closed]);
    assert_eq!(found.iter().map(|candidate| candidate.open).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn an_unchanged_listing_costs_no_quota() {
    let world = World::new().await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    let first = world.discover().await.unwrap();
    let spent = world.faults().counters().quota_spent;
    world.faults().forget_requests();
    for _ in 0..3 {
        assert_eq!(world.discover().await.unwrap(), first);
    }
    assert_eq!(world.faults().counters().quota_spent, spent);
    let requests = world.faults().requests();
    assert_eq!(requests.len(), 6);
    assert!(requests.iter().all(|request| request.conditional && request.status == Some(304)));
}

#[tokio::test]
async fn a_changed_page_is_read_again_and_only_that() {
    let world = World::new().await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    world.discover().await.unwrap();
    world.board.add_label(REPO, 120, "agent-smith:enqueued").unwrap();
    let spent = world.faults().counters().quota_spent;
    let found = world.discover().await.unwrap();
    assert!(found[119].labels.contains("agent-smith:enqueued"));
    assert_eq!(world.faults().counters().quota_spent, spent + 1);
    assert_eq!(world.discover().await.unwrap(), found);
    world.board.close(REPO, 1).unwrap();
    assert_eq!(ids(&world.discover().await.unwrap()), (2..=150).collect::<Vec<_>>());
}

/// The tag of a page says nothing of the page behind it.
#[tokio::test]
async fn a_page_that_appears_behind_a_full_one_is_found() {
    let world = World::new().await;
    for _ in 0..100 {
        world.ticket(&[TRIGGER]);
    }
    assert_eq!(world.discover().await.unwrap().len(), 100);
    assert_eq!(world.discover().await.unwrap().len(), 100);
    assert!(world.faults().requests().iter().all(|request| !request.conditional), "a 304 may come without a link");
    world.ticket(&[TRIGGER]);
    assert_eq!(world.discover().await.unwrap().len(), 101);
    assert_eq!(world.discover().await.unwrap().len(), 101);
    world.board.close(REPO, 101).unwrap();
    assert_eq!(world.discover().await.unwrap().len(), 100);
    world.ticket(&[TRIGGER]);
    assert_eq!(world.discover().await.unwrap().len(), 101);
}

#[tokio::test]
async fn a_link_that_comes_with_an_unchanged_page_is_followed() {
    let world = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    world.discover().await.unwrap();
    let next = format!("</repos/{REPO}/issues?labels={TRIGGER}&page=1>; rel=\"next\"");
    world.faults().fail(Match::any(), Times::Next(1), Fault::status(304).header("link", next));
    assert_eq!(ids(&world.discover().await.unwrap()), [number]);
    assert_eq!(world.arrived(), 3);
}

#[tokio::test]
async fn a_failed_page_fails_the_listing_and_spoils_nothing() {
    let world = World::new().await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    let faults = [Fault::Garbage, Fault::html_page(200), Fault::status(500), Fault::status(404), Fault::Truncate];
    for (so_far, fault) in (150..).zip(faults) {
        world.faults().fail(Match::path("/repositories/"), Times::Next(3), fault.clone());
        assert!(world.discover().await.is_err(), "{fault:?}");
        world.faults().clear();
        assert_eq!(world.discover().await.unwrap().len(), so_far);
        // The next fault meets a second page that has changed.
        world.ticket(&[TRIGGER]);
    }
}

#[tokio::test]
async fn next_links_do_not_lead_to_another_host_and_not_in_circles_for_ever() {
    let world = World::new().await;
    let other = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    let page = |link: String| Fault::Answer {
        status: 200,
        headers: vec![("link".to_owned(), link)],
        content_type: "application/json".to_owned(),
        body: "[]".to_owned(),
    };
    let second = format!("/repos/{REPO}/issues?labels={TRIGGER}&page=1");
    let elsewhere = format!("<{}{second}>; rel=\"next\"", other.sim.api_url());
    world.faults().fail(Match::any(), Times::Next(1), page(elsewhere));
    assert_eq!(ids(&world.discover().await.unwrap()), [number]);
    assert_eq!((world.arrived(), other.arrived()), (2, 0));

    let circle = format!("<{}{second}>; rel=\"next\"", world.sim.api_url());
    world.faults().fail(Match::any(), Times::Always, page(circle));
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains("pages"), "{error}");
    assert_eq!(world.arrived(), 2 + 1_000);
}
