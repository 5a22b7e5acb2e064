//! Rows about recovery and look-ups.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::job::JobState::{Claiming, Queued, Running};
use agent_smith::job::{AskedBy, Cause, Job, Verdict, Withdrawal};
use agent_smith::store::{QueueCounts, Recorded, Recovered, ReleaseReason, Store, WaitingLine, Withdrawn};

use agent_smith::ticket::PlatformKind;

use crate::fixture::{
    LONG, NEVER_WAITED_OUT, SHORT, WOKEN, drain, enqueue, eventually, key, new_job, record, result, take, take_now,
};

async fn recover(store: &dyn Store, limit: usize) -> Vec<Recovered> {
    eventually("a lease lapses", || async {
        Some(store.recover_lapsed(limit).await.unwrap()).filter(|recovered| !recovered.is_empty())
    })
    .await
}

pub(crate) async fn a_lapsed_job_goes_to_the_front_with_its_attempt_counted(store: Arc<dyn Store>) {
    for ticket in ["1", "2", "3"] {
        enqueue(&*store, "p", ticket).await;
    }
    let lapsing = take(&*store, SHORT).await;
    let recovered = recover(&*store, 10).await;
    let expected = Recovered { key: key("p", "1"), attempt: 1, consumer: "box-1".into() };
    assert_eq!(recovered, [expected]);
    assert_eq!(store.recover_lapsed(10).await.unwrap(), [], "once");
    assert_eq!(store.job_states(&[key("p", "1")]).await.unwrap(), [Some(Queued)]);
    let again = take(&*store, LONG).await;
    assert_eq!((again.job.key.ticket.as_str(), again.attempt), ("1", 2));
    assert_eq!(again.job, lapsing.job);
    assert!(store.finish(&again).await.unwrap());
    assert_eq!(drain(&*store).await, ["2", "3"]);
}

pub(crate) async fn a_renewed_lease_does_not_lapse(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "renewed").await;
    enqueue(&*store, "p", "silent").await;
    let renewed = take(&*store, SHORT).await;
    store.renew(&renewed, LONG).await.unwrap();
    let silent = take(&*store, SHORT).await;
    let recovered = recover(&*store, 10).await;
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].key, silent.job.key);
    assert!(store.confirm(&renewed).await.unwrap());
    assert!(store.finish(&renewed).await.unwrap());
    assert_eq!(drain(&*store).await, ["silent"]);
}

pub(crate) async fn recovery_is_limited_and_ends_a_wait(store: Arc<dyn Store>) {
    for ticket in ["1", "2", "3"] {
        enqueue(&*store, "p", ticket).await;
        take(&*store, SHORT).await;
    }
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.take("box-2", LONG, NEVER_WAITED_OUT).await }
    });
    let first = recover(&*store, 1).await;
    let recovered_at = Instant::now();
    assert_eq!((first.len(), first[0].key.ticket.as_str()), (1, "1"), "the one that lapsed first");
    let lease = waiting.await.expect("a take that ends").unwrap().expect("the recovered job");
    assert!(recovered_at.elapsed() < WOKEN);
    assert!(store.finish(&lease).await.unwrap());
    assert_eq!(recover(&*store, 1).await.len(), 1);
    assert_eq!(recover(&*store, 1).await.len(), 1);
    assert!(store.recover_lapsed(1).await.unwrap().is_empty());
    drain(&*store).await;
}

pub(crate) async fn states_and_counts_tell_where_jobs_stand(store: Arc<dyn Store>) {
    let ask = [key("p", "none"), key("p", "run"), key("p", "delayed"), key("p", "wait"), key("q", "claim")];
    enqueue(&*store, "p", "run").await;
    let running = take(&*store, LONG).await;
    enqueue(&*store, "p", "delayed").await;
    let delayed = take(&*store, LONG).await;
    assert!(store.release(&delayed, ReleaseReason::Broken, SHORT).await.unwrap());
    enqueue(&*store, "p", "wait").await;
    let claim = new_job("q", "claim");
    assert_eq!(record(&*store, &claim).await, Recorded::New);

    let states = store.job_states(&ask).await.unwrap();
    assert_eq!(states, [None, Some(Running), Some(Queued), Some(Queued), Some(Claiming)]);
    let counts = QueueCounts { claiming: 1, queued: 2, running: 1, set_aside: 0 };
    assert_eq!(store.counts().await.unwrap(), counts);

    assert!(store.drop_claim(&claim).await.unwrap());
    assert!(store.finish(&running).await.unwrap());
    assert_eq!(drain_waiting(&*store, 2).await, 2);
    assert_eq!(store.job_states(&ask).await.unwrap(), [None; 5]);
    assert_eq!(store.job_states(&[]).await.unwrap(), []);
}

