//! What a failing platform or network does to us: bounded, named, and never an empty list.

use agent_smith::platform::Error;
use agent_smith::sim::{Fault, Match, Times};

use super::{TRIGGER, World};

#[tokio::test]
async fn a_read_and_a_query_outlive_two_failures_and_not_three() {
    for fault in [Fault::status(500), Fault::html_page(502), Fault::status(503), Fault::Close, Fault::Truncate] {
        let world = World::new().await;
        let number = world.ticket(&[TRIGGER]).to_string();
        world.faults().fail(Match::any(), Times::Next(2), fault.clone());
        assert_eq!(world.azure.read(&number).await.unwrap().id, number);
        assert_eq!(world.arrived(), 3, "{fault:?}");
        world.faults().fail(Match::any(), Times::Always, fault.clone());
        let error = world.discover().await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)) && error.is_temporary(), "{fault:?}: {error}");
        assert!(error.to_string().contains("query work items of My Project"), "{error}");
        assert_eq!(world.arrived(), 6, "{fault:?}");
    }
}

#[tokio::test]
async fn an_unreadable_answer_is_an_error_and_not_an_empty_list() {
    let answer = |body: &str| Fault::Answer {
        status: 200,
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
    };
    let faults =
        [Fault::Garbage, answer("<html>"), answer(""), answer("{}"), answer("null"), answer("[]"), Fault::status(204)];
    for fault in faults {
        let world = World::new().await;
        let number = world.ticket(&[TRIGGER]).to_string();
        world.faults().fail(Match::any(), Times::Always, fault.clone());
        let error = world.discover().await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{fault:?}: {error}");
        let error = world.azure.read(&number).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{fault:?}: {error}");
        assert_eq!(world.arrived(), 2, "a second try would be no better");
    }
}

#[tokio::test]
async fn a_refused_query_is_told_in_azure_devops_own_words() {
    let world = World::new().await;
    let body = r#"{"message":"VS402337: The number of work items returned exceeds the size limit of 20000."}"#;
    let content_type = "application/json".to_owned();
    let fault = Fault::Answer { status: 400, headers: Vec::new(), content_type, body: body.to_owned() };
    world.faults().fail(Match::path("wiql"), Times::Always, fault);
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 400, .. }) && error.to_string().contains("VS402337"), "{error}");
}
