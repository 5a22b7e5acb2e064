//! Rows about the records of runs.

use std::sync::Arc;
use std::time::Duration;

use agent_smith::job::{Cause, JobLease, Verdict, Withdrawal};
use agent_smith::run_record::{AttemptRecord, RunNote, RunRecord, RunState, StepRecord, StepState, at_millis};
use agent_smith::store::{MAX_ENDED_RUNS, ReleaseReason, Store, Withdrawn};

use crate::fixture::{LONG, SHORT, enqueue, eventually, key, new_job, record, result, take};

fn note(lease: &JobLease, state: RunState, reason: &str) -> RunNote {
    let step = StepRecord {
        title: "cargo test — \"ünï\"".to_owned(),
        state: StepState::Done,
        started_utc: Some(at_millis(1_700_000_000_123)),
        duration_ms: 1_500,
        exit_code: Some(0),
    };
    RunNote {
        title: "It is broken".to_owned(),
        url: "https://example.org/1".to_owned(),
        change_request: Some("https://example.org/pull/2".to_owned()),
        attempt: AttemptRecord {
            attempt: lease.attempt,
            epoch: lease.epoch,
            host: "box".to_owned(),
            state,
            reason: reason.to_owned(),
            started_utc: at_millis(1_700_000_000_000),
            ended_utc: (!state.is_live()).then(|| at_millis(1_700_000_005_000)),
            steps: vec![step],
            steps_left_out: 0,
            log: Some("/var/lib/agent-smith/logs/x-1.log".to_owned()),
            workspace: None,
        },
    }
}

async fn run(store: &dyn Store, run_id: &str) -> RunRecord {
    store.run(run_id).await.unwrap().expect("a record")
}

fn attempts(run: &RunRecord) -> Vec<(u32, RunState)> {
    run.attempts.iter().map(|one| (one.attempt, one.state)).collect()
}

pub(crate) async fn a_record_follows_its_run(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let queued = run(&*store, &job.run_id).await;
    assert_eq!((queued.state, queued.key, queued.pipeline.as_str()), (RunState::Queued, job.key.clone(), "fix-bug"));
    assert_eq!((queued.started_utc, queued.ended_utc, queued.attempts), (None, None, Vec::new()));

    let lease = take(&*store, LONG).await;
    assert_eq!(run(&*store, &job.run_id).await.state, RunState::Running, "before anything was noted");
    let begun = note(&lease, RunState::Running, "");
    assert!(store.record_run(&lease, &begun).await.unwrap());
    let running = run(&*store, &job.run_id).await;
    assert_eq!(
        (running.state, running.title.as_str(), running.url.as_str()),
        (RunState::Running, "It is broken", "https://example.org/1")
    );
    assert_eq!(running.attempts, [begun.attempt]);
    assert_eq!(running.started_utc, Some(at_millis(1_700_000_000_000)));
    assert_eq!(running.change_request.as_deref(), Some("https://example.org/pull/2"));

    store.record_result(&lease, &result(Verdict::Failed, "no")).await.unwrap();
    let ended = note(&lease, RunState::Failed, "step 1 exited with code 3");
    assert!(store.record_run(&lease, &ended).await.unwrap());
    assert!(store.finish(&lease).await.unwrap());
    let over = run(&*store, &job.run_id).await;
    assert_eq!((over.state, over.reason.as_str()), (RunState::Failed, "step 1 exited with code 3"));
    assert!(over.ended_utc.is_some_and(|ended| ended >= over.queued_utc));
    assert_eq!(over.attempts, [ended.attempt]);
}

pub(crate) async fn a_stale_epoch_notes_nothing(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let stale = take(&*store, SHORT).await;
    assert!(store.record_run(&stale, &note(&stale, RunState::Running, "")).await.unwrap());
    eventually("the lease lapses", || async { (store.recover_lapsed(10).await.unwrap().len() == 1).then_some(()) })
        .await;
    let waits = run(&*store, &job.run_id).await;
    assert_eq!((waits.state, attempts(&waits)), (RunState::Queued, vec![(1, RunState::BrokenOff)]));

    let current = take(&*store, LONG).await;
    assert!(!store.record_run(&stale, &note(&stale, RunState::Done, "late")).await.unwrap());
    assert!(store.record_run(&current, &note(&current, RunState::Running, "")).await.unwrap());
    let again = run(&*store, &job.run_id).await;
    assert_eq!(attempts(&again), [(1, RunState::BrokenOff), (2, RunState::Running)]);
    assert!(store.finish(&current).await.unwrap());
    assert!(!store.record_run(&current, &note(&current, RunState::Done, "later")).await.unwrap());
    let over = run(&*store, &job.run_id).await;
    assert_eq!(over.state, RunState::Dropped, "it ended without a result");
    assert_eq!(attempts(&over), [(1, RunState::BrokenOff), (2, RunState::BrokenOff)]);
}

