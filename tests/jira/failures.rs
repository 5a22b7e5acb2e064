//! What a failing platform or network does to us: bounded, named, and never an empty list.

use agent_smith::platform::Error;
use agent_smith::sim::{Fault, Match, Times};

use super::{TOKEN, TRIGGER, World, answer, key, refusal};

#[tokio::test]
async fn a_read_outlives_two_failures_and_not_three() {
    for fault in [Fault::status(500), Fault::html_page(502), Fault::status(503), Fault::Close, Fault::Truncate] {
        let world = World::new().await;
        let ticket = key(world.ticket(&[TRIGGER]));
        world.faults().fail(Match::any(), Times::Next(2), fault.clone());
        assert_eq!(world.jira.read(&ticket).await.unwrap().id, ticket);
        assert_eq!(world.arrived(), 3, "{fault:?}");
        world.discover().await.unwrap();
        world.faults().fail(Match::any(), Times::Always, fault.clone());
        let error = world.discover().await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)) && error.is_temporary(), "{fault:?}: {error}");
        assert!(error.to_string().contains("list issues") && error.to_string().contains("PROJ"), "{error}");
    }
}

#[tokio::test]
async fn an_unreadable_answer_is_an_error_and_not_an_empty_list() {
    let faults = [
        Fault::Garbage,
        Fault::html_page(200),
        answer(200, ""),
        answer(200, "{}"),
        answer(200, "null"),
        Fault::status(204),
    ];
    for fault in faults {
        let world = World::new().await;
        let ticket = key(world.ticket(&[TRIGGER]));
        world.discover().await.unwrap();
        world.faults().fail(Match::any(), Times::Always, fault.clone());
        let listed = world.discover().await.map(|_| ()).unwrap_err();
        let read = world.jira.read(&ticket).await.map(|_| ()).unwrap_err();
        let checked = world.jira.check_access().await.map(|_| ()).unwrap_err();
        for error in [listed, read, checked] {
            assert!(matches!(error, Error::Malformed { .. }), "{fault:?}: {error}");
        }
    }
}

/// A page with status 200 must not pass for a Cloud that has answered.
#[tokio::test]
async fn an_unreadable_first_answer_teaches_nothing() {
    let world = World::data_center().await;
    let ticket = key(world.ticket(&[]));
    world.faults().fail(Match::any(), Times::Next(1), Fault::html_page(200));
    world.jira.read(&ticket).await.unwrap_err();
    world.jira.read(&ticket).await.unwrap();
}

/// "Not found" drops a job, so that it must come from Jira itself.
#[tokio::test]
async fn a_page_with_status_404_is_no_missing_ticket() {
    let world = World::new().await;
    let ticket = key(world.ticket(&[]));
    for _ in 0..2 {
        world.faults().fail(Match::any(), Times::Next(1), Fault::html_page(404));
        world.faults().fail(Match::any(), Times::Next(1), Fault::html_page(404));
        let error = world.jira.read(&ticket).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains("api_url"), "{error}");
        world.faults().clear();
        world.jira.read(&ticket).await.unwrap();
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_named_and_not_followed() {
    let world = World::new().await;
    world.discover().await.unwrap();
    let other = World::new().await;
    let elsewhere = format!("{}/rest/api/3/search/jql", other.sim.url());
    for status in [301, 302, 307, 308] {
        let fault = Fault::status(status).header("location", elsewhere.clone());
        world.faults().fail(Match::any(), Times::Next(1), fault);
        let error = world.discover().await.unwrap_err();
        assert!(matches!(&error, Error::Moved { to, .. } if *to == elsewhere), "{error}");
    }
    assert_eq!(other.arrived(), 0, "the token goes nowhere else");
}

#[tokio::test]
async fn a_redirect_to_a_sign_in_page_is_a_token_that_is_not_accepted() {
    let world = World::new().await;
    for location in
        ["/login.jsp?os_destination=%2Frest", "https://idp.example/saml2/idp", "https://idp.example/oauth2/x"]
    {
        world.faults().fail(Match::any(), Times::Next(1), Fault::status(302).header("location", location));
        let error = world.jira.read("PROJ-1").await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("sign-in"), "{error}");
    }
}

#[tokio::test]
async fn an_echoed_token_is_not_passed_on() {
    let world = World::new().await;
    world.discover().await.unwrap();
    let basic = "c21pdGhAc2ltdWxhdGVkLmV4YW1wbGU6c2ltdWxhdGVkLWppcmEtdG9rZW4=";
    for status in [400, 403, 404, 409, 410, 422, 301] {
        let fault = refusal(status, &format!("bad header Basic {basic} {TOKEN}"));
        let fault = fault.header("location", format!("http://elsewhere.invalid/?t={TOKEN}&b={basic}"));
        world.faults().fail(Match::any(), Times::Next(1), fault);
        let error = world.jira.read("PROJ-1").await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains(TOKEN) && !text.contains(basic), "{text}");
    }
    assert!(!format!("{:?}", world.jira.held_back()).contains(TOKEN));
}

/// What Jira says is passed on, in one line.
#[tokio::test]
async fn a_refusal_says_what_jira_said() {
    let world = World::new().await;
    world.discover().await.unwrap();
    let fault = answer(422, r#"{"errorMessages":["Workflow is broken."],"errors":{"status":"No such step."}}"#);
    world.faults().fail(Match::any(), Times::Next(1), fault);
    let error = world.jira.read("PROJ-1").await.unwrap_err();
    assert!(error.to_string().contains("Workflow is broken.; status: No such step."), "{error}");
    world.faults().fail(Match::path("search"), Times::Next(1), refusal(410, "The requested API has been removed."));
    let error = world.discover().await.unwrap_err();
    assert!(error.to_string().contains("/rest/api/3"), "{error}");
}
