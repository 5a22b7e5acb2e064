//! Rows about what a lease allows.

use std::sync::Arc;
use std::time::Duration;

use agent_smith::job::{JobLease, Verdict, WriteRight};
use agent_smith::store::{ReleaseReason, Renewal, Store};

use crate::fixture::{LONG, SHORT, drain, enqueue, eventually, result, take};

pub(crate) async fn epochs_rise_and_attempts_count(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    enqueue(&*store, "p", "2").await;
    let mut last = 0;
    for attempt in [1, 1, 2, 2, 3, 3] {
        let lease = take(&*store, LONG).await;
        assert_eq!(lease.attempt, attempt);
        assert_eq!(lease.consumer, "box-1");
        assert!(lease.epoch > last);
        assert!(lease.is_valid());
        last = lease.epoch;
        assert!(store.release(&lease, ReleaseReason::Broken, Duration::ZERO).await.unwrap());
    }
    assert_eq!(drain(&*store).await, ["1", "2"]);
}

async fn assert_refused_everywhere(store: &dyn Store, stale: &JobLease) {
    assert!(!store.confirm(stale).await.unwrap());
    assert_eq!(store.record_result(stale, &result(Verdict::Failed, "stale")).await.unwrap(), None);
    assert!(!store.release(stale, ReleaseReason::Broken, Duration::ZERO).await.unwrap());
    assert!(!store.finish(stale).await.unwrap());
    assert_eq!(store.renew(stale, LONG).await.unwrap(), Renewal::Lost);
    assert!(!stale.is_valid(), "a lost lease gives no right to write");
}

async fn recover_one(store: &dyn Store) {
    eventually("the lease lapses", || async { (store.recover_lapsed(10).await.unwrap().len() == 1).then_some(()) })
        .await;
}

pub(crate) async fn a_stale_epoch_changes_nothing(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let stale = take(&*store, SHORT).await;
    recover_one(&*store).await;
    let current = take(&*store, LONG).await;
    assert!(current.epoch > stale.epoch);
    assert_refused_everywhere(&*store, &stale).await;

    assert!(store.confirm(&current).await.unwrap());
    assert_eq!(store.renew(&current, LONG).await.unwrap(), Renewal::Renewed);
    let done = result(Verdict::Done, "current");
    assert_eq!(store.record_result(&current, &done).await.unwrap(), Some(done));
    assert_eq!(store.counts().await.unwrap().running, 1);
    assert!(store.finish(&current).await.unwrap());
    assert_refused_everywhere(&*store, &current).await;
    assert_refused_everywhere(&*store, &stale).await;
}

pub(crate) async fn a_lease_that_was_recovered_is_lost_before_the_next_take(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let stale = take(&*store, SHORT).await;
    recover_one(&*store).await;
    assert_refused_everywhere(&*store, &stale).await;
    let next = take(&*store, LONG).await;
    assert_eq!((next.attempt, next.earlier_result.clone()), (2, None));
    assert!(store.finish(&next).await.unwrap());
}

pub(crate) async fn a_job_handed_back_keeps_its_attempt_and_goes_to_the_end(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    enqueue(&*store, "p", "2").await;
    let first = take(&*store, LONG).await;
    assert!(store.release(&first, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
    assert!(!store.confirm(&first).await.unwrap());
    let second = take(&*store, LONG).await;
    assert_eq!(second.job.key.ticket, "2");
    assert!(store.finish(&second).await.unwrap());

    let again = take(&*store, LONG).await;
    assert_eq!((again.job.key.ticket.as_str(), again.attempt), ("1", 1));
    assert_eq!(again.job.run_id, first.job.run_id);
    assert!(again.epoch > first.epoch);
    assert!(store.release(&again, ReleaseReason::Broken, Duration::ZERO).await.unwrap());
    let third = take(&*store, LONG).await;
    assert_eq!(third.attempt, 2);
    assert!(store.finish(&third).await.unwrap());
}

pub(crate) async fn the_first_result_stands_and_comes_back(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    assert_eq!(lease.earlier_result, None);
    let first = result(Verdict::Cancelled, "taken back by *Ann* — ünïcode\nsecond line");
    let late = result(Verdict::Failed, "too late");
    assert_eq!(store.record_result(&lease, &first).await.unwrap(), Some(first.clone()));
    assert_eq!(store.record_result(&lease, &late).await.unwrap(), Some(first.clone()));
    assert!(store.release(&lease, ReleaseReason::Broken, Duration::ZERO).await.unwrap());

    let next = take(&*store, LONG).await;
    assert_eq!(next.earlier_result, Some(first.clone()));
    assert_eq!(store.record_result(&next, &late).await.unwrap(), Some(first));
    assert!(store.finish(&next).await.unwrap());

    enqueue(&*store, "p", "1").await;
    let fresh = take(&*store, LONG).await;
    assert_eq!(fresh.earlier_result, None, "the next run starts without it");
    assert!(store.finish(&fresh).await.unwrap());
}

pub(crate) async fn a_long_comment_is_cut(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    let long = result(Verdict::Done, &"ü".repeat(100_000));
    let stands = store.record_result(&lease, &long).await.unwrap().expect("recorded");
    assert!(stands.comment.len() <= 64 * 1024);
    assert!(stands.comment.starts_with("üüü") && stands.comment.ends_with("… (shortened)"));
    assert!(store.finish(&lease).await.unwrap());
}
