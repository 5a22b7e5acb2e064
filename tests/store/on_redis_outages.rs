//! Redis goes away and comes back: with its data, without them, or merely slow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::job::{Verdict, WriteRight};
use agent_smith::store::LeaseName::Poller;
use agent_smith::store::redis::RedisStore;
use agent_smith::store::{Error, Recorded, ReleaseReason, Renewal, Store};

use crate::fixture::{
    LONG, NEVER_WAITED_OUT, SHORT, WOKEN, assert_nothing_left, bounded, drain, enqueue, eventually, key, new_job, raw,
    record, result, take, take_now,
};
use crate::support::redis::RedisServer;

/// What the contract promises for every call, and a little for a busy machine.
const CALL_LIMIT: Duration = Duration::from_millis(3_500);

fn start() -> (RedisServer, Arc<RedisStore>) {
    let server = RedisServer::start();
    let store = Arc::new(RedisStore::connect(&server.url()).expect("a good address"));
    (server, store)
}

/// The first call after a restart may find the old connection broken.
async fn answers(store: &RedisStore) {
    eventually("redis answers again", || async { store.ping().await.ok() }).await;
}

async fn assert_unavailable(store: &RedisStore) {
    let asked_at = Instant::now();
    let answer = store.take("box-1", LONG, NEVER_WAITED_OUT).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    assert!(asked_at.elapsed() < CALL_LIMIT, "{:?}", asked_at.elapsed());
}

#[tokio::test]
async fn a_kill_with_data_kept_loses_nothing() {
    let (mut server, store) = start();
    bounded(async {
        enqueue(&*store, "p", "run").await;
        let lease = take(&*store, LONG).await;
        enqueue(&*store, "p", "wait").await;
        let claim = new_job("p", "claim");
        assert_eq!(record(&*store, &claim).await, Recorded::New);
        assert!(store.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained());
        let counts = store.counts().await.unwrap();

        server.restart_with_data();
        answers(&store).await;
        assert_eq!(store.counts().await.unwrap(), counts);
        assert!(store.renew_lease(Poller, "a", LONG).await.unwrap());
        assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Renewed);
        assert!(store.finish(&lease).await.unwrap());
        assert!(store.publish_claim(&claim).await.unwrap());
        let next = take(&*store, LONG).await;
        assert!(next.epoch > lease.epoch);
        assert!(store.finish(&next).await.unwrap());
        assert_eq!(drain(&*store).await, ["claim"]);
        assert!(store.release_lease(Poller, "a").await.unwrap());
        assert_nothing_left(&server).await;
    })
    .await;
}

#[tokio::test]
async fn a_run_goes_on_when_the_data_are_lost() {
    let (mut server, store) = start();
    bounded(async {
        enqueue(&*store, "p", "1").await;
        let lease = take(&*store, LONG).await;
        let before = lease.generation();
        server.restart_empty();
        answers(&store).await;
        assert_eq!(store.job_states(&[key("p", "1")]).await.unwrap(), [None]);

        assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Restored);
        assert_ne!(lease.generation(), before);
        assert_eq!(store.counts().await.unwrap().running, 1);
        assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Renewed);
        assert_eq!(
            record(&*store, &new_job("p", "1")).await,
            Recorded::AlreadyLive(agent_smith::job::JobState::Running)
        );
        enqueue(&*store, "p", "2").await;
        let other = take(&*store, LONG).await;
        assert!(other.epoch > lease.epoch, "epochs rise across the loss");
        assert!(store.finish(&other).await.unwrap());
        assert!(store.finish(&lease).await.unwrap());
        assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Lost, "over is over in the new life too");
        assert_nothing_left(&server).await;
    })
    .await;
}

/// Every call that acts on a lease registers the job again, so a run that ends before its next heartbeat still ends.
#[tokio::test]
async fn a_run_can_end_right_after_the_data_were_lost() {
    let (mut server, store) = start();
    bounded(async {
        enqueue(&*store, "p", "1").await;
        let lease = take(&*store, LONG).await;
        let done = result(Verdict::Done, "done");
        server.restart_empty();
        answers(&store).await;
        assert!(store.confirm(&lease).await.unwrap());
        assert_eq!(store.record_result(&lease, &done).await.unwrap(), Some(done.clone()));
        // A crash of the consumer here: the restored job comes back with its attempt and its result.
        assert!(store.release(&lease, ReleaseReason::Broken, Duration::ZERO).await.unwrap());
        let second = take(&*store, LONG).await;
        assert_eq!((second.attempt, second.earlier_result.clone()), (2, Some(done.clone())));

        server.restart_empty();
        answers(&store).await;
        let failed = result(Verdict::Failed, "too late");
        assert_eq!(store.record_result(&second, &failed).await.unwrap(), Some(done), "the first result stands");
        server.restart_empty();
        answers(&store).await;
        assert!(store.finish(&second).await.unwrap());
        assert_nothing_left(&server).await;
    })
    .await;
}

#[tokio::test]
async fn a_run_is_lost_when_somebody_else_got_the_ticket_after_the_loss() {
    let (mut server, store) = start();
    bounded(async {
        enqueue(&*store, "p", "1").await;
        let old = take(&*store, LONG).await;
        server.restart_empty();
        answers(&store).await;
        enqueue(&*store, "p", "1").await;
        assert!(!store.confirm(&old).await.unwrap(), "queued again");
        let new = take(&*store, LONG).await;
        assert!(new.epoch > old.epoch);
        assert_eq!(store.renew(&old, LONG).await.unwrap(), Renewal::Lost);
        assert!(!store.finish(&old).await.unwrap());
        assert!(store.finish(&new).await.unwrap());
        assert_nothing_left(&server).await;
    })
    .await;
}

