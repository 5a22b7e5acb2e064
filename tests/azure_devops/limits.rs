//! What holds a token back, for how long, and whom it concerns.

use std::time::Duration;

use agent_smith::platform::{Error, Result, open};
use agent_smith::sim::azure_devops::{SimOptions, blocked};
use agent_smith::sim::{Fault, Match, Times};
use tokio::time::Instant;

use super::{PROJECT, TOKEN, TRIGGER, World, tracker};

fn wait_of<T: std::fmt::Debug>(result: Result<T>) -> (Duration, String) {
    match result {
        Err(Error::RateLimited { retry_after, reason }) => (retry_after, reason),
        other => panic!("not rate limited: {other:?}"),
    }
}

#[tokio::test]
async fn a_used_up_quota_holds_the_token_back_until_the_reset() {
    let world = World::new().await;
    let number = world.ticket(&[]).to_string();
    let other = open(&tracker(&world.sim, "Other", Some(TOKEN)), &world.http).unwrap();
    world.faults().exhaust_quota(Duration::from_secs(600), 429);
    let (wait, _) = wait_of(world.azure.read(&number).await);
    assert!((599..=602).contains(&wait.as_secs()), "{wait:?}");
    for _ in 0..3 {
        assert!(wait_of(world.discover().await).0 <= wait);
        wait_of(other.check_access().await);
    }
    assert_eq!(world.arrived(), 1, "nothing is sent meanwhile, and the refusal was not repeated");
    assert!(world.azure.held_back().is_some());
}

#[tokio::test]
async fn a_block_is_obeyed_with_and_without_a_named_wait() {
    for (named, expected) in [(Some(Duration::from_secs(37)), 37), (None, 60)] {
        let world = World::new().await;
        world.faults().fail(Match::any(), Times::Next(1), blocked(named));
        assert_eq!(wait_of(world.discover().await).0.as_secs_f64().ceil() as u64, expected);
        wait_of(world.discover().await);
        assert_eq!(world.arrived(), 1);
    }
}

/// The first sign of a limit: the request succeeds late and says how long to wait before the next one.
#[tokio::test]
async fn a_wait_on_a_success_is_obeyed_by_the_next_operation() {
    let delay = Duration::from_secs(30);
    let world = World::with(SimOptions { quota: Some(10), delay, ..SimOptions::default() }).await;
    let number = world.ticket(&[TRIGGER]).to_string();
    for _ in 0..9 {
        world.azure.read(&number).await.unwrap();
    }
    world.azure.read(&number).await.unwrap();
    let (wait, reason) = wait_of(world.azure.read(&number).await);
    assert!(wait <= delay && wait > delay - Duration::from_secs(5), "{wait:?}");
    assert_eq!(reason, "delayed by the platform");
    assert_eq!(world.arrived(), 10);
}

/// An operation of two requests waits out a short delay between them; else it would begin anew for ever.
#[tokio::test]
async fn a_short_wait_in_the_middle_of_an_operation_is_waited_out() {
    let delay = Duration::from_secs(1);
    let world = World::with(SimOptions { quota: Some(20), delay, ..SimOptions::default() }).await;
    let number = world.ticket(&[TRIGGER]);
    for _ in 0..18 {
        world.azure.read(&number.to_string()).await.unwrap();
    }
    let started = Instant::now();
    assert_eq!(world.discover().await.unwrap().len(), 1);
    assert!(started.elapsed() >= delay, "{:?}", started.elapsed());
    wait_of(world.discover().await);
    assert_eq!(world.arrived(), 20, "and the next operation fails at once");
}

#[tokio::test]
async fn a_limit_in_the_middle_of_a_listing_fails_the_listing() {
    let world = World::new().await;
    world.ticket(&[TRIGGER]);
    world.faults().fail(Match::path("workitemsbatch"), Times::Next(1), blocked(Some(Duration::from_secs(9))));
    wait_of(world.discover().await);
    assert_eq!(world.arrived(), 2);
}

#[tokio::test]
async fn an_unavailable_platform_that_names_a_wait_is_left_alone() {
    let world = World::new().await;
    world.faults().fail(Match::any(), Times::Always, Fault::status(503).header("retry-after", "20"));
    assert_eq!(wait_of(world.discover().await).1, "platform unavailable");
    wait_of(world.discover().await);
    assert_eq!(world.arrived(), 1);
}

#[tokio::test]
async fn a_403_about_rights_holds_nobody_back() {
    let world = World::new().await;
    world.faults().fail(Match::any(), Times::Next(1), Fault::status(403));
    assert!(matches!(world.discover().await, Err(Error::Unauthorized { .. })));
    world.discover().await.unwrap();
}

#[tokio::test]
async fn a_server_without_limits_holds_nobody_back() {
    let world = World::with(SimOptions { quota: None, ..SimOptions::default() }).await;
    for _ in 0..20 {
        world.discover().await.unwrap();
    }
    let wrong = open(&tracker(&world.sim, PROJECT, Some("wrong")), &world.http).unwrap();
    assert!(wrong.check_access().await.is_err());
    assert_eq!(world.http.held_back(), []);
}
