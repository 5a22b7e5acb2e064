//! What holds a token back, for how long, and whom it concerns.

use std::time::Duration;

use agent_smith::platform::{Error, Platform, Result, open};
use agent_smith::sim::github::{SimOptions, secondary_limit};
use agent_smith::sim::{Fault, Match, Times};
use tokio::time::{Instant, timeout};

use super::{REPO, TOKEN, TRIGGER, World, tracker};

fn wait_of<T: std::fmt::Debug>(result: Result<T>) -> (Duration, String) {
    match result {
        Err(Error::RateLimited { retry_after, reason }) => (retry_after, reason),
        other => panic!("not rate limited: {other:?}"),
    }
}

/// Calls until the hold is over, which it must be within `bound`.
async fn until_let_in(github: &dyn Platform, ticket: &str, bound: Duration) {
    let started = Instant::now();
    while let Err(error) = github.read(ticket).await {
        let wait = error.retry_after().unwrap_or_else(|| panic!("{error}"));
        assert!(started.elapsed() + wait < bound, "held back for too long");
        // Asks again soon; a call that is held back is not sent.
        let _ = timeout(Duration::from_millis(10), std::future::pending::<()>()).await;
    }
}

#[tokio::test]
async fn a_used_up_quota_holds_the_token_back_until_the_reset() {
    for status in [403, 429] {
        let world = World::new().await;
        let number = world.ticket(&[]).to_string();
        world.faults().exhaust_quota(Duration::from_secs(600), status);
        let (wait, reason) = wait_of(world.github.read(&number).await);
        assert!((599..=602).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(reason, "primary limit");
        let arrived = world.arrived();
        for _ in 0..3 {
            assert!(wait_of(world.discover().await).0 <= wait);
            wait_of(world.github.check_access().await);
        }
        assert_eq!(world.arrived(), arrived, "nothing is sent meanwhile");
        assert_eq!(arrived, 1, "and the refusal was not repeated");
    }
}

#[tokio::test]
async fn the_hold_is_shared_by_the_token_and_by_nobody_else() {
    let world = World::new().await;
    world.board.add_tracker("org/other").unwrap();
    let same = open(&tracker(&world.sim, "org/other", Some(TOKEN)), &world.http).unwrap();
    let other = open(&tracker(&world.sim, REPO, Some("another-token")), &world.http).unwrap();
    world.faults().exhaust_quota(Duration::from_secs(600), 403);
    assert_eq!(world.github.held_back(), None);
    wait_of(world.discover().await);
    wait_of(same.check_access().await);
    assert!(matches!(other.check_access().await, Err(Error::Unauthorized { .. })), "another token is not held back");
    assert_eq!(other.held_back(), None);
    let held = same.held_back().unwrap();
    assert_eq!((held.reason.as_str(), world.sim.url().ends_with(&held.host)), ("primary limit", true));
    assert_eq!(world.http.held_back().len(), 1);
}

#[tokio::test]
async fn calls_go_on_when_the_hold_is_over() {
    let world = World::new().await;
    let number = world.ticket(&[]).to_string();
    world.faults().exhaust_quota(Duration::from_secs(1), 403);
    wait_of(world.github.read(&number).await);
    until_let_in(&*world.github, &number, Duration::from_secs(5)).await;
    assert_eq!(world.http.held_back(), []);
    assert_eq!(world.arrived(), 2);
}

#[tokio::test]
async fn the_last_call_of_a_quota_is_the_last_one_sent() {
    let world = World::with(SimOptions { quota: Some(2), ..SimOptions::default() }).await;
    let number = world.ticket(&[]).to_string();
    world.github.read(&number).await.unwrap();
    world.github.read(&number).await.unwrap();
    assert_eq!(wait_of(world.github.read(&number).await).1, "quota used up");
    assert_eq!(world.arrived(), 2);
}

#[tokio::test]
async fn a_secondary_limit_is_obeyed_with_and_without_a_named_wait() {
    for status in [403, 429] {
        for (named, expected) in [(Some(Duration::from_secs(37)), 37), (None, 60)] {
            let world = World::new().await;
            world.ticket(&[TRIGGER]);
            world.faults().fail(Match::any(), Times::Next(1), secondary_limit(status, named));
            let (wait, reason) = wait_of(world.discover().await);
            assert_eq!((wait.as_secs_f64().ceil() as u64, reason.as_str()), (expected, "secondary limit"));
            wait_of(world.discover().await);
            assert_eq!(world.arrived(), 1);
        }
    }
}

#[tokio::test]
async fn a_limit_in_the_middle_of_a_listing_fails_the_listing() {
    let world = World::new().await;
    for _ in 0..150 {
        world.ticket(&[TRIGGER]);
    }
    let limit = secondary_limit(429, Some(Duration::from_secs(9)));
    world.faults().fail(Match::path("/repositories/"), Times::Next(1), limit);
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
async fn a_platform_without_limits_is_not_held_back() {
    let world = World::with(SimOptions { quota: None, ..SimOptions::default() }).await;
    let calls = async {
        for _ in 0..20 {
            world.discover().await.unwrap();
        }
    };
    timeout(Duration::from_secs(5), calls).await.unwrap();
}

#[tokio::test]
async fn requests_at_once_are_bounded_below_what_github_allows() {
    let world = World::new().await;
    world.ticket(&[]);
    let hold = world.faults().hold(Match::any());
    let calls: Vec<_> = (0..120)
        .map(|_| {
            let github = world.github.clone();
            tokio::spawn(async move { github.read("1").await })
        })
        .collect();
    assert!(hold.reached(64, Duration::from_secs(5)).await);
    assert_eq!(world.faults().counters().in_flight, 64);
    drop(hold);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.faults().counters().max_concurrent, 64);
}
