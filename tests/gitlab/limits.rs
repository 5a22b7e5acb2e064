//! What holds a token back, for how long, and whom it concerns.

use std::time::Duration;

use agent_smith::platform::{Error, Result, open};
use agent_smith::sim::gitlab::{SimOptions, address_blocked, retry_later};
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, TOKEN, TRIGGER, World, right, tracker};

fn wait_of<T: std::fmt::Debug>(result: Result<T>) -> (Duration, String) {
    match result {
        Err(Error::RateLimited { retry_after, reason }) => (retry_after, reason),
        other => panic!("not rate limited: {other:?}"),
    }
}

#[tokio::test]
async fn a_used_up_quota_holds_the_token_back_as_long_as_retry_after_says() {
    let world = World::new().await;
    let number = world.ticket(&[]).to_string();
    world.faults().exhaust_quota(Duration::from_secs(600), 429);
    let (wait, reason) = wait_of(world.gitlab.read(&number).await);
    assert!((599..=602).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(reason, "primary limit");
    for _ in 0..3 {
        assert!(wait_of(world.discover().await).0 <= wait);
        wait_of(world.gitlab.check_access().await);
        wait_of(world.gitlab.transition(&right(1), None).await);
    }
    assert_eq!(world.arrived(), 1, "nothing is sent meanwhile, and the refusal was not repeated");
    assert_eq!(world.gitlab.held_back().unwrap().reason, "primary limit");
}

#[tokio::test]
async fn the_hold_is_shared_by_the_token_and_by_nobody_else() {
    let world = World::new().await;
    world.board.add_tracker("group/other").unwrap();
    let same = open(&tracker(&world.sim, "group/other", Some(TOKEN)), &world.http).unwrap();
    let other = open(&tracker(&world.sim, PROJECT, Some("another-token")), &world.http).unwrap();
    world.faults().fail(Match::any(), Times::Next(1), retry_later(Some(Duration::from_secs(600))));
    wait_of(world.discover().await);
    wait_of(same.check_access().await);
    assert!(matches!(other.check_access().await, Err(Error::Unauthorized { .. })), "another token is not held back");
    assert_eq!(world.http.held_back().len(), 1);
}

#[tokio::test]
async fn the_last_call_of_a_quota_is_the_last_one_sent() {
    let world = World::with(SimOptions { quota: Some(2), ..SimOptions::default() }).await;
    let number = world.ticket(&[]).to_string();
    world.gitlab.read(&number).await.unwrap();
    world.gitlab.read(&number).await.unwrap();
    assert_eq!(wait_of(world.gitlab.read(&number).await).1, "quota used up");
    assert_eq!(world.arrived(), 2);
}

#[tokio::test]
async fn a_plain_text_429_is_obeyed_with_and_without_a_named_wait() {
    for (named, expected) in [(Some(Duration::from_secs(37)), 37), (None, 60)] {
        let world = World::new().await;
        world.ticket(&[TRIGGER]);
        world.faults().fail(Match::any(), Times::Next(1), retry_later(named));
        let (wait, _) = wait_of(world.discover().await);
        assert_eq!(wait.as_secs_f64().ceil() as u64, expected);
        wait_of(world.discover().await);
        assert_eq!(world.arrived(), 1);
    }
}

#[tokio::test]
async fn a_limit_in_the_middle_of_a_listing_or_a_write_fails_it() {
    let world = World::new().await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    world.faults().fail(Match::path("cursor="), Times::Next(1), retry_later(Some(Duration::from_secs(9))));
    wait_of(world.discover().await);
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.faults().fail(Match::new("PUT", ""), Times::Always, retry_later(None));
    wait_of(world.gitlab.transition(&right(number), Some(agent_smith::lifecycle::Lifecycle::Enqueued)).await);
    assert_eq!(world.asked(), ["POST /labels", "PUT /issues/1"]);
}

#[tokio::test]
async fn a_blocked_address_is_left_alone_and_a_403_about_rights_holds_nobody_back() {
    let world = World::new().await;
    world.faults().fail(Match::any(), Times::Next(1), Fault::status(403));
    assert!(matches!(world.discover().await, Err(Error::Unauthorized { .. })));
    world.discover().await.unwrap();
    world.faults().fail(Match::any(), Times::Next(1), address_blocked());
    wait_of(world.discover().await);
    wait_of(world.discover().await);
    assert_eq!(world.http.held_back().len(), 1);
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
async fn a_platform_without_limits_is_not_held_back() {
    let world = World::with(SimOptions { quota: None, ..SimOptions::default() }).await;
    for _ in 0..20 {
        world.discover().await.unwrap();
    }
    assert_eq!(world.http.held_back(), []);
}
