//! What holds whom back, and for how long.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle::{Enqueued, Pending};
use agent_smith::platform::{Comment, Error, Result};
use agent_smith::sim::jira::{SimOptions, rate_limit};
use agent_smith::sim::{Fault, Match, Times};
use chrono::{SecondsFormat, Utc};
use tokio::time::Instant;

use super::{PROJECT, TOKEN, TRIGGER, World, credentials, key, right, right_for};

const ONE_ISSUE: &str = "jira-per-issue-on-write";

fn wait_of<T: std::fmt::Debug>(result: Result<T>) -> u64 {
    match result {
        Err(Error::RateLimited { retry_after, .. }) => retry_after.as_secs_f64().ceil() as u64,
        other => panic!("not rate limited: {other:?}"),
    }
}

#[tokio::test]
async fn a_burst_holds_the_token_back_for_as_long_as_it_says() {
    for (named, expected) in [(Some(Duration::from_secs(37)), 37), (None, 60)] {
        let world = World::new().await;
        let number = world.ticket(&[TRIGGER]);
        world.discover().await.unwrap();
        let arrived = world.arrived();
        world.faults().fail(Match::any(), Times::Next(1), rate_limit("jira-burst-based", named));
        assert_eq!(wait_of(world.discover().await), expected);
        wait_of(world.jira.read(&key(number)).await);
        wait_of(world.jira.transition(&right(number), Some(Enqueued)).await);
        assert_eq!(world.arrived(), arrived + 1, "nothing is sent meanwhile");
        assert!(world.jira.held_back().is_some());
        let other = world.client(Some(PROJECT), credentials(Some("other@simulated.example"), "other"));
        assert_eq!(other.held_back(), None);
    }
}

#[tokio::test]
async fn a_reset_is_a_moment_with_or_without_seconds() {
    let in_two_minutes = Utc::now() + Duration::from_secs(120);
    let with = in_two_minutes.to_rfc3339_opts(SecondsFormat::Secs, true);
    let without = in_two_minutes.format("%Y-%m-%dT%H:%MZ").to_string();
    for (reset, range) in [(with, 115..=121), (without, 55..=121)] {
        let world = World::new().await;
        let limit = rate_limit("jira-quota-tenant-based", None).header("x-ratelimit-reset", &reset);
        world.faults().fail(Match::any(), Times::Next(1), limit);
        let wait = wait_of(world.discover().await);
        assert!(range.contains(&wait), "{reset}: {wait}");
    }
}

#[tokio::test]
async fn a_used_up_quota_is_obeyed_and_the_last_call_is_the_last_one_sent() {
    let world = World::with(SimOptions { quota: Some(2), ..SimOptions::default() }).await;
    let number = world.ticket(&[]);
    for _ in 0..2 {
        world.jira.read(&key(number)).await.unwrap();
    }
    assert!(wait_of(world.jira.read(&key(number)).await) > 3_000);
    assert_eq!(world.arrived(), 2);

    let world = World::with(SimOptions { quota: Some(100), ..SimOptions::default() }).await;
    world.faults().exhaust_quota(Duration::from_secs(600), 429);
    assert!((595..=602).contains(&wait_of(world.discover().await)));
    assert_eq!(world.arrived(), 1);
}

#[tokio::test]
async fn an_unavailable_site_that_names_a_wait_is_left_alone() {
    let world = World::new().await;
    world.faults().fail(Match::any(), Times::Always, Fault::status(503).header("retry-after", "20"));
    assert_eq!(wait_of(world.discover().await), 20);
    wait_of(world.discover().await);
    assert_eq!(world.arrived(), 1);
}

#[tokio::test]
async fn the_limit_of_one_issue_is_waited_out_and_holds_back_nobody_else() {
    let world = World::new().await;
    let (limited, other) = (world.ticket(&["agent-smith:pending"]), world.ticket(&["agent-smith:pending"]));
    let limit = rate_limit(ONE_ISSUE, Some(Duration::from_secs(1)));
    world.faults().fail(Match::new("PUT", "PROJ-1"), Times::Next(1), limit);
    let started = Instant::now();
    let (first, second) = (right(limited), right(other));
    let slow = world.jira.transition(&first, Some(Enqueued));
    let quick = async {
        let result = world.jira.transition(&second, Some(Enqueued)).await;
        (result, started.elapsed())
    };
    let (slow, (quick, quick_took)) = tokio::join!(slow, quick);
    slow.unwrap();
    quick.unwrap();
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(1) && quick_took < took, "{took:?} {quick_took:?}");
    assert_eq!((world.jira.held_back(), world.http.held_back().len()), (None, 0));
    assert_eq!(world.labels(limited), ["agent-smith:enqueued"]);
}

#[tokio::test]
async fn a_long_limit_of_one_issue_is_a_conflict_and_is_remembered() {
    let world = World::new().await;
    let (limited, other) = (world.ticket(&[]), world.ticket(&[]));
    let limit = rate_limit(ONE_ISSUE, Some(Duration::from_secs(25)));
    world.faults().fail(Match::path("PROJ-1"), Times::Next(1), limit);
    let comment = Comment::new("m", "b");
    for _ in 0..3 {
        let error = world.jira.transition(&right(limited), Some(Enqueued)).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)) && error.to_string().contains("PROJ-1"), "{error}");
        assert!(error.is_temporary() && error.retry_after().is_none(), "the rest of the tracker goes on");
    }
    assert!(matches!(world.jira.comment(&right(limited), &comment).await, Err(Error::Conflict(_))));
    assert_eq!(world.arrived(), 1, "nothing is written to it meanwhile");
    world.jira.transition(&right(other), Some(Pending)).await.unwrap();
    world.jira.read(&key(limited)).await.unwrap();
}

/// The simulator counts as Jira does: the twenty-first write within two seconds is refused.
#[tokio::test]
async fn many_writes_to_one_issue_get_through_in_the_end() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for state in [Enqueued, Pending].into_iter().cycle().take(22) {
        world.jira.transition(&right(number), Some(state)).await.unwrap();
    }
    let refused = world.faults().requests().into_iter().filter(|request| request.status == Some(429)).count();
    assert!(refused >= 1);
    assert_eq!(world.http.held_back(), []);
}

/// A wait on an answer that succeeded is for the next request, and a transition is two of them.
#[tokio::test]
async fn a_short_wait_in_the_middle_of_a_transition_is_waited_out() {
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:pending"]);
    let accepted = super::answer(204, "").header("retry-after", "1");
    world.faults().fail(Match::new("PUT", ""), Times::Next(1), accepted);
    let started = Instant::now();
    world.jira.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(990), "{:?}", started.elapsed());
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
}

#[tokio::test]
async fn a_wait_that_outlasts_the_right_is_not_begun() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.faults().fail(Match::new("PUT", ""), Times::Next(1), rate_limit(ONE_ISSUE, Some(Duration::from_secs(4))));
    let started = Instant::now();
    let right = right_for(&key(number), Duration::from_secs(3));
    assert!(matches!(world.jira.transition(&right, Some(Enqueued)).await, Err(Error::Conflict(_))));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!((world.arrived(), TOKEN.is_empty()), (1, false));
}
