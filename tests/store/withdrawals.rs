//! Rows about taking requests back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agent_smith::job::{AskedBy, Cause, Job, Verdict, Withdrawal};
use agent_smith::store::{QueueCounts, Recorded, ReleaseReason, Renewal, Store, Withdrawn};

use crate::fixture::{
    LONG, NEVER_WAITED_OUT, SHORT, WOKEN, drain, enqueue, eventually, key, new_job, record, result, take, take_now,
};

fn cancelled(by: &str) -> Withdrawal {
    Withdrawal::new(Cause::Cancelled, Some(by))
}

/// What is remembered of a ticket of project `p`.
async fn remembered(store: &dyn Store, ticket: &str) -> Option<Withdrawal> {
    store.withdrawals(&[key("p", ticket)]).await.unwrap().remove(0)
}

pub(crate) async fn a_job_that_waits_is_dropped_whatever_it_waits_for(store: Arc<dyn Store>) {
    let closed = Withdrawal::new(Cause::TicketClosed, Some("ann"));
    // Just being claimed.
    let claim = new_job("p", "claiming");
    assert_eq!(record(&*store, &claim).await, Recorded::New);
    // Handed back, with a delay.
    let delayed = enqueue(&*store, "p", "delayed").await;
    let lease = take(&*store, LONG).await;
    assert!(store.release(&lease, ReleaseReason::HandedBack, LONG).await.unwrap());
    // Put back after a crash, at the front.
    let crashed = enqueue(&*store, "p", "crashed").await;
    take(&*store, SHORT).await;
    eventually("the lease lapses", || async { (store.recover_lapsed(9).await.unwrap().len() == 1).then_some(()) })
        .await;
    // In the middle of the queue.
    enqueue(&*store, "p", "before").await;
    let queued = enqueue(&*store, "p", "queued").await;
    enqueue(&*store, "p", "behind").await;

    for job in [&claim, &delayed, &crashed, &queued] {
        let withdrawn = store.withdraw(&job.key, &closed).await.unwrap();
        assert_eq!(withdrawn, Withdrawn::Dropped(job.clone()), "with every field");
        assert_eq!(store.withdraw(&job.key, &closed).await.unwrap(), Withdrawn::Nothing);
        assert_eq!(remembered(&*store, &job.key.ticket).await, Some(closed.clone()));
        assert_eq!(store.withdrawn_tickets().await.unwrap(), std::slice::from_ref(&job.key));
        store.forget_withdrawal(&job.key).await.unwrap();
    }
    assert!(!store.publish_claim(&claim).await.unwrap(), "the claim finds its record gone");
    assert_eq!(store.counts().await.unwrap(), QueueCounts { queued: 2, ..QueueCounts::default() });
    assert_eq!(drain(&*store).await, ["before", "behind"]);
    // Its ticket is free for a new request.
    enqueue(&*store, "p", "queued").await;
    assert_eq!(drain(&*store).await, ["queued"]);
}

/// A project whose last job was dropped has no turn of its own any more, and gets one turn when it is back.
pub(crate) async fn a_project_without_jobs_has_no_turn(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "1").await;
    let only = enqueue(&*store, "q", "only").await;
    enqueue(&*store, "p", "2").await;
    assert!(matches!(store.withdraw(&only.key, &cancelled("ann")).await.unwrap(), Withdrawn::Dropped(_)));
    for ticket in ["q1", "q2", "q3"] {
        enqueue(&*store, "q", ticket).await;
    }
    assert_eq!(drain(&*store).await, ["1", "q1", "2", "q2", "q3"]);
    store.forget_withdrawal(&only.key).await.unwrap();
}

