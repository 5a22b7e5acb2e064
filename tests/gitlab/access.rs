//! What a read returns, and what a person is told when something is missing.

use agent_smith::platform::{Error, open};
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::gitlab::{SimOptions, token_expired};
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, TOKEN, TRIGGER, World, right, tracker};

#[tokio::test]
async fn a_ticket_is_read_whole_in_one_request() {
    for prefix in ["", "/gitlab"] {
        let world = World::with(SimOptions { prefix: prefix.to_owned(), ..SimOptions::default() }).await;
        let new = NewTicket::titled("Crash").body("It crashes.\n").label("Bug").label(TRIGGER);
        let number = world.board.open_ticket(PROJECT, new).unwrap();
        let ticket = world.gitlab.read(&number.to_string()).await.unwrap();
        assert_eq!((ticket.title.as_str(), ticket.body.as_str()), ("Crash", "It crashes.\n"));
        assert_eq!(ticket.labels.iter().collect::<Vec<_>>(), ["Bug", TRIGGER]);
        assert_eq!((ticket.state.as_str(), ticket.open), ("opened", true));
        assert_eq!(ticket.url, format!("{}{prefix}/{PROJECT}/-/issues/{number}", world.sim.url()));
        assert_eq!(world.arrived(), 1);
        world.board.set_body(PROJECT, number, "").unwrap();
        world.board.close(PROJECT, number).unwrap();
        let ticket = world.gitlab.read(&number.to_string()).await.unwrap();
        assert_eq!((ticket.body.as_str(), ticket.state.as_str(), ticket.open), ("", "closed", false));
    }
}

#[tokio::test]
async fn what_is_no_ticket_is_not_found() {
    let world = World::new().await;
    let deleted = world.ticket(&[]);
    world.board.delete(PROJECT, deleted).unwrap();
    let merge = world.board.open_pull_request(PROJECT, NewTicket::titled("m")).unwrap();
    let cases = [
        (deleted.to_string(), "does not exist"),
        (merge.to_string(), "does not exist"),
        ("99".to_owned(), "does not exist"),
        ("../../user".to_owned(), "number"),
        ("+7".to_owned(), "number"),
        ("99999999999999999999".to_owned(), "number"),
        (String::new(), "number"),
    ];
    for (ticket, word) in cases {
        let error = world.gitlab.read(&ticket).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains(word), "{ticket}: {error}");
    }
}

#[tokio::test]
async fn a_ticket_that_went_to_another_project_has_moved() {
    let world = World::new().await;
    world.board.add_tracker("group/elsewhere").unwrap();
    let number = world.ticket(&["agent-smith:pending"]);
    let there = world.board.transfer(PROJECT, number, "group/elsewhere").unwrap();
    let id = world.board.ticket("group/elsewhere", there).unwrap().id.to_string();
    let error = world.gitlab.read(&number.to_string()).await.unwrap_err();
    assert!(matches!(&error, Error::Moved { to, .. } if to.contains(&id)), "{error}");
}

#[tokio::test]
async fn a_renamed_project_has_moved_and_the_cure_names_the_url() {
    for prefix in ["", "/gitlab"] {
        let world = World::with(SimOptions { prefix: prefix.to_owned(), ..SimOptions::default() }).await;
        let number = world.ticket(&[TRIGGER]).to_string();
        world.board.move_tracker(PROJECT, "group/renamed").unwrap();
        let page = format!("{}{prefix}/group/renamed", world.sim.url());
        let access = world.gitlab.check_access().await.map(|_| ());
        let list = world.discover().await.map(|_| ());
        for moved in [access, list] {
            let error = moved.unwrap_err();
            assert!(
                matches!(&error, Error::Moved { to, cure, .. } if *to == page && cure.contains("set url")),
                "{error}"
            );
        }
        let error = world.gitlab.read(&number).await.unwrap_err();
        assert!(matches!(&error, Error::Moved { to, .. } if *to == page), "{error}");
    }
}

#[tokio::test]
async fn good_access_is_one_request_and_names_the_project() {
    let world = World::new().await;
    let access = world.gitlab.check_access().await.unwrap();
    assert!(access.summary.contains(PROJECT) && access.warning.is_none(), "{access:?}");
    assert_eq!(world.asked(), ["GET "]);
}

