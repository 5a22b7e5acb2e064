//! What a listing returns, in which order, and what it costs.

use agent_smith::lifecycle::Lifecycle::{Done, InProgress, Pending};
use agent_smith::platform::{Error, Listing};
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::gitlab::{Kind, SimOptions};
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, TRIGGER, World, ids};

#[tokio::test]
async fn all_pages_are_read_oldest_first_by_cursor_and_by_number() {
    for (prefix, cursors, totals_up_to) in [("", true, 10_000), ("/gitlab", false, 10_000), ("", false, 10)] {
        let options = SimOptions { prefix: prefix.to_owned(), cursors, totals_up_to, ..SimOptions::default() };
        let world = World::with(options).await;
        for _ in 0..250 {
            world.ticket(&[TRIGGER]);
        }
        let found = world.discover().await.unwrap();
        assert_eq!(ids(&found), (1..=250).collect::<Vec<_>>());
        let requests = world.faults().requests();
        assert_eq!(requests.len(), 4, "the spellings of the label, and three pages");
        let start = format!("{prefix}/api/v4/projects/group%2Fsub%2Fmy-api/issues?state=opened&labels=agent-smith&");
        assert!(requests[1].path_and_query.starts_with(&start), "{}", requests[1].path_and_query);
        assert!(requests[1].path_and_query.contains("order_by=created_at&sort=asc"));
        let last = &requests[3].path_and_query;
        assert_eq!((last.contains("cursor="), last.contains("page=3")), (cursors, !cursors), "{last}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_cursors_is_asked_for_numbered_pages() {
    let world = World::with(SimOptions { cursors: false, ..SimOptions::default() }).await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    world.faults().fail(Match::path("pagination=keyset"), Times::Always, Fault::status(405));
    assert_eq!(world.discover().await.unwrap().len(), 150);
}

#[tokio::test]
async fn a_short_page_with_a_link_is_not_the_last_one() {
    let world = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    world.warm_up().await;
    let next = format!("<{}/projects/1/issues?labels={TRIGGER}&state=opened>; rel=\"next\"", world.sim.api_url());
    world.faults().fail(Match::path("/issues?"), Times::Next(1), page("[]", "link", next));
    assert_eq!(ids(&world.discover().await.unwrap()), [number]);
    assert_eq!(world.asked(), ["GET /issues", "GET /issues"], "the link's own path is not used");
}

#[tokio::test]
async fn pages_are_found_although_a_proxy_drops_their_links() {
    let world = World::with(SimOptions { cursors: false, ..SimOptions::default() }).await;
    for _ in 0..101 {
        world.ticket(&[TRIGGER]);
    }
    world.warm_up().await;
    let answer = page("[]", "x-next-page", "2".to_owned());
    world.faults().fail(Match::path("/issues?"), Times::Next(1), answer);
    assert_eq!(ids(&world.discover().await.unwrap()), [101]);
    assert!(world.faults().requests()[1].path_and_query.ends_with("&page=2"));
}

fn page(body: &str, header: &str, value: String) -> Fault {
    let headers = vec![(header.to_owned(), value)];
    Fault::Answer { status: 200, headers, content_type: "application/json".to_owned(), body: body.to_owned() }
}

#[tokio::test]
async fn merge_requests_closed_tickets_and_other_labels_are_left_out() {
    let world = World::new().await;
    world.board.open_pull_request(PROJECT, NewTicket::titled("not a ticket").label(TRIGGER)).unwrap();
    let closed = world.ticket(&[TRIGGER]);
    world.board.close(PROJECT, closed).unwrap();
    world.ticket(&["bug"]);
    let wanted = world.ticket(&["bug", TRIGGER]);
    let found = world.discover().await.unwrap();
    assert_eq!(ids(&found), [wanted]);
    assert_eq!(found[0].title, "a ticket");
    assert_eq!(found[0].labels.iter().collect::<Vec<_>>(), ["bug", TRIGGER]);
}

/// Else they would fill page after page for ever.
#[tokio::test]
async fn finished_tickets_are_left_out_by_the_query() {
    let world = World::new().await;
    for state in ["done", "failed", "enqueued", "in-progress"] {
        world.ticket(&[TRIGGER, &format!("agent-smith:{state}")]);
    }
    let wanted = [world.ticket(&[TRIGGER]), world.ticket(&[TRIGGER, "agent-smith:pending"])];
    assert_eq!(ids(&world.discover().await.unwrap()), wanted);
    let asked_again = world.ticket(&[TRIGGER, "agent-smith:done", "agent-smith:pending"]);
    assert_eq!(ids(&world.show(Pending).await.unwrap()), [wanted[1], asked_again]);
}

#[tokio::test]
async fn several_trigger_labels_are_one_list_without_repeats() {
    let world = World::new().await;
    let both = world.ticket(&["b:x/y", "a b"]);
    let second = world.ticket(&["a b"]);
    let first = world.ticket(&["b:x/y"]);
    let labels = ["a b".to_owned(), "b:x/y".to_owned()];
    let found = world.gitlab.list(Listing::Discovery(&labels)).await.unwrap();
    assert_eq!(ids(&found), [both, second, first]);
    assert_eq!(world.gitlab.list(Listing::Discovery(&[])).await.unwrap(), []);
    world.faults().forget_requests();
    world.gitlab.list(Listing::Discovery(&labels)).await.unwrap();
    assert_eq!(world.asked(), ["GET /issues", "GET /issues"], "one request per label");
}

/// Two spellings are two labels of GitLab's, and one of ours.
#[tokio::test]
async fn every_spelling_of_a_label_is_found() {
    let world = World::new().await;
    let exact = world.ticket(&[TRIGGER]);
    let other = world.ticket(&["Agent-Smith"]);
    world.ticket(&["agent-smith-2"]);
    let both = world.ticket(&["AGENT-SMITH", TRIGGER]);
    let waits = world.ticket(&["Agent-Smith:Pending"]);
    let found = world.discover().await.unwrap();
    assert_eq!(ids(&found), [exact, other, both]);
    assert_eq!(found[1].labels.get(TRIGGER), Some("Agent-Smith"), "as the platform has it");
    assert_eq!(ids(&world.show(Pending).await.unwrap()), [waits]);
    assert_eq!(world.asked().iter().filter(|asked| asked.ends_with("/labels")).count(), 2);
    world.faults().forget_requests();
    world.discover().await.unwrap();
    assert_eq!(world.asked(), ["GET /issues"; 3], "one request per spelling, which are remembered");
}

#[tokio::test]
async fn a_listing_works_although_labels_cannot_be_looked_up() {
    for status in [403, 404, 400] {
        let world = World::new().await;
        let number = world.ticket(&[TRIGGER]);
        world.faults().fail(Match::path("/labels?"), Times::Always, Fault::status(status));
        let found = world.discover().await;
        match status {
            403 => assert!(matches!(found, Err(Error::Unauthorized { .. })), "{found:?}"),
            _ => assert_eq!(ids(&found.unwrap()), [number]),
        }
    }
}

#[tokio::test]
async fn a_lifecycle_listing_marks_closed_tickets_and_waiting_ones_must_be_open() {
    let world = World::new().await;
    for state in [InProgress, Done, Pending] {
        let open = world.ticket(&[state.label()]);
        let closed = world.ticket(&[state.label()]);
        world.board.close(PROJECT, closed).unwrap();
        let found: Vec<(u64, bool)> =
            world.show(state).await.unwrap().iter().map(|found| (found.id.parse().unwrap(), found.open)).collect();
        let expected = if state == Pending { vec![(open, true)] } else { vec![(open, true), (closed, false)] };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn confidential_issues_and_work_items_are_tickets_if_the_token_may_see_them() {
    let kind_of = |ticket: &agent_smith::sim::board::TicketView| match ticket.number {
        1 => Kind { issue_type: "issue", confidential: true },
        2 => Kind { issue_type: "task", confidential: false },
        _ => Kind { issue_type: "incident", confidential: false },
    };
    let world = World::with(SimOptions { kind_of, ..SimOptions::default() }).await;
    for _ in 0..3 {
        world.ticket(&[TRIGGER]);
    }
    assert_eq!(ids(&world.discover().await.unwrap()), [1, 2, 3]);
    assert!(world.gitlab.read("2").await.unwrap().url.ends_with("/group/sub/my-api/-/work_items/2"));
    world.board.set_can_write(PROJECT, false).unwrap();
    assert_eq!(ids(&world.discover().await.unwrap()), [2, 3]);
    let error = world.gitlab.read("1").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains("confidential"), "{error}");
}

#[tokio::test]
async fn a_failed_page_fails_the_listing() {
    let world = World::new().await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    let faults = [Fault::Garbage, Fault::html_page(200), Fault::status(500), Fault::status(404), Fault::Truncate];
    for fault in faults {
        world.faults().fail(Match::path("cursor="), Times::Next(3), fault.clone());
        assert!(world.discover().await.is_err(), "{fault:?}");
        world.faults().clear();
        assert_eq!(world.discover().await.unwrap().len(), 150);
    }
}

#[tokio::test]
async fn next_links_do_not_lead_to_another_host_and_not_in_circles_for_ever() {
    let world = World::new().await;
    let other = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    world.warm_up().await;
    let (arrived, query) = (world.arrived(), format!("labels={TRIGGER}&state=opened"));
    let elsewhere = format!("<{}/projects/7/issues?{query}>; rel=\"next\"", other.sim.api_url());
    world.faults().fail(Match::any(), Times::Next(1), page("[]", "link", elsewhere.clone()));
    assert_eq!(ids(&world.discover().await.unwrap()), [number]);
    assert_eq!((world.arrived() - arrived, other.arrived()), (2, 0));
    world.faults().fail(Match::any(), Times::Always, page("[]", "link", elsewhere));
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains("pages"), "{error}");
    assert_eq!(world.arrived() - arrived, 2 + 1_000);
}