pub(crate) async fn a_running_job_learns_at_once_that_it_is_to_stop(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    enqueue(&*store, "p", "2").await;
    let (mut hints, mut other_hints) = (store.stop_hints(), store.stop_hints());
    let lease = take(&*store, LONG).await;
    let other = take(&*store, LONG).await;
    assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Renewed);

    assert_eq!(store.withdraw(&job.key, &cancelled("ann")).await.unwrap(), Withdrawn::Stopping);
    // One hint may be that of a connection that was just made; the second one is about this ticket.
    let heard = tokio::spawn({
        let key = job.key.clone();
        async move {
            hints.about(&key).await;
            hints.about(&key).await;
        }
    });
    eventually("hints about the ticket", || async {
        assert_eq!(store.withdraw(&job.key, &cancelled("bob")).await.unwrap(), Withdrawn::Stopping);
        heard.is_finished().then_some(())
    })
    .await;
    let first = Renewal::StopAsked(cancelled("ann"));
    assert_eq!(store.renew(&lease, LONG).await.unwrap(), first, "the first request stands");
    assert!(store.confirm(&lease).await.unwrap(), "it keeps its lease until it has stopped");

    assert_eq!(store.renew(&other, LONG).await.unwrap(), Renewal::Renewed, "nobody asked this one");
    let mut meant_for_nobody = 0;
    while tokio::time::timeout(SHORT, other_hints.about(&other.job.key)).await.is_ok() {
        meant_for_nobody += 1;
    }
    assert!(meant_for_nobody <= 1, "the hints were about another ticket");
    assert!(store.finish(&other).await.unwrap());

    let verdict = result(Verdict::Cancelled, "stopped");
    assert_eq!(store.record_result(&lease, &verdict).await.unwrap(), Some(verdict));
    assert!(store.finish(&lease).await.unwrap());
    assert_eq!(remembered(&*store, "1").await, Some(cancelled("bob")), "the label that is left does not ask again");
    store.forget_withdrawal(&job.key).await.unwrap();
}

/// A crash of the consumer after the request: the next one is told with the take, and no request can drop its result.
pub(crate) async fn a_stop_outlives_its_consumer(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let lease = take(&*store, SHORT).await;
    assert_eq!(lease.stop_asked, None);
    let closed = Withdrawal::new(Cause::TicketClosed, Some("ann"));
    assert_eq!(store.withdraw(&job.key, &closed).await.unwrap(), Withdrawn::Stopping);
    eventually("the lease lapses", || async { (store.recover_lapsed(9).await.unwrap().len() == 1).then_some(()) })
        .await;
    assert_eq!(store.withdraw(&job.key, &cancelled("bob")).await.unwrap(), Withdrawn::Stopping, "not dropped");
    let second = take(&*store, LONG).await;
    assert_eq!((second.attempt, second.stop_asked.clone()), (2, Some(closed.clone())));
    assert!(store.release(&second, ReleaseReason::HandedBack, SHORT).await.unwrap());
    let third = store.take("box-1", LONG, Duration::from_secs(20)).await.unwrap().expect("due");
    assert_eq!(third.stop_asked, Some(closed));
    assert!(store.finish(&third).await.unwrap());
    store.forget_withdrawal(&job.key).await.unwrap();

    enqueue(&*store, "p", "1").await;
    let fresh = take(&*store, LONG).await;
    assert_eq!(fresh.stop_asked, None, "the next run starts without it");
    assert!(store.finish(&fresh).await.unwrap());
}

pub(crate) async fn a_failed_run_that_was_asked_to_stop_waits_for_no_backoff(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.take("box-2", LONG, NEVER_WAITED_OUT).await }
    });
    // Its consumer has not heard of it when the steps end.
    assert_eq!(store.withdraw(&job.key, &cancelled("ann")).await.unwrap(), Withdrawn::Stopping);
    assert!(store.release(&lease, ReleaseReason::Broken, Duration::from_secs(3_600)).await.unwrap());
    let next = tokio::time::timeout(WOKEN, waiting).await.expect("nobody waits to say so").unwrap().unwrap().unwrap();
    assert_eq!((next.attempt, next.stop_asked.clone()), (2, Some(cancelled("ann"))));
    // A platform that is away is waited for all the same.
    assert!(store.release(&next, ReleaseReason::HandedBack, SHORT).await.unwrap());
    assert!(take_now(&*store, LONG).await.is_none());
    let last = store.take("box-1", LONG, NEVER_WAITED_OUT).await.unwrap().expect("due");
    assert!(store.finish(&last).await.unwrap());
    store.forget_withdrawal(&job.key).await.unwrap();
}

