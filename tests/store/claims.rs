//! Rows about claim locks and claim records.

use std::sync::Arc;
use std::time::Duration;

use agent_smith::job::{AskedBy, Job, JobState};
use agent_smith::store::{Error, HalfMadeClaim, Recorded, ReleaseReason, Store};

use crate::fixture::{LONG, SHORT, drain, enqueue, eventually, key, new_job, record, take};

pub(crate) async fn a_claim_lock_is_a_mutex_per_ticket(store: Arc<dyn Store>) {
    let lock = store.lock_claim(&key("p", "1")).await.unwrap().expect("free");
    assert!(store.lock_claim(&key("p", "1")).await.unwrap().is_none());
    let other_project = store.lock_claim(&key("q", "1")).await.unwrap().expect("another ticket");
    store.unlock_claim(lock).await.unwrap();
    let again = store.lock_claim(&key("p", "1")).await.unwrap().expect("free again");
    assert!(store.lock_claim(&key("q", "1")).await.unwrap().is_none());
    store.unlock_claim(again).await.unwrap();
    store.unlock_claim(other_project).await.unwrap();
}

pub(crate) async fn a_lock_covers_its_own_ticket_only(store: Arc<dyn Store>) {
    let lock = store.lock_claim(&key("p", "1")).await.unwrap().expect("free");
    let recorded = store.record_claim(&lock, &new_job("p", "2")).await;
    assert!(matches!(recorded, Err(Error::Malformed(_))), "{recorded:?}");
    assert_eq!(store.job_states(&[key("p", "2")]).await.unwrap(), [None]);
    store.unlock_claim(lock).await.unwrap();
}

pub(crate) async fn a_claim_is_recorded_once_whatever_the_state(store: Arc<dyn Store>) {
    let job = new_job("p", "1");
    assert_eq!(record(&*store, &job).await, Recorded::New);
    let rival = new_job("p", "1");
    assert_eq!(record(&*store, &rival).await, Recorded::AlreadyLive(JobState::Claiming));
    assert!(store.publish_claim(&job).await.unwrap());
    assert_eq!(record(&*store, &rival).await, Recorded::AlreadyLive(JobState::Queued));
    let lease = take(&*store, LONG).await;
    assert_eq!(lease.job, job, "the first claim's job, not the rival's");
    assert_eq!(record(&*store, &rival).await, Recorded::AlreadyLive(JobState::Running));
    assert!(store.release(&lease, ReleaseReason::Broken, SHORT).await.unwrap());
    assert_eq!(record(&*store, &rival).await, Recorded::AlreadyLive(JobState::Queued), "while delayed");
    let lease = store.take("box-1", LONG, Duration::from_secs(20)).await.unwrap().expect("due");
    assert!(store.finish(&lease).await.unwrap());
    assert_eq!(record(&*store, &rival).await, Recorded::New);
    assert!(store.drop_claim(&rival).await.unwrap());
}

pub(crate) async fn a_record_ends_once_and_only_by_its_own_run(store: Arc<dyn Store>) {
    let job = Job::new(key("team: core", "ABC-1"), "add-feature", AskedBy::PendingLabel);
    let rival = new_job("team: core", "ABC-1");
    assert!(!store.publish_claim(&job).await.unwrap(), "nothing recorded yet");
    assert_eq!(record(&*store, &job).await, Recorded::New);
    assert!(!store.publish_claim(&rival).await.unwrap());
    assert!(!store.drop_claim(&rival).await.unwrap());
    assert!(store.publish_claim(&job).await.unwrap());
    assert!(!store.publish_claim(&job).await.unwrap());
    assert!(!store.drop_claim(&job).await.unwrap(), "a visible job is no claim any more");
    let lease = take(&*store, LONG).await;
    assert_eq!(lease.job, job, "every field comes back");
    assert!(!store.drop_claim(&job).await.unwrap());
    assert!(store.finish(&lease).await.unwrap());
}

pub(crate) async fn a_dropped_claim_leaves_no_trace(store: Arc<dyn Store>) {
    let job = new_job("p", "1");
    assert_eq!(record(&*store, &job).await, Recorded::New);
    assert!(store.drop_claim(&job).await.unwrap());
    assert!(!store.drop_claim(&job).await.unwrap());
    assert!(!store.publish_claim(&job).await.unwrap());
    assert_eq!(store.half_made_claims(Duration::ZERO, 10).await.unwrap(), []);
    enqueue(&*store, "p", "1").await;
    assert_eq!(drain(&*store).await, ["1"]);
}

pub(crate) async fn half_made_claims_are_listed_by_age(store: Arc<dyn Store>) {
    let mut jobs = Vec::new();
    for ticket in ["3", "1", "2"] {
        let job = new_job("p", ticket);
        assert_eq!(record(&*store, &job).await, Recorded::New);
        jobs.push(job);
        // The store counts in milliseconds: the next record is to be younger.
        eventually("the record is two milliseconds old", || async {
            let old = store.half_made_claims(Duration::from_millis(2), 10).await.unwrap();
            (old.len() == jobs.len()).then_some(())
        })
        .await;
    }
    enqueue(&*store, "p", "4").await;
    let all: Vec<HalfMadeClaim> = jobs.iter().cloned().map(|job| HalfMadeClaim { job }).collect();
    assert_eq!(store.half_made_claims(Duration::ZERO, 10).await.unwrap(), all);
    assert_eq!(store.half_made_claims(Duration::ZERO, 2).await.unwrap(), all[..2]);
    assert_eq!(store.half_made_claims(LONG, 10).await.unwrap(), []);
    eventually("the claims are old enough", || async {
        (store.half_made_claims(SHORT, 10).await.unwrap() == all).then_some(())
    })
    .await;
    assert!(store.publish_claim(&jobs[1]).await.unwrap());
    assert!(store.drop_claim(&jobs[0]).await.unwrap());
    assert_eq!(store.half_made_claims(Duration::ZERO, 10).await.unwrap(), all[2..]);
    assert!(store.publish_claim(&jobs[2]).await.unwrap());
    assert_eq!(drain(&*store).await, ["4", "1", "2"]);
}