pub(crate) async fn an_attempt_that_was_handed_back_gives_its_number_away(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let first = take(&*store, LONG).await;
    assert!(store.record_run(&first, &note(&first, RunState::HandedBack, "ends")).await.unwrap());
    assert!(store.release(&first, ReleaseReason::HandedBack, Duration::ZERO).await.unwrap());
    assert_eq!(attempts(&run(&*store, &job.run_id).await), [(1, RunState::HandedBack)]);
    let second = take(&*store, LONG).await;
    assert!(store.record_run(&second, &note(&second, RunState::Running, "")).await.unwrap());
    let running = run(&*store, &job.run_id).await;
    assert_eq!((attempts(&running), running.attempts[0].epoch), (vec![(1, RunState::Running)], second.epoch));
    assert!(store.finish(&second).await.unwrap());
}

pub(crate) async fn what_never_ran_has_a_record_that_says_so(store: Arc<dyn Store>) {
    let dropped = enqueue(&*store, "p", "1").await;
    let by_ann = Withdrawal::new(Cause::Cancelled, Some("ann"));
    assert!(matches!(store.withdraw(&key("p", "1"), &by_ann).await.unwrap(), Withdrawn::Dropped(_)));
    store.forget_withdrawal(&key("p", "1")).await.unwrap();
    let cancelled = run(&*store, &dropped.run_id).await;
    assert_eq!((cancelled.state, cancelled.reason.as_str()), (RunState::Cancelled, "it was cancelled by ann"));
    assert!(cancelled.ended_utc.is_some() && cancelled.attempts.is_empty());

    let given_up = new_job("p", "2");
    record(&*store, &given_up).await;
    assert_eq!(run(&*store, &given_up.run_id).await.state, RunState::Queued);
    assert!(store.drop_claim(&given_up).await.unwrap());
    assert_eq!(store.run(&given_up.run_id).await.unwrap(), None, "the claim did not come about");
    assert_eq!(store.run("no such run").await.unwrap(), None);
}

pub(crate) async fn one_that_is_asked_to_stop_says_so(store: Arc<dyn Store>) {
    let job = enqueue(&*store, "p", "1").await;
    let lease = take(&*store, LONG).await;
    let by_ann = Withdrawal::new(Cause::Cancelled, Some("ann"));
    assert_eq!(store.withdraw(&key("p", "1"), &by_ann).await.unwrap(), Withdrawn::Stopping);
    store.forget_withdrawal(&key("p", "1")).await.unwrap();
    let stopping = run(&*store, &job.run_id).await;
    assert_eq!(
        (stopping.state, stopping.reason.as_str()),
        (RunState::Running, "stopping, because it was cancelled by ann")
    );
    assert!(store.finish(&lease).await.unwrap());
}

pub(crate) async fn runs_are_listed_from_the_newest_on(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for ticket in 0..7 {
        ids.insert(0, enqueue(&*store, "p", &ticket.to_string()).await.run_id);
    }
    let listed = async |before: Option<&str>, limit| {
        let runs = store.runs(before, limit).await.unwrap();
        runs.into_iter().map(|run| run.run_id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 3).await, ids[..3]);
    assert_eq!(listed(Some(&ids[2]), 3).await, ids[3..6]);
    assert_eq!(listed(Some(&ids[5]), 3).await, ids[6..]);
    assert!(listed(Some(&ids[6]), 3).await.is_empty());
    assert_eq!(crate::fixture::drain(&*store).await.len(), 7);
}

pub(crate) async fn only_the_newest_that_are_over_are_kept(store: Arc<dyn Store>) {
    let waits = enqueue(&*store, "other", "waits").await;
    let held = take(&*store, LONG).await;
    let mut ids = Vec::new();
    for number in 0..MAX_ENDED_RUNS + 2 {
        ids.push(enqueue(&*store, "p", &number.to_string()).await.run_id);
        let lease = take(&*store, LONG).await;
        assert!(store.finish(&lease).await.unwrap());
    }
    for forgotten in &ids[..2] {
        assert_eq!(store.run(forgotten).await.unwrap(), None);
    }
    run(&*store, &ids[2]).await;
    assert_eq!(run(&*store, &waits.run_id).await.state, RunState::Running, "a live run is no run that is over");
    assert_eq!(store.runs(None, 5_000).await.unwrap().len(), MAX_ENDED_RUNS + 1);
    assert!(store.finish(&held).await.unwrap());
}
