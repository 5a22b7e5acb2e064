//! Terms of a leader whose work does not behave. The clock is moved, nothing is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent_smith::availability::Availability;
use agent_smith::config::{Env, Live};
use agent_smith::health::{Health, State};
use agent_smith::leader::Leader;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::store::{LeaseName, Store};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const LEADER: &str = "agent: { leader: { lease_seconds: 60, renew_seconds: 2 } }\nprojects: {}\n";

fn leader(store: Arc<dyn Store>) -> (Leader, Health) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agentsmith.yml");
    std::fs::write(&path, LEADER).unwrap();
    let config = Live::start(&path, Env::from_iter([("HOME", "/nowhere")])).unwrap().0;
    let health = Health::default();
    let availability = Availability::new(Arc::clone(&store), health.clone(), Duration::from_secs(30));
    let holder = "me".to_owned();
    let parts = Leader { store, availability, health: health.clone(), name: LeaseName::Poller, holder, config };
    (parts, health)
}

#[tokio::test(start_paused = true)]
async fn work_that_breaks_off_makes_no_busy_loop_of_terms() {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::new());
    let (leader, health) = leader(Arc::clone(&store));
    let (stop, begun) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&begun);
    let running = tokio::spawn(leader.run(stop.clone(), move |_term| {
        let term = count.fetch_add(1, Ordering::Relaxed);
        async move {
            // A busy loop would never let the clock move: it is caught here.
            if term >= 100 {
                std::future::pending::<()>().await;
            }
        }
    }));
    sleep(Duration::from_secs(21)).await;
    let begun = begun.load(Ordering::Relaxed);
    assert!((5..=11).contains(&begun), "{begun} terms in 21 s");
    assert_eq!(health.state_of("poller"), Some(State::Degraded));
    stop.cancel();
    running.await.unwrap();
    assert!(store.acquire_lease(LeaseName::Poller, "next", Duration::from_secs(9)).await.unwrap().is_obtained());
}

/// Says when its task is gone.
struct Gone(tokio::sync::mpsc::UnboundedSender<Instant>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send(Instant::now());
    }
}

/// Once the store says that the lease is somebody else's, the old trust in it is worth nothing.
#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_aborted_soon_after_the_lease_went_to_another() {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::new());
    let (leader, health) = leader(Arc::clone(&store));
    let (stop, (say, mut gone)) = (CancellationToken::new(), tokio::sync::mpsc::unbounded_channel());
    let running = tokio::spawn(leader.run(stop.clone(), move |_term| {
        let alive = Gone(say.clone());
        async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        }
    }));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(health.state_of("poller"), Some(State::Up));
    assert!(store.release_lease(LeaseName::Poller, "me").await.unwrap());
    assert!(store.acquire_lease(LeaseName::Poller, "other", Duration::from_secs(600)).await.unwrap().is_obtained());
    let lost = Instant::now();
    let ended = gone.recv().await.unwrap();
    assert!(ended - lost <= Duration::from_secs(8), "it worked on for {:?}", ended - lost);
    stop.cancel();
    running.await.unwrap();
}
