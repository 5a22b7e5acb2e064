//! Rows about leader leases.

use std::sync::Arc;
use std::time::Instant;

use agent_smith::store::LeaseName::{Housekeeping, Poller};
use agent_smith::store::Store;
use tokio::sync::oneshot;

use crate::fixture::{LONG, NEVER_WAITED_OUT, SHORT, WOKEN, eventually};

pub(crate) async fn one_holder_at_a_time(store: Arc<dyn Store>) {
    assert!(store.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained());
    assert!(!store.acquire_lease(Poller, "b", LONG).await.unwrap().is_obtained());
    assert!(store.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained(), "the holder extends");
    assert!(
        store.acquire_lease(Housekeeping, "b", LONG).await.unwrap().is_obtained(),
        "each lease is a lease of its own"
    );

    assert!(!store.renew_lease(Poller, "b", LONG).await.unwrap());
    assert!(!store.release_lease(Poller, "b").await.unwrap());
    assert!(store.renew_lease(Poller, "a", LONG).await.unwrap());

    assert!(store.release_lease(Poller, "a").await.unwrap());
    assert!(!store.release_lease(Poller, "a").await.unwrap());
    assert!(!store.renew_lease(Poller, "a", LONG).await.unwrap(), "a renewal does not acquire");
    assert!(store.acquire_lease(Poller, "b", LONG).await.unwrap().is_obtained());
    assert!(store.release_lease(Poller, "b").await.unwrap());
    assert!(store.release_lease(Housekeeping, "b").await.unwrap());
}

pub(crate) async fn a_lease_expires_and_the_next_holder_is_safe_from_the_last(store: Arc<dyn Store>) {
    assert!(store.acquire_lease(Poller, "a", SHORT).await.unwrap().is_obtained());
    eventually("b acquires the expired lease", || async {
        store.acquire_lease(Poller, "b", LONG).await.unwrap().is_obtained().then_some(())
    })
    .await;
    assert!(!store.renew_lease(Poller, "a", LONG).await.unwrap());
    assert!(!store.release_lease(Poller, "a").await.unwrap());
    assert!(!store.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained());
    assert!(store.release_lease(Poller, "b").await.unwrap());
}

pub(crate) async fn a_renewal_extends(store: Arc<dyn Store>) {
    assert!(store.acquire_lease(Poller, "a", SHORT).await.unwrap().is_obtained());
    assert!(store.renew_lease(Poller, "a", LONG).await.unwrap());
    // The other lease, taken later for as long, shows when the first term would have been over.
    assert!(store.acquire_lease(Housekeeping, "a", SHORT).await.unwrap().is_obtained());
    eventually("the unrenewed lease expires", || async {
        store.acquire_lease(Housekeeping, "b", LONG).await.unwrap().is_obtained().then_some(())
    })
    .await;
    assert!(!store.acquire_lease(Poller, "b", LONG).await.unwrap().is_obtained());
    assert!(store.release_lease(Poller, "a").await.unwrap());
    assert!(store.release_lease(Housekeeping, "b").await.unwrap());
}

pub(crate) async fn a_release_wakes_those_who_wait(store: Arc<dyn Store>) {
    assert!(store.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained());
    let (refused, was_refused) = oneshot::channel();
    let follower = tokio::spawn(follow(store.clone(), refused));
    was_refused.await.expect("the follower asks");
    let released_at = Instant::now();
    assert!(store.release_lease(Poller, "a").await.unwrap());
    follower.await.expect("the follower leads");
    assert!(released_at.elapsed() < WOKEN, "{:?}", released_at.elapsed());
    assert!(store.release_lease(Poller, "b").await.unwrap());
}

/// Listens, then asks, then waits: the order that misses nothing.
async fn follow(store: Arc<dyn Store>, refused: oneshot::Sender<()>) {
    let mut refused = Some(refused);
    loop {
        let mut released = Box::pin(store.lease_released());
        tokio::select! {
            biased;
            () = &mut released => continue,
            leads = store.acquire_lease(Poller, "b", LONG) => if leads.unwrap().is_obtained() { return },
        }
        if let Some(refused) = refused.take() {
            refused.send(()).expect("the test listens");
        }
        let _ = tokio::time::timeout(NEVER_WAITED_OUT, released).await;
    }
}