async fn drain_waiting(store: &dyn Store, jobs: usize) -> usize {
    let mut finished = 0;
    while finished < jobs {
        let lease = store.take("box-1", LONG, Duration::from_secs(20)).await.unwrap().expect("a job");
        assert!(store.finish(&lease).await.unwrap());
        finished += 1;
    }
    assert!(take_now(store, LONG).await.is_none());
    finished
}

pub(crate) async fn many_states_come_in_order(store: Arc<dyn Store>) {
    enqueue(&*store, "p", "7").await;
    enqueue(&*store, "p", "1190").await;
    let ask: Vec<_> = (0..1_200).map(|ticket| key("p", &ticket.to_string())).collect();
    let states = store.job_states(&ask).await.unwrap();
    assert_eq!(states.len(), 1_200);
    let live: Vec<usize> = (0..1_200).filter(|index| states[*index].is_some()).collect();
    assert_eq!(live, [7, 1190]);
    drain(&*store).await;
}

pub(crate) async fn live_jobs_are_found_under_any_project(store: Arc<dyn Store>) {
    for (project, ticket) in [("p", "1"), ("q", "1"), ("p", "11"), ("p:1", "2"), ("p", "KEY-1"), ("p", "KEY*1")] {
        enqueue(&*store, project, ticket).await;
    }
    let running = take(&*store, LONG).await;
    let found = async |ticket: &str| {
        let mut live = store.live_jobs(PlatformKind::GitHub, ticket).await.unwrap();
        live.sort_by(|(a, _), (b, _)| a.cmp(b));
        live
    };
    let state = |project: &str| if running.job.key.project == project { Running } else { Queued };
    assert_eq!(found("1").await, [(key("p", "1"), state("p")), (key("q", "1"), state("q"))]);
    assert_eq!(found("KEY-1").await, [(key("p", "KEY-1"), Queued)], "a dash is no range");
    assert_eq!(found("KEY*1").await, [(key("p", "KEY*1"), Queued)], "a star is no pattern");
    assert_eq!(found("*").await, []);
    assert_eq!(store.live_jobs(PlatformKind::Jira, "1").await.unwrap(), []);
    for number in 0..2_500 {
        record(&*store, &new_job("many", &number.to_string())).await;
    }
    assert_eq!(found("2400").await, [(key("many", "2400"), Claiming)], "beyond one trip");
    for claim in store.half_made_claims(Duration::ZERO, 3_000).await.unwrap() {
        assert!(store.drop_claim(&claim.job).await.unwrap());
    }
    assert!(store.finish(&running).await.unwrap());
    drain(&*store).await;
    assert_eq!(found("1").await, []);
}

pub(crate) async fn a_look_tells_where_a_job_stands(store: Arc<dyn Store>) {
    assert_eq!(store.look(&key("p", "1")).await.unwrap(), None);
    let claim = new_job("p", "1");
    assert_eq!(record(&*store, &claim).await, Recorded::New);
    let look = store.look(&claim.key).await.unwrap().expect("a live job");
    assert_eq!((&look.job, look.state, look.ahead, look.attempt), (&claim, Claiming, None, 0));
    assert!(store.publish_claim(&claim).await.unwrap());
    let second = enqueue(&*store, "p", "2").await;
    let look = async |job: &Job| store.look(&job.key).await.unwrap().expect("a live job");
    assert_eq!((look(&claim).await.ahead, look(&second).await.ahead), (Some(0), Some(1)));
    assert_eq!(look(&second).await.consumer, None);

    let lease = take(&*store, LONG).await;
    let cancelled = Withdrawal::new(Cause::Cancelled, Some("ann"));
    assert_eq!(store.withdraw(&claim.key, &cancelled).await.unwrap(), Withdrawn::Stopping);
    let runs = look(&claim).await;
    assert_eq!((runs.state, runs.attempt, runs.consumer.as_deref()), (Running, 1, Some("box-1")));
    assert_eq!((runs.ahead, runs.stop_asked), (None, Some(cancelled)));
    assert!(runs.since < Duration::from_secs(60), "{:?}", runs.since);
    assert_eq!(look(&second).await.ahead, Some(0));
    assert_eq!(drain(&*store).await, ["2"]);
    assert!(store.release(&lease, ReleaseReason::HandedBack, Duration::from_secs(2)).await.unwrap());
    let delayed = look(&claim).await;
    assert_eq!((delayed.state, delayed.ahead), (Queued, None), "it waits for its time");
    let lease = store.take("box-1", LONG, Duration::from_secs(20)).await.unwrap().expect("due");
    assert!(store.finish(&lease).await.unwrap());
    store.forget_withdrawal(&claim.key).await.unwrap();
}