pub(crate) async fn a_result_that_is_recorded_stands(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    let done = result(Verdict::Done, "fine");
    assert_eq!(store.record_result(&lease, &done).await.unwrap(), Some(done.clone()));
    assert_eq!(store.withdraw(&job.key, &cancelled("ann")).await.unwrap(), Withdrawn::Over(Verdict::Done));
    assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Renewed, "nobody stops what is over");
    // It waits for a platform to show it: not dropped either.
    assert!(store.release(&lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
    assert_eq!(store.withdraw(&job.key, &cancelled("ann")).await.unwrap(), Withdrawn::Over(Verdict::Done));
    let next = take(&*store, LONG).await;
    assert_eq!((next.earlier_result.clone(), next.stop_asked.clone()), (Some(done), None));
    assert!(store.finish(&next).await.unwrap());
    assert_eq!(store.withdraw(&job.key, &cancelled("ann")).await.unwrap(), Withdrawn::Nothing);
    assert_eq!(remembered(&*store, "1").await, None, "nothing was taken back");
}

/// The steps ended before the stop arrived: the run is over like any other.
pub(crate) async fn a_run_that_ended_all_the_same_forgets_the_withdrawal(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    assert_eq!(store.withdraw(&job.key, &cancelled("ann")).await.unwrap(), Withdrawn::Stopping);
    assert_eq!(remembered(&*store, "1").await, Some(cancelled("ann")));
    let done = result(Verdict::Done, "fine");
    assert_eq!(store.record_result(&lease, &done).await.unwrap(), Some(done));
    assert_eq!(remembered(&*store, "1").await, None);
    assert!(store.finish(&lease).await.unwrap());
}

pub(crate) async fn a_removed_label_takes_back_only_what_it_asked_for(store: Arc<dyn Store>) {
    let removed = Withdrawal::new(Cause::TriggerRemoved, Some("ann"));
    let pending = Job::new(key("p", "1"), "fix-bug", AskedBy::PendingLabel);
    assert_eq!(record(&*store, &pending).await, Recorded::New);
    assert_eq!(store.withdraw(&pending.key, &removed).await.unwrap(), Withdrawn::Kept);
    assert!(store.publish_claim(&pending).await.unwrap());
    assert_eq!(store.withdraw(&pending.key, &removed).await.unwrap(), Withdrawn::Kept);
    let lease = take(&*store, LONG).await;
    assert_eq!(store.withdraw(&pending.key, &removed).await.unwrap(), Withdrawn::Kept);
    assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Renewed);
    assert!(store.finish(&lease).await.unwrap());

    let labelled = enqueue(&*store, "p", "2").await;
    assert_eq!(store.withdraw(&labelled.key, &removed).await.unwrap(), Withdrawn::Dropped(labelled.clone()));
    store.forget_withdrawal(&labelled.key).await.unwrap();
    assert_eq!(remembered(&*store, "1").await, None);
}

/// Each job is either dropped or taken, never both and never neither.
pub(crate) async fn a_withdrawal_and_a_take_never_share_a_job(store: Arc<dyn Store>) {
    const JOBS: usize = 200;
    for ticket in 0..JOBS {
        enqueue(&*store, ["p", "q"][ticket % 2], &ticket.to_string()).await;
    }
    let taking = tokio::spawn({
        let store = store.clone();
        async move {
            let mut taken = BTreeSet::new();
            while let Some(lease) = take_now(&*store, LONG).await {
                taken.insert(lease.job.key.ticket.clone());
                assert!(store.finish(&lease).await.unwrap());
                tokio::task::yield_now().await;
            }
            taken
        }
    });
    let mut dropped = BTreeSet::new();
    for ticket in (0..JOBS).rev() {
        let key = key(["p", "q"][ticket % 2], &ticket.to_string());
        if let Withdrawn::Dropped(job) = store.withdraw(&key, &cancelled("ann")).await.unwrap() {
            dropped.insert(job.key.ticket);
        }
        store.forget_withdrawal(&key).await.unwrap();
        tokio::task::yield_now().await;
    }
    let taken = tokio::time::timeout(NEVER_WAITED_OUT, taking).await.expect("an end").unwrap();
    assert!(taken.is_disjoint(&dropped));
    assert_eq!(taken.len() + dropped.len(), JOBS);
    assert!(!taken.is_empty() && !dropped.is_empty(), "the two met");
}
