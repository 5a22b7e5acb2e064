//! What the rows share: stores to run on, jobs to run, and waiting for a condition with a bound.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agent_smith::job::{AskedBy, Cause, Job, JobLease, RunResult, Verdict, Withdrawal};
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::store::redis::RedisStore;
use agent_smith::store::{QueueCounts, Recorded, Store};
use agent_smith::ticket::{PlatformKind, TicketKey};
use redis::aio::MultiplexedConnection;

use crate::support::redis::RedisServer;

/// A lease nobody sees the end of.
pub(crate) const LONG: Duration = Duration::from_secs(600);
/// A lease whose end a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(150);
/// No row may hang. A busy machine runs the longest in a few seconds.
const ROW_LIMIT: Duration = Duration::from_secs(60);
/// How long a condition may take to become true.
const PATIENCE: Duration = Duration::from_secs(20);
/// A wait that must not be waited out: woken means far below it.
pub(crate) const NEVER_WAITED_OUT: Duration = Duration::from_secs(50);
/// What counts as woken, on a busy machine.
pub(crate) const WOKEN: Duration = Duration::from_secs(5);

/// Runs a row on a Redis of its own.
pub(crate) async fn on_redis<F: Future<Output = ()>>(row: impl FnOnce(Arc<dyn Store>) -> F) {
    let server = RedisServer::start();
    let store = Arc::new(RedisStore::connect(&server.url()).expect("a good address"));
    bounded(row(store.clone())).await;
    assert_eq!(store.counts().await.expect("counts"), QueueCounts::default());
    assert_nothing_left(&server).await;
}

/// Runs a row in memory.
pub(crate) async fn on_embedded<F: Future<Output = ()>>(row: impl FnOnce(Arc<dyn Store>) -> F) {
    let store = Arc::new(EmbeddedStore::new());
    bounded(row(store.clone())).await;
    assert_eq!(store.counts().await.expect("counts"), QueueCounts::default());
}

/// Fails a test that hangs.
pub(crate) async fn bounded(test: impl Future<Output = ()>) {
    tokio::time::timeout(ROW_LIMIT, test).await.expect("the test hangs");
}

/// Fails when a test left keys behind.
pub(crate) async fn assert_nothing_left(server: &RedisServer) {
    let mut redis = raw(server).await;
    let keys: BTreeSet<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.expect("keys");
    let permanent = ["{agentsmith:queue:jobs}:epoch", "{agentsmith:queue:jobs}:generation"];
    let is_last_run = |key: &&String| key.starts_with("{agentsmith:queue:jobs}:last:");
    let is_record = |key: &&String| {
        let of_runs = ["{agentsmith:queue:jobs}:runs", "{agentsmith:queue:jobs}:ended-runs"];
        of_runs.contains(&key.as_str()) || key.starts_with("{agentsmith:queue:jobs}:run:")
    };
    let is_counted = |key: &&String| key.starts_with("{agentsmith:queue:jobs}:attempts:");
    let ends_by_itself = |key: &&String| is_last_run(key) || is_record(key) || is_counted(key);
    for key in keys.iter().filter(ends_by_itself) {
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut redis).await.expect("its end");
        assert!(left > 0, "{key} stays for ever");
    }
    let stays = |key: &&String| !permanent.contains(&key.as_str()) && !ends_by_itself(key);
    let left: Vec<&String> = keys.iter().filter(stays).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// A plain connection, to look at keys as an operator would.
pub(crate) async fn raw(server: &RedisServer) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).expect("a good address");
    client.get_multiplexed_async_connection().await.expect("a connection")
}

/// Asks until the answer is there.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

pub(crate) fn key(project: &str, ticket: &str) -> TicketKey {
    TicketKey::new(PlatformKind::GitHub, project, ticket)
}

pub(crate) fn new_job(project: &str, ticket: &str) -> Job {
    Job::new(key(project, ticket), "fix-bug", AskedBy::TriggerLabel)
}

/// Records a claim the way the claim service does.
pub(crate) async fn record(store: &dyn Store, job: &Job) -> Recorded {
    let lock = store.lock_claim(&job.key).await.expect("an answer").expect("a free claim lock");
    let recorded = store.record_claim(&lock, job).await.expect("recorded");
    store.unlock_claim(lock).await.expect("unlocked");
    recorded
}

/// Claims a ticket: recorded and visible.
pub(crate) async fn enqueue(store: &dyn Store, project: &str, ticket: &str) -> Job {
    let job = new_job(project, ticket);
    assert_eq!(record(store, &job).await, Recorded::New);
    assert!(store.publish_claim(&job).await.expect("published"));
    job
}

/// Takes what is there now.
pub(crate) async fn take_now(store: &dyn Store, ttl: Duration) -> Option<JobLease> {
    store.take("box-1", ttl, Duration::ZERO).await.expect("an answer")
}

/// Takes the next job, which must be there.
pub(crate) async fn take(store: &dyn Store, ttl: Duration) -> JobLease {
    take_now(store, ttl).await.expect("a queued job")
}

/// Takes and finishes everything; the tickets in order.
pub(crate) async fn drain(store: &dyn Store) -> Vec<String> {
    let mut tickets = Vec::new();
    while let Some(lease) = take_now(store, LONG).await {
        assert!(store.finish(&lease).await.expect("finished"));
        tickets.push(lease.job.key.ticket.clone());
    }
    tickets
}

/// A withdrawal by a person.
pub(crate) fn cancelled() -> Withdrawal {
    Withdrawal::new(Cause::Cancelled, Some("ann"))
}

/// Claims a ticket for this pipeline.
pub(crate) async fn enqueue_for(store: &dyn Store, pipeline: &str, project: &str, ticket: &str) {
    let job = Job { pipeline: pipeline.to_owned(), ..new_job(project, ticket) };
    assert_eq!(record(store, &job).await, Recorded::New);
    assert!(store.publish_claim(&job).await.expect("published"));
}

pub(crate) fn result(verdict: Verdict, comment: &str) -> RunResult {
    RunResult { verdict, comment: comment.to_owned() }
}
