//! What a listing returns, in which order, and what it costs.

use agent_smith::lifecycle::Lifecycle::{Done, Enqueued, Pending};
use agent_smith::platform::{Error, Listing};
use agent_smith::sim::board::{LabelRule, NewTicket};
use agent_smith::sim::{Fault, Match, Times};
use tokio::time::{advance, pause, resume};

use super::{EMAIL, PROJECT, TOKEN, TRIGGER, World, answer, credentials, ids, key};

const SEARCH: &str = "POST /3/search/jql";

#[tokio::test]
async fn all_pages_are_read_oldest_first_and_the_token_is_looked_at_once() {
    let world = World::new().await;
    for _ in 0..250 {
        world.ticket(&[TRIGGER]);
    }
    let found = world.discover().await.unwrap();
    assert_eq!(ids(&found), (1..=250).map(key).collect::<Vec<_>>());
    assert_eq!(world.asked(), ["GET /3/myself", SEARCH, SEARCH, SEARCH]);
    world.faults().forget_requests();
    let (discovered, pending) = tokio::join!(world.discover(), world.listed(Pending));
    assert_eq!((discovered.unwrap().len(), pending.unwrap().len()), (250, 0));
    assert_eq!(world.asked(), [SEARCH; 4]);
}

#[tokio::test]
async fn two_listings_at_once_ask_once_who_the_token_is() {
    let world = World::new().await;
    let (discovered, pending) = tokio::join!(world.discover(), world.listed(Pending));
    assert_eq!((discovered.unwrap(), pending.unwrap()), (vec![], vec![]));
    assert_eq!(world.asked(), ["GET /3/myself", SEARCH, SEARCH]);
}

#[tokio::test]
async fn closed_taken_and_finished_tickets_are_left_out_by_the_query() {
    let world = World::new().await;
    let closed = world.ticket(&[TRIGGER]);
    world.board.close(PROJECT, closed).unwrap();
    world.ticket(&["bug"]);
    for state in ["enqueued", "in-progress", "done", "failed"] {
        world.ticket(&[TRIGGER, &format!("agent-smith:{state}")]);
    }
    let pending = world.ticket(&[TRIGGER, "agent-smith:pending"]);
    let wanted = world.ticket(&["bug", TRIGGER]);
    let found = world.discover().await.unwrap();
    assert_eq!(ids(&found), [key(pending), key(wanted)]);
    assert_eq!((found[1].title.as_str(), found[1].open), ("a ticket", true));
    assert_eq!(found[1].labels.iter().collect::<Vec<_>>(), ["bug", TRIGGER]);
}

