//! What a read returns, and what a person is told when something is missing.

use agent_smith::platform::{Error, open};
use agent_smith::sim::azure_devops::{SignIn, SimOptions};
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, TOKEN, TRACKER, TRIGGER, World, right, tracker};

#[tokio::test]
async fn a_ticket_is_read_whole() {
    let world = World::new().await;
    let new = NewTicket::titled("Crash").body("<div>It crashes.</div>").label("Bug").label("agent-smith");
    let number = world.board.open_ticket(TRACKER, new).unwrap();
    let ticket = world.azure.read(&number.to_string()).await.unwrap();
    assert_eq!((ticket.title.as_str(), ticket.body.as_str()), ("Crash", "<div>It crashes.</div>"));
    assert_eq!(ticket.labels.iter().collect::<Vec<_>>(), ["Bug", "agent-smith"]);
    assert_eq!((ticket.state.as_str(), ticket.open), ("New", true));
    assert_eq!(ticket.url, format!("{}/_workitems/edit/{number}", world.sim.page_url(TRACKER)));
    assert_eq!(world.asked(), [format!("GET workitems/{number}")]);
    world.board.set_body(TRACKER, number, "").unwrap();
    world.board.close(TRACKER, number).unwrap();
    let ticket = world.azure.read(&number.to_string()).await.unwrap();
    assert_eq!((ticket.body.as_str(), ticket.state.as_str(), ticket.open), ("", "Closed", false));
}

#[tokio::test]
async fn a_bug_has_its_description_in_the_steps_to_reproduce() {
    let world = World::new().await;
    let body = r#"{"id":7,"rev":1,"fields":{"System.State":"active","System.Title":"t","System.Description":" ",
        "Microsoft.VSTS.TCM.ReproSteps":"<p>click</p>"}}"#;
    let content_type = "application/json; charset=utf-8".to_owned();
    let fault = Fault::Answer { status: 200, headers: Vec::new(), content_type, body: body.to_owned() };
    world.faults().fail(Match::any(), Times::Next(1), fault);
    let ticket = world.azure.read("7").await.unwrap();
    assert_eq!((ticket.body.as_str(), ticket.open), ("<p>click</p>", true));
}

#[tokio::test]
async fn what_is_no_ticket_is_not_found() {
    let world = World::new().await;
    let deleted = world.ticket(&[]);
    world.board.delete(TRACKER, deleted).unwrap();
    let pull = world.board.open_pull_request(TRACKER, NewTicket::titled("p")).unwrap();
    let cases = [
        (deleted.to_string(), "deleted"),
        (pull.to_string(), "does not exist"),
        ("99".to_owned(), "does not exist"),
        ("../../user".to_owned(), "number"),
        ("99999999999".to_owned(), "number"),
        ("0".to_owned(), "number"),
        (String::new(), "number"),
    ];
    for (ticket, word) in cases {
        let error = world.azure.read(&ticket).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains(word), "{ticket}: {error}");
    }
}

#[tokio::test]
async fn a_ticket_in_another_project_has_moved_and_its_page_is_named() {
    let world = World::new().await;
    world.board.add_tracker("org/Else where").unwrap();
    let number = world.ticket(&["agent-smith:pending"]);
    world.board.transfer(TRACKER, number, "org/Else where").unwrap();
    let page = format!("{}/_workitems/edit/{number}", world.sim.page_url("org/Else where"));
    let read = world.azure.read(&number.to_string()).await.map(|_| ());
    let write = world.azure.transition(&right(number), None).await.map(|_| ());
    for moved in [read, write] {
        assert!(matches!(&moved, Err(Error::Moved { to, .. }) if *to == page), "{moved:?}");
    }
}

/// Should a server answer with the work items of other projects, they are not taken for ours.
#[tokio::test]
async fn a_ticket_of_another_project_is_not_taken_for_ours() {
    let world = World::new().await;
    let body = r#"{"id":7,"rev":1,"fields":{"System.State":"New","System.TeamProject":"Other"}}"#.to_owned();
    let content_type = "application/json".to_owned();
    let fault = Fault::Answer { status: 200, headers: Vec::new(), content_type, body };
    world.faults().fail(Match::path("workitems/7"), Times::Next(1), fault);
    let error = world.azure.read("7").await.unwrap_err();
    assert!(matches!(&error, Error::Moved { to, .. } if to.ends_with("/org/Other/_workitems/edit/7")), "{error}");
}

#[tokio::test]
async fn a_project_may_be_named_by_its_guid() {
    let world = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    let id = world.board.tracker(TRACKER).unwrap().id;
    let by_guid = open(&tracker(&world.sim, &format!("A9E27F5C-0000-4000-8000-{id:012X}"), Some(TOKEN)), &world.http);
    let by_guid = by_guid.unwrap();
    for _ in 0..2 {
        assert_eq!(by_guid.read(&number.to_string()).await.unwrap().id, number.to_string());
    }
    assert_eq!(world.arrived(), 3, "its name is asked for once");

    world.faults().fail(Match::path("/_apis/projects/"), Times::Always, Fault::status(403));
    let guid = format!("a9e27f5c-0000-4000-8000-{id:012x}");
    let narrow = open(&tracker(&world.sim, &guid, Some(TOKEN)), &world.http).unwrap();
    assert!(narrow.read(&number.to_string()).await.is_ok(), "a token that may not read projects is enough");
}

