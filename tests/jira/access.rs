//! What a read returns, and what a person is told when something is missing.

use agent_smith::platform::{Error, open};
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::jira::SimOptions;
use agent_smith::sim::{Match, Times};

use super::{EMAIL, PROJECT, TOKEN, World, answer, credentials, key, refusal, right, tracker};

#[tokio::test]
async fn a_ticket_is_read_whole_in_one_request() {
    let world = World::new().await;
    let new = NewTicket::titled("Crash").body("It crashes.\nOften.\n\nSince today.").label("Bug").label("agent-smith");
    let number = world.board.open_ticket(PROJECT, new).unwrap();
    let ticket = world.jira.read("proj-1").await.unwrap();
    assert_eq!(world.arrived(), 1);
    assert_eq!((ticket.id.as_str(), ticket.title.as_str()), ("PROJ-1", "Crash"));
    assert_eq!(ticket.body, "It crashes.\nOften.\n\nSince today.");
    assert_eq!(ticket.labels.iter().collect::<Vec<_>>(), ["Bug", "agent-smith"]);
    assert_eq!((ticket.state.as_str(), ticket.open), ("To Do", true));
    assert_eq!(ticket.url, format!("{}/browse/PROJ-1", world.sim.url()));
    world.board.set_body(PROJECT, number, "").unwrap();
    world.board.close(PROJECT, number).unwrap();
    let ticket = world.jira.read(&key(number)).await.unwrap();
    assert_eq!((ticket.body.as_str(), ticket.state.as_str(), ticket.open), ("", "Done", false));
}

#[tokio::test]
async fn any_status_is_open_until_its_category_is_done() {
    let world = World::new().await;
    for (category, open) in [("new", true), ("indeterminate", true), ("undefined", true), ("done", false)] {
        let status = format!(r#"{{"name":"Geprüft","statusCategory":{{"key":"{category}"}}}}"#);
        let body = format!(r#"{{"key":"PROJ-1","fields":{{"summary":"s","description":null,"status":{status}}}}}"#);
        world.faults().fail(Match::any(), Times::Next(1), answer(200, &body));
        let ticket = world.jira.read("PROJ-1").await.unwrap();
        assert_eq!((ticket.open, ticket.state.as_str()), (open, "Geprüft"), "{category}");
        assert_eq!(ticket.labels.iter().count(), 0, "a field that the project hides is absent");
    }
}

#[tokio::test]
async fn what_is_no_ticket_is_not_found() {
    let world = World::new().await;
    let deleted = world.ticket(&[]);
    world.board.delete(PROJECT, deleted).unwrap();
    let cases = [
        (key(deleted), "exist"),
        (key(99), "exist"),
        ("OTHER-1".to_owned(), "only issues of PROJ"),
        ("1".to_owned(), "key"),
    ];
    for (ticket, word) in cases {
        let error = world.jira.read(&ticket).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains(word), "{ticket}: {error}");
    }
    let arrived = world.arrived();
    for ticket in ["", "../../myself", "PROJ-1/comment", "PROJ-1?x", "PROJ-", "OTHER-1"] {
        assert!(matches!(world.jira.read(ticket).await, Err(Error::NotFound { .. })), "{ticket}");
    }
    assert_eq!(world.arrived(), arrived, "nothing is sent for what cannot be one");
}

#[tokio::test]
async fn a_moved_issue_answers_under_its_new_key_and_that_is_named() {
    let world = World::new().await;
    world.board.add_tracker("ELSE").unwrap();
    let number = world.ticket(&[]);
    world.board.transfer(PROJECT, number, "ELSE").unwrap();
    let page = format!("{}/browse/ELSE-1", world.sim.url());
    let moved = world.jira.read(&key(number)).await.unwrap_err();
    assert!(matches!(&moved, Error::Moved { to, .. } if *to == page), "{moved}");
}

#[tokio::test]
async fn good_access_is_one_request_and_names_the_project() {
    let world = World::new().await;
    let access = world.jira.check_access().await.unwrap();
    assert!(access.summary.contains(PROJECT) && access.summary.contains(&world.sim.url()), "{access:?}");
    assert_eq!(access.warning, None);
    let site = world.client(None, credentials(Some(EMAIL), TOKEN));
    assert_eq!(site.check_access().await.unwrap().summary, world.sim.url());
    assert_eq!(world.asked(), ["GET /3/mypermissions"; 2]);
}

#[tokio::test]
async fn missing_access_is_named_with_its_cure() {
    let world = World::new().await;
    world.board.set_can_write(PROJECT, false).unwrap();
    let error = world.jira.check_access().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("Edit Issues"), "{error}");
    world.board.hide_tracker(PROJECT, true).unwrap();
    let checked = world.jira.check_access().await.map(|_| ()).unwrap_err();
    let listed = world.discover().await.map(|_| ()).unwrap_err();
    for error in [checked, listed] {
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        assert!(error.to_string().contains("project PROJ") && error.to_string().contains("Browse Projects"), "{error}");
    }
}