#[tokio::test]
async fn several_trigger_labels_are_one_query_and_every_sign_in_them_is_only_a_sign() {
    let world = World::new().await;
    let both = world.ticket(&["b:x", r#"a"),\('"#]);
    let second = world.ticket(&[r#"a"),\('"#]);
    let first = world.ticket(&["B:X"]);
    let labels = [r#"a"),\('"#.to_owned(), "b:x".to_owned()];
    let found = world.jira.list(Listing::Discovery(&labels)).await.unwrap();
    assert_eq!(ids(&found), [key(both), key(second), key(first)]);
    let arrived = world.arrived();
    assert_eq!(world.jira.list(Listing::Discovery(&[])).await.unwrap(), []);
    assert_eq!(world.arrived(), arrived, "none without a label");
}

/// Jira keeps `Bug` and `bug` as two labels, and people write both.
#[tokio::test]
async fn the_usual_spellings_of_a_label_are_found() {
    let world = World::new().await;
    let spellings = ["AGENT-SMITH", "Agent-Smith", "Agent-smith", "agent-smith"];
    for spelling in spellings {
        world.ticket(&[spelling]);
    }
    let found = world.jira.list(Listing::Discovery(&["agent-smith".to_owned()])).await.unwrap();
    assert_eq!(found.len(), spellings.len());
    for label in ["AGENT-SMITH:ENQUEUED", "Agent-Smith:Enqueued"] {
        world.ticket(&[label]);
    }
    assert_eq!(world.listed(Enqueued).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_lifecycle_listing_marks_closed_tickets_and_catch_up_leaves_them_out() {
    let world = World::new().await;
    for label in ["agent-smith:done", "agent-smith:pending"] {
        world.ticket(&[label]);
        let closed = world.ticket(&[label]);
        world.board.close(PROJECT, closed).unwrap();
    }
    let done = world.listed(Done).await.unwrap();
    assert_eq!(
        done.iter().map(|one| (one.id.as_str(), one.open)).collect::<Vec<_>>(),
        [("PROJ-1", true), ("PROJ-2", false)]
    );
    assert_eq!(ids(&world.listed(Pending).await.unwrap()), ["PROJ-3"]);
}

#[tokio::test]
async fn without_a_project_the_whole_site_is_listed() {
    let world = World::new().await;
    world.board.add_tracker_with("OTHER", LabelRule::ExactCase).unwrap();
    world.ticket(&[TRIGGER]);
    world.board.open_ticket("OTHER", NewTicket::titled("there").label(TRIGGER)).unwrap();
    world.ticket(&[TRIGGER]);
    let site = world.client(None, credentials(Some(EMAIL), TOKEN));
    let found = site.list(Listing::Discovery(&[TRIGGER.to_owned()])).await.unwrap();
    assert_eq!(ids(&found), ["PROJ-1", "OTHER-1", "PROJ-2"]);
    assert_eq!(ids(&world.discover().await.unwrap()), ["PROJ-1", "PROJ-2"]);
    assert_eq!(site.read("OTHER-1").await.unwrap().title, "there");
    assert!(matches!(world.jira.read("OTHER-1").await, Err(Error::NotFound { .. })), "another project's ticket");
}

/// Whatever a page says of the next one, the walk ends.
#[tokio::test]
async fn a_walk_ends_on_an_empty_page_a_repeated_token_and_after_a_thousand_pages() {
    let world = World::new().await;
    let issue = |number: u32| {
        let fields = r#"{"summary":"t","labels":[],"status":{"name":"x","statusCategory":{"key":"new"}}}"#;
        format!(r#"{{"key":"PROJ-{number}","fields":{fields}}}"#)
    };
    let page = |issues: &str, token: &str| {
        answer(200, &format!(r#"{{"issues":[{issues}],"nextPageToken":"{token}","isLast":false}}"#))
    };
    let search = || Match::path("search/jql");
    world.faults().fail(search(), Times::Next(1), page(&issue(1), "a"));
    world.faults().fail(search(), Times::Next(1), page("", "b"));
    assert_eq!(ids(&world.discover().await.unwrap()), ["PROJ-1"]);
    assert_eq!(world.arrived(), 3, "an empty page is the last one");

    world.faults().fail(search(), Times::Next(1), page(&issue(1), "a"));
    world.faults().fail(search(), Times::Next(1), page(&issue(2), "a"));
    assert_eq!(ids(&world.discover().await.unwrap()), ["PROJ-1", "PROJ-2"]);
    assert_eq!(world.arrived(), 5, "a page that leads to itself is the last one");

    // `isLast` is known to lie in both directions.
    world.faults().fail(search(), Times::Next(1), answer(200, &page_that_is_last(&issue(1), "a")));
    world.faults().fail(
        search(),
        Times::Next(1),
        answer(200, &format!(r#"{{"issues":[{}],"isLast":false}}"#, issue(2))),
    );
    assert_eq!(ids(&world.discover().await.unwrap()), ["PROJ-1", "PROJ-2"]);

    for number in 0..1_000 {
        world.faults().fail(search(), Times::Next(1), page(&issue(number), &number.to_string()));
    }
    let before = world.arrived();
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains("pages"), "{error}");
    assert_eq!(world.arrived() - before, 1_000);
}

fn page_that_is_last(issue: &str, token: &str) -> String {
    format!(r#"{{"issues":[{issue}],"nextPageToken":"{token}","isLast":true}}"#)
}

#[tokio::test]
async fn a_failed_page_fails_the_listing() {
    let world = World::new().await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    world.discover().await.unwrap();
    for fault in [Fault::Garbage, Fault::html_page(200), Fault::status(500), Fault::status(404), Fault::Truncate] {
        let hold = world.faults().hold(Match::path("search"));
        let jira = world.jira.clone();
        let listing = tokio::spawn(async move { jira.list(Listing::Discovery(&[TRIGGER.to_owned()])).await });
        assert!(hold.reached(1, super::BOUND).await);
        // The first page is past this one by then.
        let second = world.faults().hold(Match::path("search"));
        drop(hold);
        assert!(second.reached(1, super::BOUND).await);
        world.faults().fail(Match::path("search"), Times::Next(3), fault.clone());
        drop(second);
        assert!(listing.await.unwrap().is_err(), "{fault:?}");
        world.faults().clear();
        assert_eq!(world.discover().await.unwrap().len(), 150);
    }
}

/// The disguise that Jira is known for: a wrong token is a stranger, and a stranger finds nothing, with status 200.
#[tokio::test]
async fn a_wrong_token_is_no_empty_list() {
    let world = World::new().await;
    world.ticket(&[TRIGGER]);
    let stranger = world.client(Some(PROJECT), credentials(Some(EMAIL), "wrong"));
    for _ in 0..2 {
        let error = stranger.list(Listing::Discovery(&[TRIGGER.to_owned()])).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
        assert!(error.to_string().contains("JIRA_EMAIL and JIRA_TOKEN"), "{error}");
    }
    assert_eq!(world.asked(), ["GET /3/myself", "GET /3/myself"], "no search is believed, so none is made");
}

#[tokio::test]
async fn a_token_that_expires_later_is_noticed_within_ten_minutes() {
    let world = World::new().await;
    world.ticket(&[TRIGGER]);
    assert_eq!(world.discover().await.unwrap().len(), 1);
    let unknown =
        answer(401, r#"{"message":"Client must be authenticated to access this resource.","status-code":401}"#);
    world.faults().fail(Match::path("myself"), Times::Always, unknown);
    world.faults().fail(Match::path("search"), Times::Always, answer(200, r#"{"issues":[],"isLast":true}"#));
    pause();
    advance(std::time::Duration::from_secs(601)).await;
    resume();
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    world.faults().clear();
    assert_eq!(world.discover().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_site_that_cannot_say_who_the_token_is_fails_the_listing() {
    let world = World::new().await;
    world.faults().fail(Match::path("myself"), Times::Always, Fault::status(500));
    assert!(matches!(world.discover().await, Err(Error::Transport(_))));
    assert_eq!(world.asked(), ["GET /3/myself"; 3]);
}

/// The gateway in front of Cloud knows tokens by their scopes; one that may not read users may still search.
#[tokio::test]
async fn a_token_whose_scopes_leave_users_out_is_known_all_the_same() {
    let world = World::new().await;
    world.ticket(&[TRIGGER]);
    let scope = answer(401, r#"{"code":401,"message":"Unauthorized; scope does not match"}"#);
    world.faults().fail(Match::path("myself"), Times::Always, scope.clone());
    assert_eq!(world.discover().await.unwrap().len(), 1);
    world.faults().fail(Match::path("search"), Times::Next(1), scope);
    let error = world.discover().await.unwrap_err();
    assert!(error.to_string().contains("read:jira-work"), "{error}");
}

/// What was just claimed may still be listed as it was: the listing says so, and the claim reads the ticket.
#[tokio::test]
async fn a_listing_may_lag_and_a_read_does_not() {
    let world = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    world.board.freeze_listings(PROJECT, true).unwrap();
    world.board.add_label(PROJECT, number, "agent-smith:enqueued").unwrap();
    assert_eq!(world.discover().await.unwrap().len(), 1);
    assert!(world.jira.read(&key(number)).await.unwrap().labels.contains("agent-smith:enqueued"));
    world.board.freeze_listings(PROJECT, false).unwrap();
    assert_eq!(world.discover().await.unwrap(), []);
}

#[tokio::test]
async fn a_project_with_a_new_key_has_moved_and_a_moved_issue_is_left_out() {
    let world = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    let foreign = r#"{"key":"ELSE-4","fields":{"labels":[],"status":{"name":"x","statusCategory":{"key":"new"}}}}"#;
    let page = answer(200, &format!(r#"{{"issues":[{foreign}]}}"#));
    world.faults().fail(Match::path("search"), Times::Next(1), page);
    assert_eq!(world.discover().await.unwrap(), [], "the index lags behind a move");
    world.board.move_tracker(PROJECT, "NEWER").unwrap();
    let error = world.discover().await.unwrap_err();
    assert!(
        matches!(&error, Error::Moved { to, cure, .. } if to.ends_with("/browse/NEWER") && cure.contains("NEWER")),
        "{error}"
    );
    assert!(matches!(world.jira.read(&key(number)).await, Err(Error::Moved { .. })));
}
