//! Rows about limits on how many runs are under way at once.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agent_smith::job::{JobLease, Verdict};
use agent_smith::store::{Concurrency, ReleaseReason, Store, UnderWay, Withdrawn};

use crate::fixture::{
    LONG, NEVER_WAITED_OUT, SHORT, WOKEN, drain, enqueue, enqueue_for, eventually, key, result, take, take_now,
};

fn most(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("a limit")
}

fn of_project(name: &str, number: usize) -> Concurrency {
    Concurrency::NONE.of_project(name, most(number))
}

fn of_pipeline(name: &str, number: usize) -> Concurrency {
    Concurrency::NONE.of_pipeline(name, most(number))
}

/// Takes what the limits let run now.
pub(crate) async fn take_within(store: &dyn Store, limits: &Concurrency) -> Option<JobLease> {
    store.take_within("box-1", LONG, Duration::ZERO, limits).await.expect("an answer")
}

async fn ticket_within(store: &dyn Store, limits: &Concurrency) -> (String, JobLease) {
    let lease = take_within(store, limits).await.expect("a job that may run");
    (lease.job.key.ticket.clone(), lease)
}

/// A consumer that waits for a job within these limits.
fn waiting(store: &Arc<dyn Store>, limits: &Concurrency) -> tokio::task::JoinHandle<JobLease> {
    let (store, limits) = (Arc::clone(store), limits.clone());
    tokio::spawn(async move {
        let taken = store.take_within("box-2", LONG, NEVER_WAITED_OUT, &limits).await;
        taken.expect("an answer").expect("a job before the wait is over")
    })
}

pub(crate) async fn a_full_project_is_passed_over_and_keeps_its_order(store: Arc<dyn Store>) {
    let limits = of_project("p", 1);
    for ticket in ["p1", "p2", "p3"] {
        enqueue(&*store, "p", ticket).await;
    }
    for ticket in ["q1", "q2"] {
        enqueue(&*store, "q", ticket).await;
    }
    let (first, running) = ticket_within(&*store, &limits).await;
    assert_eq!(first, "p1");
    for expected in ["q1", "q2"] {
        let (ticket, lease) = ticket_within(&*store, &limits).await;
        assert_eq!(ticket, expected);
        assert!(store.finish(&lease).await.unwrap());
    }
    assert!(take_within(&*store, &limits).await.is_none(), "p runs already");
    enqueue(&*store, "q", "q3").await;
    assert!(store.finish(&running).await.unwrap());
    // It has waited longer, so its turn comes first.
    let (ticket, second) = ticket_within(&*store, &limits).await;
    assert_eq!(ticket, "p2");
    assert!(store.finish(&second).await.unwrap());
    assert_eq!(drain(&*store).await, ["q3", "p3"]);
}

/// A platform that was away when a run ended must not keep its ticket waiting for the end of another run.
pub(crate) async fn what_only_has_an_end_to_show_waits_for_no_slot(store: Arc<dyn Store>) {
    for limits in [of_project("p", 1), of_pipeline("fix-bug", 1)] {
        for ticket in ["ends", "stops", "runs", "waits"] {
            enqueue(&*store, "p", ticket).await;
        }
        let (_, ends) = ticket_within(&*store, &limits).await;
        let done = result(Verdict::Done, "fine");
        assert_eq!(store.record_result(&ends, &done).await.unwrap(), Some(done.clone()));
        assert!(store.release(&ends, ReleaseReason::HandedBack, SHORT).await.unwrap());
        let (_, stops) = ticket_within(&*store, &limits).await;
        assert_eq!(store.withdraw(&stops.job.key, &crate::fixture::cancelled()).await.unwrap(), Withdrawn::Stopping);
        assert!(store.release(&stops, ReleaseReason::HandedBack, SHORT).await.unwrap());
        let runs = eventually("only ends are left to show", || async {
            let lease = take_within(&*store, &limits).await?;
            if lease.job.key.ticket == "runs" {
                return Some(lease);
            }
            assert!(store.release(&lease, ReleaseReason::HandedBack, SHORT).await.unwrap());
            None
        })
        .await;
        let mut shown = Vec::new();
        for _ in 0..2 {
            let lease = waiting(&store, &limits).await.expect("no slot is needed");
            shown.push(lease.job.key.ticket.clone());
            assert!(lease.earlier_result.is_some() || lease.stop_asked.is_some());
            assert!(store.finish(&lease).await.unwrap());
        }
        shown.sort();
        assert_eq!(shown, ["ends", "stops"]);
        assert!(take_within(&*store, &limits).await.is_none(), "one that has steps to run waits");
        assert!(store.finish(&runs).await.unwrap());
        store.forget_withdrawal(&stops.job.key).await.unwrap();
        assert_eq!(drain(&*store).await, ["waits"]);
    }
}

