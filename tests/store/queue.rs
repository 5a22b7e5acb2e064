//! Rows about taking jobs and waiting for them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::store::{QueueCounts, ReleaseReason, Store};

use crate::fixture::{LONG, NEVER_WAITED_OUT, WOKEN, drain, enqueue, eventually, take, take_now};

pub(crate) async fn first_in_first_out_inside_a_project(store: Arc<dyn Store>) {
    for ticket in ["5", "3", "9", "1"] {
        enqueue(&*store, "p", ticket).await;
    }
    assert_eq!(drain(&*store).await, ["5", "3", "9", "1"]);
    assert!(take_now(&*store, LONG).await.is_none());
}

pub(crate) async fn a_busy_project_does_not_starve_another(store: Arc<dyn Store>) {
    for ticket in 0..1_000 {
        enqueue(&*store, "busy", &ticket.to_string()).await;
    }
    enqueue(&*store, "quiet", "q1").await;
    enqueue(&*store, "quiet", "q2").await;
    enqueue(&*store, "third", "t1").await;
    let tickets = drain(&*store).await;
    assert_eq!(tickets[..6], ["0", "q1", "t1", "1", "q2", "2"]);
    assert_eq!(tickets.len(), 1_003);
}

pub(crate) async fn no_job_is_taken_twice(store: Arc<dyn Store>) {
    const JOBS: usize = 300;
    let mut consumers = Vec::new();
    for consumer in ["a", "b", "c", "d"] {
        let store = store.clone();
        consumers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Some(lease) = store.take(consumer, LONG, Duration::from_secs(2)).await.unwrap() {
                assert!(store.confirm(&lease).await.unwrap());
                assert!(store.finish(&lease).await.unwrap());
                taken.push(lease);
            }
            taken
        }));
    }
    for ticket in 0..JOBS {
        enqueue(&*store, ["p", "q", "r"][ticket % 3], &ticket.to_string()).await;
    }
    let (mut tickets, mut epochs) = (Vec::new(), BTreeSet::new());
    for consumer in consumers {
        for lease in consumer.await.expect("a consumer that ends") {
            assert_eq!(lease.attempt, 1);
            epochs.insert(lease.epoch);
            tickets.push(lease.job.key.ticket.clone());
        }
    }
    assert_eq!(tickets.len(), JOBS);
    assert_eq!(epochs.len(), JOBS, "an epoch is given out once");
    assert_eq!(tickets.into_iter().collect::<BTreeSet<_>>().len(), JOBS);
}

pub(crate) async fn a_publish_ends_the_wait(store: Arc<dyn Store>) {
    for round in 0..3 {
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.take("box-1", LONG, NEVER_WAITED_OUT).await }
        });
        tokio::task::yield_now().await;
        let published_at = Instant::now();
        enqueue(&*store, "p", &round.to_string()).await;
        let lease = waiting.await.expect("a take that ends").unwrap().expect("the job");
        assert!(published_at.elapsed() < WOKEN, "{:?}", published_at.elapsed());
        assert!(store.finish(&lease).await.unwrap());
    }
}

pub(crate) async fn a_wait_ends_without_a_job(store: Arc<dyn Store>) {
    let wait = Duration::from_millis(60);
    let asked_at = Instant::now();
    assert!(store.take("box-1", LONG, wait).await.unwrap().is_none());
    assert!(asked_at.elapsed() >= wait);
    assert!(asked_at.elapsed() < wait + WOKEN);
}

/// Takes are dropped at every moment: before the question, while it is on its way, after the answer, while waiting.
pub(crate) async fn a_dropped_take_loses_nothing(store: Arc<dyn Store>) {
    const JOBS: usize = 40;
    for ticket in 0..JOBS {
        enqueue(&*store, "p", &ticket.to_string()).await;
    }
    let mut finished = 0;
    for moment in 0..400_u64 {
        let take = store.take("box-1", LONG, Duration::from_secs(20));
        let within = Duration::from_micros(moment * 5);
        if let Ok(lease) = tokio::time::timeout(within, take).await {
            // Now and then one gets through; put it back as it was.
            let lease = lease.unwrap().expect("a job");
            assert_eq!(lease.attempt, 1, "a dropped take counts as no attempt");
            if finished < JOBS / 2 {
                assert!(store.finish(&lease).await.unwrap());
                finished += 1;
            } else {
                assert!(store.release(&lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
            }
        }
    }
    let all_back = QueueCounts { queued: (JOBS - finished) as u64, ..QueueCounts::default() };
    eventually("every dropped take is put back", || async {
        (store.counts().await.unwrap() == all_back).then_some(())
    })
    .await;
    for _ in finished..JOBS {
        let lease = take(&*store, LONG).await;
        assert_eq!(lease.attempt, 1);
        assert!(store.finish(&lease).await.unwrap());
    }
    assert!(take_now(&*store, LONG).await.is_none());
}

/// By one clock, whatever the run id says, so that everybody agrees on it.
pub(crate) async fn the_age_of_a_run_counts_from_its_claim(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let grown = Duration::from_millis(50);
    let waited = || async { store.look(&job.key).await.unwrap().map(|view| view.since) };
    let waited = eventually("it has waited", || async { waited().await.filter(|since| *since >= grown) }).await;
    let lease = take(&*store, LONG).await;
    assert!(lease.age >= waited, "{:?} {waited:?}", lease.age);
    assert!(store.release(&lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
    let view = store.look(&job.key).await.unwrap().unwrap();
    assert!(view.since >= lease.age, "a job that waits again was claimed when it was claimed: {view:?}");
    let again = take(&*store, LONG).await;
    assert!((again.attempt, again.age >= lease.age) == (1, true), "{again:?}");
    assert!(store.finish(&again).await.unwrap());
}

pub(crate) async fn a_delayed_job_ends_the_wait_when_it_is_due(store: Arc<dyn Store>) {
    let delay = Duration::from_millis(200);
    enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    // This one waits already when the delay begins: it must learn of the due time.
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.take("box-2", LONG, NEVER_WAITED_OUT).await }
    });
    tokio::task::yield_now().await;
    let released_at = Instant::now();
    assert!(store.release(&lease, ReleaseReason::Broken, delay).await.unwrap());
    assert!(take_now(&*store, LONG).await.is_none(), "not visible yet");
    assert_eq!(store.counts().await.unwrap(), QueueCounts { queued: 1, ..QueueCounts::default() });
    let lease = waiting.await.expect("a take that ends").unwrap().expect("the delayed job");
    let took = released_at.elapsed();
    assert!(took >= delay - Duration::from_millis(2), "{took:?}");
    assert!(took < delay + WOKEN, "{took:?}");
    assert!(store.finish(&lease).await.unwrap());
}
