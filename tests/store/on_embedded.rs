//! What only the in-process backend can show: the clock is moved instead of waited for.

use std::time::Duration;

use agent_smith::job::ClaimLock;
use agent_smith::store::LeaseName::Poller;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::store::{Error, Store};

use crate::fixture::{enqueue, key, take, take_now};

#[tokio::test(start_paused = true)]
async fn unlocking_an_expired_lock_leaves_the_next_one_alone() {
    let store = EmbeddedStore::new();
    let ticket = key("p", "1");
    let expired = store.lock_claim(&ticket).await.unwrap().expect("free");
    tokio::time::advance(ClaimLock::TTL).await;
    let current = store.lock_claim(&ticket).await.unwrap().expect("expired");
    store.unlock_claim(expired).await.unwrap();
    assert!(store.lock_claim(&ticket).await.unwrap().is_none());
    store.unlock_claim(current).await.unwrap();
    assert!(store.lock_claim(&ticket).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn terms_end_by_the_clock_of_the_runtime() {
    let (store, minute) = (EmbeddedStore::new(), Duration::from_secs(60));
    assert!(store.acquire_lease(Poller, "a", minute).await.unwrap().is_obtained());
    enqueue(&store, "p", "1").await;
    take(&store, minute).await;
    tokio::time::advance(minute - Duration::from_millis(1)).await;
    assert!(!store.acquire_lease(Poller, "b", minute).await.unwrap().is_obtained());
    assert!(store.recover_lapsed(10).await.unwrap().is_empty());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(store.acquire_lease(Poller, "b", minute).await.unwrap().is_obtained());
    assert_eq!(store.recover_lapsed(10).await.unwrap().len(), 1);
    assert_eq!(take(&store, minute).await.attempt, 2);
}

#[tokio::test]
async fn nothing_can_have_survived_the_start() {
    let store = EmbeddedStore::new();
    assert_eq!(store.silence_counts_in(Duration::from_secs(3600)).await.unwrap(), Duration::ZERO);
    assert!(take_now(&store, Duration::from_secs(1)).await.is_none());
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let store = EmbeddedStore::new();
    for ticket in 0..100_000 {
        enqueue(&store, "p", &ticket.to_string()).await;
    }
    let one_more = crate::fixture::new_job("p", "one-more");
    let lock = store.lock_claim(&one_more.key).await.unwrap().expect("free");
    let refused = store.record_claim(&lock, &one_more).await.expect_err("full");
    assert!(refused.to_string().contains("100000 live jobs"), "{refused}");
    assert!(matches!(refused, Error::Full(_)), "it answers: this is no outage, {refused:?}");
}