#[tokio::test]
async fn missing_access_is_named_with_its_cure() {
    let world = World::new().await;
    world.board.set_can_write(PROJECT, false).unwrap();
    let error = world.gitlab.check_access().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("Planner"), "{error}");
    world.board.hide_tracker(PROJECT, true).unwrap();
    let access = world.gitlab.check_access().await.map(|_| ());
    let read = world.gitlab.read("1").await.map(|_| ());
    let list = world.discover().await.map(|_| ());
    for result in [access, read, list] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "and no empty list: {error}");
        let text = error.to_string();
        assert!(text.contains(&world.sim.page_url(PROJECT)) && text.contains("member of the project"), "{error}");
    }
}

/// An instance below a path, and a base without that path.
#[tokio::test]
async fn a_wrong_base_names_the_base() {
    let world = World::with(SimOptions { prefix: "/gitlab".to_owned(), ..SimOptions::default() }).await;
    let wrong = tracker(&world.sim, PROJECT, Some(TOKEN));
    let base = format!("{}/api/v4", world.sim.url());
    let wrong = open(&agent_smith::config::Tracker { api_url: base.parse().unwrap(), ..wrong }, &world.http).unwrap();
    let error = wrong.check_access().await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains(&base), "{error}");
    let sign_in = Fault::status(302).header("location", format!("{}/users/sign_in", world.sim.url()));
    world.faults().fail(Match::any(), Times::Next(1), sign_in);
    let error = wrong.check_access().await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains(&base), "{error}");
}

#[tokio::test]
async fn a_project_that_is_archived_or_has_no_issues_is_no_tracker() {
    let world = World::new().await;
    for (field, word) in [(r#""archived":true"#, "archived"), (r#""issues_access_level":"disabled""#, "switched off")] {
        world.faults().fail(Match::any(), Times::Next(1), project(field));
        let error = world.gitlab.check_access().await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn the_larger_of_two_roles_counts_and_an_unnamed_one_is_a_warning() {
    let world = World::new().await;
    for (roles, usable, warned) in [
        (r#"{"project_access":{"access_level":10},"group_access":{"access_level":30}}"#, true, false),
        (r#"{"project_access":{"access_level":15},"group_access":null}"#, true, false),
        (r#"{"project_access":null,"group_access":{"access_level":10}}"#, false, false),
        (r#"{"project_access":null,"group_access":null}"#, true, true),
        ("null", true, true),
    ] {
        world.faults().fail(Match::any(), Times::Next(1), project(&format!(r#""permissions":{roles}"#)));
        let access = world.gitlab.check_access().await;
        assert_eq!(access.is_ok(), usable, "{roles}: {access:?}");
        assert_eq!(access.is_ok_and(|access| access.warning.is_some()), warned, "{roles}");
    }
}

fn project(field: &str) -> Fault {
    let body = format!(r#"{{"path_with_namespace":"{PROJECT}",{field}}}"#);
    Fault::Answer { status: 200, headers: Vec::new(), content_type: "application/json".to_owned(), body }
}

#[tokio::test]
async fn a_wrong_token_an_expired_one_and_a_missing_one_name_the_variable() {
    let world = World::new().await;
    let wrong = open(&tracker(&world.sim, PROJECT, Some("glpat-wrong-secret")), &world.http).unwrap();
    let error = wrong.check_access().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("GITLAB_TOKEN"), "{error}");
    assert!(!format!("{error:?} {wrong:?}", wrong = wrong.kind()).contains("glpat-wrong-secret"));
    world.faults().fail(Match::any(), Times::Next(1), token_expired());
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("Token is expired"), "{error}");
    let arrived = world.arrived();
    let missing = open(&tracker(&world.sim, PROJECT, None), &world.http).unwrap();
    let error = missing.check_access().await.unwrap_err();
    assert!(error.to_string().contains("GITLAB_TOKEN is not set"), "{error}");
    assert!(matches!(missing.read("1").await, Err(Error::Unauthorized { .. })));
    assert!(matches!(missing.transition(&right(1), None).await, Err(Error::Unauthorized { .. })));
    assert_eq!(world.arrived(), arrived, "nothing is sent without a token");
    let broken = open(&tracker(&world.sim, PROJECT, Some("a\u{7}b")), &world.http).map(|_| ());
    assert!(matches!(broken, Err(Error::Unauthorized { .. })));
    assert!(open(&tracker(&world.sim, PROJECT, Some(&format!("{TOKEN}\n"))), &world.http).is_ok());
}
