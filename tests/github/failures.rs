//! What a failing platform or network does to us: bounded, named, and never an empty list.

use std::time::Duration;

use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::{Error, open};
use agent_smith::sim::{Fault, Match, Times};
use tokio::time::Instant;

use super::{REPO, TOKEN, TRIGGER, World, quick, tracker};

#[tokio::test]
async fn a_read_outlives_two_failures_and_not_three() {
    for fault in [Fault::status(500), Fault::html_page(502), Fault::status(503), Fault::Close, Fault::Truncate] {
        let world = World::new().await;
        let number = world.ticket(&[TRIGGER]).to_string();
        world.faults().fail(Match::any(), Times::Next(2), fault.clone());
        assert_eq!(world.github.read(&number).await.unwrap().id, number);
        assert_eq!(world.arrived(), 3, "{fault:?}");
        world.faults().fail(Match::any(), Times::Always, fault.clone());
        let error = world.discover().await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)) && error.is_temporary(), "{fault:?}: {error}");
        assert!(error.to_string().contains("list issues of org/my-api"), "{error}");
        assert_eq!(world.arrived(), 6, "{fault:?}");
    }
}

#[tokio::test]
async fn an_unreadable_answer_is_an_error_and_not_an_empty_list() {
    let empty = |body: &str| Fault::Answer {
        status: 200,
        headers: Vec::new(),
        content_type: "application/json".to_owned(),
        body: body.to_owned(),
    };
    let faults = [Fault::Garbage, Fault::html_page(200), empty(""), empty("{}"), empty("null"), Fault::status(204)];
    for fault in faults {
        let world = World::new().await;
        let number = world.ticket(&[TRIGGER]).to_string();
        world.faults().fail(Match::any(), Times::Always, fault.clone());
        let error = world.discover().await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{fault:?}: {error}");
        let error = world.github.read(&number).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{fault:?}: {error}");
        assert_eq!(world.arrived(), 2, "a second try would be no better");
    }
}

#[tokio::test]
async fn repeats_end_with_the_time_of_the_call() {
    let world = World::new().await;
    let bound = Duration::from_millis(300);
    let http = Http::with(Settings { total_timeout: bound, attempts: u32::MAX, ..quick() }).unwrap();
    let github = open(&tracker(&world.sim, REPO, Some(TOKEN)), &http).unwrap();
    world.faults().fail(Match::any(), Times::Always, Fault::status(502));
    let started = Instant::now();
    assert!(matches!(github.read("1").await, Err(Error::Transport(_))));
    assert!(started.elapsed() < bound * 4, "{:?}", started.elapsed());
    assert!(world.arrived() > 3);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_named_and_not_followed() {
    let world = World::new().await;
    let other = World::new().await;
    let elsewhere = format!("{}/repositories/1", other.sim.api_url());
    for status in [301, 302, 307, 308] {
        let fault = Fault::status(status).header("location", elsewhere.clone());
        world.faults().fail(Match::any(), Times::Next(1), fault);
        match world.discover().await {
            Err(Error::Moved { to, .. }) => assert_eq!(to, elsewhere),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(other.arrived(), 0, "the token goes nowhere else");
}

#[tokio::test]
async fn an_echoed_token_is_not_passed_on() {
    let world = World::new().await;
    for status in [403, 422, 301] {
        let mut fault = Fault::status(status).header("location", format!("http://elsewhere.invalid/?t={TOKEN}"));
        if let Fault::Answer { body, .. } = &mut fault {
            *body = format!(r#"{{"message":"bad header Bearer {TOKEN}"}}"#);
        }
        world.faults().fail(Match::any(), Times::Next(1), fault);
        let error = world.discover().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error:?}");
    }
}