pub(crate) async fn a_full_pipeline_holds_back_no_other_job_of_its_project(store: Arc<dyn Store>) {
    let limits = of_pipeline("scan", 1);
    for (pipeline, ticket) in [("scan", "s1"), ("scan", "s2"), ("fix", "f1"), ("scan", "s3"), ("fix", "f2")] {
        enqueue_for(&*store, pipeline, "p", ticket).await;
    }
    enqueue_for(&*store, "scan", "q", "elsewhere").await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(ticket_within(&*store, &limits).await);
    }
    let tickets: Vec<&str> = taken.iter().map(|(ticket, _)| ticket.as_str()).collect();
    assert_eq!(tickets, ["s1", "f1", "f2"], "a limit of a pipeline counts in all projects");
    assert!(take_within(&*store, &limits).await.is_none());
    for (_, lease) in &taken {
        assert!(store.finish(lease).await.unwrap());
    }
    let mut rest = Vec::new();
    while let Some(lease) = take_within(&*store, &limits).await {
        assert!(store.finish(&lease).await.unwrap());
        rest.push(lease.job.key.ticket.clone());
    }
    rest.retain(|ticket| ticket != "elsewhere");
    assert_eq!(rest, ["s2", "s3"], "what was passed over has kept its place");
}

/// Many consumers, three projects, two pipelines, and every kind of limit.
pub(crate) async fn no_more_run_than_may(store: Arc<dyn Store>) {
    const JOBS: usize = 120;
    let limits = of_project("p", 2).of_project("q", most(1)).of_pipeline("scan", most(3));
    for number in 0..JOBS {
        let (pipeline, project) = (["fix", "scan"][number % 2], ["p", "q", "r"][number % 3]);
        enqueue_for(&*store, pipeline, project, &number.to_string()).await;
    }
    let running: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let mut consumers = Vec::new();
    for consumer in 0..8 {
        let (store, limits, running) = (store.clone(), limits.clone(), running.clone());
        consumers.push(tokio::spawn(async move {
            let mut taken = 0;
            let name = format!("box-{consumer}");
            while let Some(lease) = store.take_within(&name, LONG, Duration::from_secs(2), &limits).await.unwrap() {
                let names = [format!("project {}", lease.job.key.project), format!("pipeline {}", lease.job.pipeline)];
                {
                    let mut running = running.lock().unwrap();
                    names.iter().for_each(|name| *running.entry(name.clone()).or_default() += 1);
                    for (name, most) in [("project p", 2), ("project q", 1), ("pipeline scan", 3)] {
                        let now = running.get(name).copied().unwrap_or(0);
                        assert!(now <= most, "{now} runs of {name}");
                    }
                }
                assert!(store.confirm(&lease).await.unwrap());
                names.iter().for_each(|name| *running.lock().unwrap().entry(name.clone()).or_default() -= 1);
                if taken % 7 == 3 {
                    assert!(store.release(&lease, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
                } else {
                    assert!(store.finish(&lease).await.unwrap());
                }
                taken += 1;
            }
        }));
    }
    for consumer in consumers {
        consumer.await.expect("a consumer that keeps to the limits");
    }
    assert_eq!(store.counts().await.unwrap().queued, 0, "nobody gave up while there was work");
}

/// However a slot becomes free: nobody waits it out.
pub(crate) async fn a_free_slot_ends_the_wait(store: Arc<dyn Store>) {
    for limits in [of_project("p", 1), of_pipeline("fix-bug", 1)] {
        for ticket in ["1", "2", "3"] {
            enqueue(&*store, "p", ticket).await;
        }
        let running = take_within(&*store, &limits).await.expect("the first");
        let second = waiting(&store, &limits);
        held_back(&*store, &limits).await;
        let freed_at = Instant::now();
        assert!(store.finish(&running).await.unwrap());
        let second = second.await.expect("a take that ends");
        assert!(freed_at.elapsed() < WOKEN, "finished: {:?}", freed_at.elapsed());

        let third = waiting(&store, &limits);
        held_back(&*store, &limits).await;
        let freed_at = Instant::now();
        assert!(store.release(&second, ReleaseReason::Broken, LONG).await.unwrap());
        let third = third.await.expect("a take that ends");
        assert!(freed_at.elapsed() < WOKEN, "put back: {:?}", freed_at.elapsed());
        assert!(store.finish(&third).await.unwrap());
        store.withdraw(&second.job.key, &crate::fixture::cancelled()).await.unwrap();
        store.forget_withdrawal(&second.job.key).await.unwrap();

        enqueue(&*store, "p", "4").await;
        enqueue(&*store, "p", "5").await;
        let lapsing = store.take_within("box-1", SHORT, Duration::ZERO, &limits).await.unwrap().expect("the fourth");
        let fourth = waiting(&store, &limits);
        eventually("the lease is recovered", || async {
            Some(store.recover_lapsed(10).await.unwrap()).filter(|recovered| !recovered.is_empty())
        })
        .await;
        let freed_at = Instant::now();
        let fourth = fourth.await.expect("a take that ends");
        assert!(freed_at.elapsed() < WOKEN, "recovered: {:?}", freed_at.elapsed());
        assert_eq!(fourth.job.key, lapsing.job.key);
        assert!(store.finish(&fourth).await.unwrap());
        drain(&*store).await;
    }
}

/// Nothing may run now. Whoever waits has at least been asked as late as this, or asks after.
async fn held_back(store: &dyn Store, limits: &Concurrency) {
    tokio::task::yield_now().await;
    assert!(take_within(store, limits).await.is_none(), "the limit is reached");
}

pub(crate) async fn limits_may_change_while_runs_are_under_way(store: Arc<dyn Store>) {
    for ticket in ["1", "2", "3", "4"] {
        enqueue(&*store, "p", ticket).await;
    }
    let (_, first) = ticket_within(&*store, &of_project("p", 1)).await;
    assert!(take_within(&*store, &of_project("p", 1)).await.is_none());
    let (_, second) = ticket_within(&*store, &of_project("p", 2)).await;
    let (_, third) = ticket_within(&*store, &Concurrency::NONE).await;
    let lowered = of_project("p", 1);
    for lease in [first, second] {
        assert!(store.finish(&lease).await.unwrap());
        assert!(take_within(&*store, &lowered).await.is_none(), "others still run");
    }
    assert!(store.finish(&third).await.unwrap());
    let (ticket, fourth) = ticket_within(&*store, &lowered).await;
    assert_eq!(ticket, "4");
    assert!(store.finish(&fourth).await.unwrap());
}

pub(crate) async fn a_lapsed_lease_counts_until_it_is_recovered(store: Arc<dyn Store>) {
    let limits = of_project("p", 1);
    for ticket in ["1", "2"] {
        enqueue(&*store, "p", ticket).await;
    }
    let lapsing = take(&*store, Duration::from_millis(1)).await;
    eventually("the lease lapses", || async { (!agent_smith::job::WriteRight::is_valid(&lapsing)).then_some(()) })
        .await;
    assert!(take_within(&*store, &limits).await.is_none(), "its consumer may only be slow");
    eventually("the lease is recovered", || async {
        Some(store.recover_lapsed(10).await.unwrap()).filter(|recovered| !recovered.is_empty())
    })
    .await;
    let (ticket, again) = ticket_within(&*store, &limits).await;
    assert_eq!((ticket.as_str(), again.attempt), ("1", 2));
    assert!(take_within(&*store, &limits).await.is_none());
    assert!(store.finish(&again).await.unwrap());
    assert_eq!(drain(&*store).await, ["2"]);
}

/// More queues that wait for a pipeline than one question looks through.
pub(crate) async fn jobs_behind_many_that_wait_are_found(store: Arc<dyn Store>) {
    let limits = of_pipeline("scan", 1);
    for number in 0..25 * 50 {
        enqueue_for(&*store, "scan", &format!("p{}", number % 25), &number.to_string()).await;
    }
    enqueue_for(&*store, "fix", "last", "wanted").await;
    let (_, scan) = ticket_within(&*store, &limits).await;
    let lease = store.take_within("box-1", LONG, NEVER_WAITED_OUT, &limits).await.unwrap().expect("found");
    assert_eq!(lease.job.key.ticket, "wanted");
    assert!(store.finish(&lease).await.unwrap());
    assert!(store.finish(&scan).await.unwrap());
    assert_eq!(drain(&*store).await.len(), 25 * 50 - 1);
}

pub(crate) async fn only_some_jobs_of_a_project_are_looked_at(store: Arc<dyn Store>) {
    let limits = of_pipeline("scan", 1);
    for number in 0..60 {
        enqueue_for(&*store, "scan", "p", &number.to_string()).await;
    }
    enqueue_for(&*store, "fix", "p", "far behind").await;
    enqueue_for(&*store, "fix", "q", "other").await;
    let (_, scan) = ticket_within(&*store, &limits).await;
    let (ticket, other) = ticket_within(&*store, &limits).await;
    assert_eq!(ticket, "other", "another project is not held up by it");
    assert!(take_within(&*store, &limits).await.is_none());
    assert!(store.finish(&scan).await.unwrap());
    assert!(store.finish(&other).await.unwrap());
    assert_eq!(drain(&*store).await.last().map(String::as_str), Some("far behind"));
    assert!(take_now(&*store, LONG).await.is_none());
}

pub(crate) async fn a_look_tells_what_runs_beside_a_job(store: Arc<dyn Store>) {
    for (pipeline, project, ticket) in [("scan", "p", "1"), ("fix", "p", "2"), ("scan", "q", "3"), ("scan", "p", "4")] {
        enqueue_for(&*store, pipeline, project, ticket).await;
    }
    let mut leases = Vec::new();
    for _ in 0..3 {
        leases.push(take(&*store, LONG).await);
    }
    let waits = store.look(&key("p", "4")).await.unwrap().expect("a job");
    assert_eq!(waits.beside, UnderWay { of_project: 2, of_pipeline: 2 });
    let runs = store.look(&key("p", "1")).await.unwrap().expect("a job");
    assert_eq!(runs.beside, UnderWay::default());
    for lease in leases {
        assert!(store.finish(&lease).await.unwrap());
    }
    drain(&*store).await;
}