#[tokio::test]
async fn permissions_that_are_not_told_are_a_warning() {
    let world = World::new().await;
    let told = |body: &str| answer(200, &format!(r#"{{"permissions":{{{body}}}}}"#));
    let has = r#"{"havePermission":true}"#;
    let cases = [
        (told(""), "does not say"),
        (told(&format!(r#""EDIT_ISSUES":{has},"ADD_COMMENTS":{{"havePermission":false}}"#)), "Add Comments"),
        (refusal(404, "no such thing"), "does not tell"),
    ];
    for (fault, word) in cases {
        world.faults().fail(Match::path("mypermissions"), Times::Next(1), fault);
        let warning = world.jira.check_access().await.unwrap().warning.unwrap();
        assert!(warning.contains(word), "{warning}");
    }
}

/// Strangers are told "not found" and "nothing allowed"; whoever has sent a token is told that it is wrong.
#[tokio::test]
async fn a_wrong_token_is_named_in_every_disguise() {
    for tells_failed_login in [false, true] {
        let world = World::with(SimOptions { tells_failed_login, ..SimOptions::default() }).await;
        let number = world.ticket(&[]);
        for project in [Some(PROJECT), None] {
            let stranger = world.client(project, credentials(Some(EMAIL), "atatt-wrong-secret"));
            let comment = agent_smith::platform::Comment::new("m", "b");
            let errors = [
                stranger.check_access().await.map(|_| ()).unwrap_err(),
                stranger.read(&key(number)).await.map(|_| ()).unwrap_err(),
                stranger.transition(&right(number), None).await.map(|_| ()).unwrap_err(),
                stranger.comment(&right(number), &comment).await.unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
                assert!(error.to_string().contains("JIRA_EMAIL and JIRA_TOKEN"), "{error}");
                assert!(!format!("{error:?}").contains("wrong-secret"), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_account_that_must_answer_a_captcha_is_named() {
    let world = World::new().await;
    let denied = refusal(403, "Forbidden").header("x-seraph-loginreason", "AUTHENTICATION_DENIED");
    world.faults().fail(Match::any(), Times::Next(1), denied);
    let error = world.jira.read("PROJ-1").await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("CAPTCHA"), "{error}");
}

#[tokio::test]
async fn a_token_of_cloud_without_its_account_says_what_is_missing() {
    let world = World::new().await;
    let bearer = world.client(Some(PROJECT), credentials(None, TOKEN));
    for error in [bearer.check_access().await.map(|_| ()), bearer.read("PROJ-1").await.map(|_| ())] {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("JIRA_EMAIL"), "{error}");
    }
}

#[tokio::test]
async fn missing_and_unusable_credentials_ask_nobody() {
    let world = World::new().await;
    let missing = world.client(Some(PROJECT), None);
    let error = missing.check_access().await.unwrap_err();
    assert!(error.to_string().contains("JIRA_EMAIL") && error.to_string().contains("JIRA_TOKEN"), "{error}");
    assert!(matches!(missing.read("PROJ-1").await, Err(Error::Unauthorized { .. })));
    assert_eq!(world.arrived(), 0);
    let broken = open(&tracker(&world.sim, Some(PROJECT), credentials(None, "a\u{7}b")), &world.http).map(|_| ());
    assert!(matches!(broken, Err(Error::Unauthorized { .. })));
    let spaced = world.client(Some(PROJECT), credentials(Some(EMAIL), &format!("{TOKEN}\n")));
    spaced.check_access().await.unwrap();
}
