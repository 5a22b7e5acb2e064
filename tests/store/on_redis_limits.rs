//! Limits where only Redis shows something: lost data, what is announced, what waiting costs.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use agent_smith::store::redis::RedisStore;
use agent_smith::store::{Attempt, AttemptLimits, Concurrency, Renewal, Store};
use futures_util::StreamExt;

use crate::concurrency::take_within;
use crate::fixture::{LONG, assert_nothing_left, bounded, drain, enqueue, eventually, raw, take};
use crate::support::redis::RedisServer;

const HELD_BACK: &str = "{agentsmith:queue:jobs}:held-back";

fn start() -> (RedisServer, Arc<RedisStore>) {
    let server = RedisServer::start();
    let store = Arc::new(RedisStore::connect(&server.url()).expect("a good address"));
    (server, store)
}

fn one_of(project: &str) -> Concurrency {
    Concurrency::NONE.of_project(project, NonZeroUsize::MIN)
}

#[tokio::test]
async fn a_run_that_outlived_the_data_counts_again() {
    let (mut server, store) = start();
    bounded(async {
        let limits = AttemptLimits {
            counted_for: "ticket 1",
            attempts: Some(NonZeroUsize::MIN),
            window: LONG,
            wall: Some(Duration::from_millis(1)),
        };
        enqueue(&*store, "p", "1").await;
        let lease = take(&*store, LONG).await;
        assert!(matches!(store.begin_attempt(&lease, &limits).await.unwrap(), Attempt::Begun { .. }));
        server.restart_empty();
        eventually("redis answers again", || async { store.ping().await.ok() }).await;
        assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Restored);
        enqueue(&*store, "p", "2").await;
        assert!(take_within(&*store, &one_of("p")).await.is_none(), "the restored run has the slot");
        // The budget begins at zero.
        assert!(matches!(store.begin_attempt(&lease, &limits).await.unwrap(), Attempt::Begun { .. }));
        assert!(store.finish(&lease).await.unwrap());
        let next = take_within(&*store, &one_of("p")).await.expect("the slot is free");
        assert!(store.finish(&next).await.unwrap());
        assert_nothing_left(&server).await;
    })
    .await;
}

/// The end of a run is announced when somebody waits for a slot, and only then: it would wake every consumer.
#[tokio::test]
async fn the_end_of_a_run_is_announced_to_those_who_wait_for_it() {
    let (server, store) = start();
    bounded(async {
        let client = redis::Client::open(server.url()).expect("a good address");
        let mut pubsub = client.get_async_pubsub().await.unwrap();
        pubsub.subscribe("agentsmith:announce:jobs").await.unwrap();
        let mut heard = pubsub.into_on_message().map(|message| message.get_payload::<String>().unwrap());
        for ticket in ["1", "2", "3"] {
            enqueue(&*store, "p", ticket).await;
            assert_eq!(heard.next().await.as_deref(), Some(format!("github:p:{ticket}").as_str()));
        }
        let first = take_within(&*store, &one_of("p")).await.expect("the first");
        assert!(store.finish(&first).await.unwrap());
        let second = take_within(&*store, &one_of("p")).await.expect("the second");
        assert!(take_within(&*store, &one_of("p")).await.is_none());
        assert!(store.finish(&second).await.unwrap());
        assert_eq!(heard.next().await.as_deref(), Some("github:p:2"), "nobody waited for the first to end");
        assert_eq!(drain(&*store).await, ["3"]);
        enqueue(&*store, "p", "4").await;
        assert_eq!(heard.next().await.as_deref(), Some("github:p:4"), "nor for the third");
        drain(&*store).await;
        assert_nothing_left(&server).await;
    })
    .await;
}

/// A wait for a slot asks as often as an idle one: when it starts, when the subscription stands, and when it ends.
#[tokio::test]
async fn waiting_for_a_slot_costs_next_to_nothing() {
    let (server, store) = start();
    bounded(async {
        let mut redis = raw(&server).await;
        for ticket in ["1", "2"] {
            enqueue(&*store, "p", ticket).await;
        }
        let running = take_within(&*store, &one_of("p")).await.expect("the first");
        let before = scripts(&mut redis).await;
        let waited = store.take_within("box-2", LONG, Duration::from_millis(500), &one_of("p")).await.unwrap();
        assert!(waited.is_none());
        let asked = scripts(&mut redis).await - before;
        assert!(asked <= 3, "{asked} scripts in one wait");
        let known: bool = redis::cmd("EXISTS").arg(HELD_BACK).query_async(&mut redis).await.unwrap();
        assert!(known, "Redis knows that somebody waits");
        assert!(store.finish(&running).await.unwrap());
        assert_eq!(drain(&*store).await, ["2"]);
        assert_nothing_left(&server).await;
    })
    .await;
}

/// How many scripts were called.
async fn scripts(redis: &mut redis::aio::MultiplexedConnection) -> u64 {
    let told: String = redis::cmd("INFO").arg("commandstats").query_async(redis).await.unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).expect("scripts were called");
    line.split(',').next().and_then(|calls| calls.parse().ok()).expect("a number")
}