/// Once the lease is over by its holder's clock, the ticket may have been given away and the new run be over already.
#[tokio::test]
async fn a_lease_that_has_run_out_is_not_restored() {
    let (mut server, store) = start();
    bounded(async {
        enqueue(&*store, "p", "1").await;
        let lease = take(&*store, SHORT).await;
        server.restart_empty();
        answers(&store).await;
        eventually("the lease runs out", || async { (!lease.is_valid()).then_some(()) }).await;
        assert!(!store.confirm(&lease).await.unwrap());
        assert_eq!(store.renew(&lease, LONG).await.unwrap(), Renewal::Lost);
        assert_nothing_left(&server).await;
    })
    .await;
}

#[tokio::test]
async fn silence_counts_only_after_the_data_are_old_enough() {
    let (mut server, store) = start();
    bounded(async {
        let hour = Duration::from_secs(3600);
        let left = store.silence_counts_in(hour).await.unwrap();
        assert!(left > hour - Duration::from_secs(60) && left <= hour, "{left:?}");
        eventually("the data are old enough", || async {
            store.silence_counts_in(SHORT).await.unwrap().is_zero().then_some(())
        })
        .await;
        server.restart_with_data();
        answers(&store).await;
        assert!(store.silence_counts_in(SHORT).await.unwrap().is_zero(), "the same data");
        server.restart_empty();
        answers(&store).await;
        assert!(!store.silence_counts_in(Duration::from_secs(60)).await.unwrap().is_zero(), "new data");
    })
    .await;
}

#[tokio::test]
async fn it_starts_without_redis_and_works_as_soon_as_it_is_there() {
    let (mut server, store) = start();
    server.kill();
    bounded(async {
        assert_unavailable(&store).await;
        assert_unavailable(&store).await;
        server.restart_empty();
        // The first call, not the second: what was refused was never sent and is asked again.
        store.ping().await.expect("the first call after the start");
        enqueue(&*store, "p", "1").await;
        assert_eq!(drain(&*store).await, ["1"]);
        server.kill();
        assert_unavailable(&store).await;
        let waiting_for_nothing = tokio::time::timeout(Duration::from_millis(300), store.lease_released()).await;
        assert!(waiting_for_nothing.is_err(), "no lease was given up");
        server.restart_with_data();
        answers(&store).await;
        assert_nothing_left(&server).await;
    })
    .await;
}

/// A question that Redis answers after we stopped listening gives its job to the next question, attempt and all.
#[tokio::test]
async fn a_redis_that_hangs_is_unavailable_and_takes_nothing_away() {
    let (server, store) = start();
    bounded(async {
        assert!(take_now(&*store, LONG).await.is_none(), "and Redis knows the script from here on");
        for ticket in ["1", "2"] {
            enqueue(&*store, "p", ticket).await;
        }
        server.freeze();
        assert_unavailable(&store).await;
        server.thaw();
        eventually("redis answers the old question", || async {
            (store.counts().await.ok()?.running == 1).then_some(())
        })
        .await;
        for ticket in ["1", "2"] {
            let lease = take(&*store, LONG).await;
            assert_eq!((lease.job.key.ticket.as_str(), lease.attempt), (ticket, 1));
            assert!(store.finish(&lease).await.unwrap());
        }
        assert!(take_now(&*store, LONG).await.is_none());
        assert_nothing_left(&server).await;
    })
    .await;
}

/// Waits survive an outage: the subscription comes back by itself and whoever waits asks again.
#[tokio::test]
async fn waits_begun_before_an_outage_end_after_it() {
    let (mut server, store) = start();
    let publisher = RedisStore::connect(&server.url()).expect("a good address");
    bounded(async {
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.take("box-1", LONG, NEVER_WAITED_OUT).await }
        });
        subscribed(&server).await;
        server.restart_empty();
        answers(&publisher).await;
        subscribed(&server).await;
        let published_at = Instant::now();
        enqueue(&publisher, "p", "1").await;
        let lease = waiting.await.expect("a take that ends").unwrap().expect("the job");
        assert!(published_at.elapsed() < WOKEN, "{:?}", published_at.elapsed());
        assert!(store.finish(&lease).await.unwrap());

        assert!(publisher.acquire_lease(Poller, "a", LONG).await.unwrap().is_obtained());
        let released = tokio::spawn({
            let store = store.clone();
            async move { store.lease_released().await }
        });
        tokio::task::yield_now().await;
        assert!(publisher.release_lease(Poller, "a").await.unwrap());
        tokio::time::timeout(WOKEN, released).await.expect("told of the release").expect("no panic");
        assert!(take_now(&*store, LONG).await.is_none());
        assert_nothing_left(&server).await;
    })
    .await;
}

async fn subscribed(server: &RedisServer) {
    let mut redis = raw(server).await;
    loop {
        let (_, listeners): (String, u32) = redis::cmd("PUBSUB")
            .arg("NUMSUB")
            .arg("agentsmith:announce:jobs")
            .query_async(&mut redis)
            .await
            .expect("the number of listeners");
        if listeners > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
