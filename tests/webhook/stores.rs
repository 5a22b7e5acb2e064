//! With a store that is away, and without one.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::Match;

use crate::Backend;
use crate::github::{Issue, SECRET, delivery};
use crate::hook::{Hook, one_project, start};
use crate::support::world::{eventually, lifecycle};

const TRACKER: &str = "org/api";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_down_is_said_at_once_and_passes_with_it() {
    let world = one_project().await;
    let mut stored = Backend::Redis.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "Bad time");
    let sent = Issue::labeled(TRACKER, number, "agent-smith").delivery("down-1");
    stored.redis.as_mut().unwrap().kill();
    let began = std::time::Instant::now();
    let answer = hook.send(&sent).await;
    assert_eq!((answer.said(), answer.retry_after.as_deref()), ((503, "redis_unavailable"), Some("10")), "{answer:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(hook.send(&sent).await.said(), (503, "redis_unavailable"), "also when it is known");
    let ping = hook.send(&delivery("ping", "down-2", "{}")).await;
    assert_eq!(ping.said(), (200, "ignored"), "what needs no store needs none");
    assert_eq!(lifecycle(&world.board, TRACKER, number), None);
    stored.redis.as_mut().unwrap().restart_with_data();
    let answer = eventually("the delivery is taken", async || {
        let answer = hook.send(&sent).await;
        (answer.status != 503).then_some(answer)
    });
    assert_eq!(answer.await.said(), (202, "claimed"));
    assert_eq!(lifecycle(&world.board, TRACKER, number), Some(Lifecycle::Enqueued));
    assert!(hook.app.stop().await);
}

/// Whoever took a result away would have to be looked up.
#[tokio::test]
async fn without_a_store_nobody_waits_for_the_platform() {
    let world = one_project().await;
    let hook = Hook::on(world.start_with(None, "one", &[("GITHUB_WEBHOOK_SECRET", SECRET)], false).await);
    let hold = world.sim.faults().hold(Match::new("GET", "/user"));
    let sent = Issue::labeled(TRACKER, 1, Lifecycle::Pending.label()).delivery("none-2");
    assert_eq!(hook.send(&sent).await.said(), (503, "redis_unavailable"));
    drop(hold);
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn without_a_store_the_secret_is_asked_for_first() {
    let world = one_project().await;
    let hook = Hook::on(world.start_with(None, "one", &[("GITHUB_WEBHOOK_SECRET", SECRET)], false).await);
    let sent = Issue::labeled(TRACKER, 1, "agent-smith").delivery("none-1");
    assert_eq!(hook.send(&sent).await.said(), (503, "redis_unavailable"));
    assert_eq!(hook.send(&sent.without("x-hub-signature-256")).await.said(), (401, "unauthorized"));
    assert!(hook.app.stop().await);
}
