//! What a read returns, and what a person is told when something is missing.

use agent_smith::platform::{Error, open};
use agent_smith::sim::board::NewTicket;

use super::{REPO, TOKEN, TRIGGER, World, tracker};

#[tokio::test]
async fn a_ticket_is_read_whole() {
    let world = World::new().await;
    let new = NewTicket::titled("Crash").body("It crashes.\n").label("Bug").label("agent-smith");
    let number = world.board.open_ticket(REPO, new).unwrap();
    let ticket = world.github.read(&number.to_string()).await.unwrap();
    assert_eq!((ticket.title.as_str(), ticket.body.as_str()), ("Crash", "It crashes.\n"));
    assert_eq!(ticket.labels.iter().collect::<Vec<_>>(), ["Bug", "agent-smith"]);
    assert_eq!((ticket.state.as_str(), ticket.open), ("open", true));
    assert_eq!(ticket.url, format!("{}/issues/{number}", world.sim.page_url(REPO)));
    world.board.set_body(REPO, number, "").unwrap();
    world.board.close(REPO, number).unwrap();
    let ticket = world.github.read(&number.to_string()).await.unwrap();
    assert_eq!((ticket.body.as_str(), ticket.state.as_str(), ticket.open), ("", "closed", false));
}

#[tokio::test]
async fn what_is_no_ticket_is_not_found() {
    let world = World::new().await;
    let deleted = world.ticket(&[]);
    world.board.delete(REPO, deleted).unwrap();
    let pull = world.board.open_pull_request(REPO, NewTicket::titled("p")).unwrap();
    let cases = [
        (deleted.to_string(), "deleted"),
        (pull.to_string(), "pull request"),
        ("99".to_owned(), "does not exist"),
        ("../../user".to_owned(), "number"),
        (String::new(), "number"),
    ];
    for (ticket, word) in cases {
        let error = world.github.read(&ticket).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains(word), "{ticket}: {error}");
    }
}

#[tokio::test]
async fn a_transferred_ticket_has_moved_and_the_new_page_is_named() {
    let world = World::new().await;
    world.board.add_tracker("org/elsewhere").unwrap();
    let number = world.ticket(&["agent-smith:pending"]);
    let there = world.board.transfer(REPO, number, "org/elsewhere").unwrap();
    let page = format!("{}/issues/{there}", world.sim.page_url("org/elsewhere"));
    let read = world.github.read(&number.to_string()).await.map(|_| ());
    let write = world.github.transition(&super::right(number), None).await.map(|_| ());
    for moved in [read, write] {
        assert!(matches!(&moved, Err(Error::Moved { to, .. }) if *to == page), "{moved:?}");
    }
}

#[tokio::test]
async fn a_renamed_repository_has_moved_and_the_cure_names_the_url() {
    let world = World::new().await;
    world.ticket(&[TRIGGER]);
    world.board.move_tracker(REPO, "org/renamed").unwrap();
    let page = world.sim.page_url("org/renamed");
    let access = world.github.check_access().await.map(|_| ());
    let list = world.discover().await.map(|_| ());
    for moved in [access, list] {
        let error = moved.unwrap_err();
        assert!(matches!(&error, Error::Moved { to, cure, .. } if *to == page && cure.contains("set url")), "{error}");
    }
}

#[tokio::test]
async fn good_access_is_one_request_and_names_the_repository() {
    let world = World::new().await;
    let access = world.github.check_access().await.unwrap();
    assert!(access.summary.contains(REPO) && access.warning.is_none(), "{access:?}");
    assert_eq!(world.arrived(), 1);
}

#[tokio::test]
async fn missing_access_is_named_with_its_cure() {
    let world = World::new().await;
    world.board.set_can_write(REPO, false).unwrap();
    let error = world.github.check_access().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("triage"), "{error}");
    world.board.hide_tracker(REPO, true).unwrap();
    let error = world.github.check_access().await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(error.to_string().contains(&world.sim.page_url(REPO)) && error.to_string().contains("scope"), "{error}");
    assert!(matches!(world.discover().await, Err(Error::NotFound { .. })), "and no empty list");
}

#[tokio::test]
async fn an_archived_repository_and_one_without_issues_are_no_trackers() {
    use agent_smith::sim::{Fault, Match, Times};
    let world = World::new().await;
    for (field, word) in [(r#""archived":true"#, "archived"), (r#""has_issues":false"#, "switched off")] {
        let body = format!(r#"{{"full_name":"{REPO}","permissions":{{"push":true}},{field}}}"#);
        let content_type = "application/json".to_owned();
        let fault = Fault::Answer { status: 200, headers: Vec::new(), content_type, body };
        world.faults().fail(Match::any(), Times::Next(1), fault);
        let error = world.github.check_access().await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains(word), "{error}");
    }
    let mut gone = Fault::status(410);
    if let Fault::Answer { body, .. } = &mut gone {
        *body = r#"{"message":"Issues has been disabled in this repository."}"#.to_owned();
    }
    world.faults().fail(Match::any(), Times::Next(1), gone);
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains("enable them"), "{error}");
}

#[tokio::test]
async fn a_wrong_token_and_a_missing_one_name_the_variable() {
    let world = World::new().await;
    let wrong = open(&tracker(&world.sim, REPO, Some("ghp_wrong-secret")), &world.http).unwrap();
    let error = wrong.check_access().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("GITHUB_TOKEN"), "{error}");
    assert!(!format!("{error:?}").contains("ghp_wrong-secret"));
    let arrived = world.arrived();
    let missing = open(&tracker(&world.sim, REPO, None), &world.http).unwrap();
    let error = missing.check_access().await.unwrap_err();
    assert!(error.to_string().contains("GITHUB_TOKEN is not set"), "{error}");
    assert!(matches!(missing.read("1").await, Err(Error::Unauthorized { .. })));
    assert_eq!(world.arrived(), arrived, "nothing is sent without a token");
    let broken = open(&tracker(&world.sim, REPO, Some("a\u{7}b")), &world.http).map(|_| ());
    assert!(matches!(broken, Err(Error::Unauthorized { .. })));
    assert!(open(&tracker(&world.sim, REPO, Some(&format!("{TOKEN}\n"))), &world.http).is_ok());
}