#[tokio::test]
async fn a_renamed_project_has_moved_and_the_cure_names_it() {
    let world = World::new().await;
    world.ticket(&[TRIGGER]);
    world.board.move_tracker(TRACKER, "org/Renamed").unwrap();
    let access = world.azure.check_access().await.map(|_| ());
    let list = world.discover().await.map(|_| ());
    let read = world.azure.read("1").await.map(|_| ());
    for moved in [access, list, read] {
        let error = moved.unwrap_err();
        assert!(matches!(&error, Error::Moved { to, .. } if to == "Renamed"), "{error}");
        assert!(error.to_string().contains("set `project: Renamed`"), "{error}");
    }
}

#[tokio::test]
async fn good_access_is_one_request_and_names_the_project() {
    let world = World::new().await;
    let access = world.azure.check_access().await.unwrap();
    assert!(access.summary.contains(PROJECT) && access.warning.is_none(), "{access:?}");
    assert_eq!(world.asked(), ["POST wiql"]);
}

#[tokio::test]
async fn a_project_that_cannot_be_seen_is_named_with_its_cure() {
    let world = World::new().await;
    world.board.hide_tracker(TRACKER, true).unwrap();
    for result in [world.azure.check_access().await.map(|_| ()), world.discover().await.map(|_| ())] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&world.sim.page_url(TRACKER)) && text.contains("AZURE_DEVOPS_TOKEN"), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_recognised_in_every_disguise() {
    for (sign_in, status) in [(SignIn::Page, 203), (SignIn::Redirect, 302), (SignIn::Status, 401)] {
        let world = World::with(SimOptions { sign_in, ..SimOptions::default() }).await;
        let number = world.ticket(&[TRIGGER]);
        let wrong = open(&tracker(&world.sim, PROJECT, Some("wrong-secret")), &world.http).unwrap();
        let discovery = [TRIGGER.to_owned()];
        let results = [
            wrong.check_access().await.map(|_| ()),
            wrong.list(agent_smith::platform::Listing::Discovery(&discovery)).await.map(|_| ()),
            wrong.read(&number.to_string()).await.map(|_| ()),
            wrong.transition(&right(number), None).await.map(|_| ()),
        ];
        // Without the wish for no redirect each would be 302.
        let answered: Vec<_> = world.faults().requests().iter().filter_map(|request| request.status).collect();
        assert_eq!(answered, [status; 4], "and none is repeated");
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Unauthorized { .. }) && !error.is_temporary(), "{sign_in:?}: {error}");
            assert!(error.to_string().contains("AZURE_DEVOPS_TOKEN"), "{error}");
            assert!(!format!("{error:?}").contains("wrong-secret"), "{error:?}");
        }
    }
    let world = World::new().await;
    world.faults().fail(Match::any(), Times::Next(1), Fault::html_page(200));
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "a page with status 200: {error}");
}

#[tokio::test]
async fn another_redirect_is_a_move() {
    let world = World::new().await;
    let fault = Fault::status(301).header("location", "https://dev.azure.com/new/My%20Project/_apis/wit/wiql");
    world.faults().fail(Match::any(), Times::Next(1), fault);
    let error = world.discover().await.unwrap_err();
    assert!(matches!(&error, Error::Moved { to, .. } if to.starts_with("https://dev.azure.com/new")), "{error}");
}

#[tokio::test]
async fn a_missing_token_names_the_variable_and_nothing_is_sent() {
    let world = World::new().await;
    let missing = open(&tracker(&world.sim, PROJECT, None), &world.http).unwrap();
    let error = missing.check_access().await.unwrap_err();
    assert!(error.to_string().contains("AZURE_DEVOPS_TOKEN is not set"), "{error}");
    assert!(matches!(missing.read("1").await, Err(Error::Unauthorized { .. })));
    assert_eq!(world.arrived(), 0);
    let broken = open(&tracker(&world.sim, PROJECT, Some("a\u{7}b")), &world.http).map(|_| ());
    assert!(matches!(broken, Err(Error::Unauthorized { .. })));
    assert!(open(&tracker(&world.sim, PROJECT, Some(&format!("{TOKEN}\n"))), &world.http).is_ok());
}

#[tokio::test]
async fn an_echoed_token_is_masked() {
    let world = World::new().await;
    let body = format!(r#"{{"message":"bad {TOKEN} OnNpbXVsYXRlZC1henVyZS1kZXZvcHMtdG9rZW4="}}"#);
    for status in [400, 403] {
        let content_type = "application/json".to_owned();
        let fault = Fault::Answer { status, headers: Vec::new(), content_type, body: body.clone() };
        world.faults().fail(Match::any(), Times::Next(1), fault);
        let text = format!("{:?}", world.discover().await.unwrap_err());
        assert!(text.contains("[token]") && !text.contains(TOKEN) && !text.contains("OnNpbX"), "{text}");
    }
    assert!(!format!("{:?}", world.http).contains(TOKEN));
}

#[tokio::test]
async fn a_project_knows_its_own_guid_and_is_asked_for_it_once() {
    let world = World::new().await;
    let number = world.ticket(&[TRIGGER]);
    world.azure.read(&number.to_string()).await.unwrap();
    let before = world.arrived();
    // As the simulated server tells it, and as its deliveries do.
    let id = world.board.tracker(TRACKER).unwrap().id;
    let guid = format!("a9e27f5c-0000-4000-8000-{id:012x}");
    assert!(world.azure.is_known_as(&guid.to_uppercase()).await.unwrap());
    assert!(world.azure.is_known_as("my project").await.unwrap());
    assert!(!world.azure.is_known_as("a9e27f5c-0000-4000-8000-0000000000ff").await.unwrap());
    assert!(!world.azure.is_known_as("").await.unwrap());
    assert_eq!(world.arrived(), before + 1);
}