pub(crate) async fn the_last_result_is_remembered(store: Arc<dyn Store>) {
    assert_eq!(store.last_run(&key("p", "1")).await.unwrap(), None);
    for (verdict, pipeline) in [(Verdict::Failed, "fix bug"), (Verdict::Cancelled, "other")] {
        let job = Job::new(key("p", "1"), pipeline, AskedBy::Comment);
        assert_eq!(record(&*store, &job).await, Recorded::New);
        assert!(store.publish_claim(&job).await.unwrap());
        let lease = take(&*store, LONG).await;
        store.record_result(&lease, &result(verdict, "said")).await.unwrap();
        assert!(store.finish(&lease).await.unwrap());
        let last = store.last_run(&key("p", "1")).await.unwrap().expect("remembered");
        assert_eq!((last.verdict, last.pipeline.as_str(), &last.run_id), (verdict, pipeline, &job.run_id));
        assert!(last.ended < Duration::from_secs(60), "{:?}", last.ended);
    }
    // One that ends without a result says nothing about the ticket.
    enqueue(&*store, "p", "1").await;
    assert_eq!(drain(&*store).await, ["1"]);
    assert_eq!(store.last_run(&key("p", "1")).await.unwrap().map(|last| last.verdict), Some(Verdict::Cancelled));
    assert_eq!(store.last_run(&key("q", "1")).await.unwrap(), None);
}

pub(crate) async fn what_waits_is_told_in_order_project_by_project(store: Arc<dyn Store>) {
    assert_eq!(store.waiting(10, 10).await.unwrap(), []);
    let mut jobs = Vec::new();
    for (project, ticket) in [("p", "1"), ("p", "2"), ("q: r", "7"), ("p", "3"), ("s", "9")] {
        jobs.push(enqueue(&*store, project, ticket).await);
    }
    let line = |project: &str, total, first: &[(u64, usize)]| WaitingLine {
        project: project.to_owned(),
        total,
        first: first.iter().map(|(ahead, job)| (*ahead, jobs[*job].clone())).collect(),
    };
    let all = [line("p", 3, &[(0, 0), (1, 1), (2, 3)]), line("q: r", 1, &[(0, 2)]), line("s", 1, &[(0, 4)])];
    assert_eq!(store.waiting(10, 10).await.unwrap(), all);
    let few = [line("p", 3, &[(0, 0), (1, 1)]), line("q: r", 1, &[(0, 2)])];
    assert_eq!(store.waiting(2, 3).await.unwrap(), few, "so many of each, so many in all");

    let lease = take(&*store, LONG).await;
    let after = [line("q: r", 1, &[(0, 2)]), line("s", 1, &[(0, 4)]), line("p", 2, &[(0, 1), (1, 3)])];
    assert_eq!(store.waiting(10, 10).await.unwrap(), after, "the next turn first, without what runs");
    assert!(store.release(&lease, ReleaseReason::Broken, LONG).await.unwrap());
    assert_eq!(store.waiting(10, 10).await.unwrap(), after, "what waits to be tried again is not in line");
    store.withdraw(&jobs[0].key, &Withdrawal::new(Cause::Cancelled, None)).await.unwrap();
    store.forget_withdrawal(&jobs[0].key).await.unwrap();
    drain(&*store).await;
}
