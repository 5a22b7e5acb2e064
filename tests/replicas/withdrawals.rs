//! A stop that is asked for in one process and carried out in another, and what a crash in between leaves.

use std::sync::Arc;
use std::time::Duration;

use agent_smith::claim::Recall;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::store::Withdrawn;
use agent_smith::store::redis::RedisStore;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::support::process::{Server, processes_with};
use crate::support::world::{Door, Settings, eventually, has_result};
use crate::{Cluster, TRACKER, noting};

const BY_ANN: Recall<'_> = Recall::Cancelled { by: Some("ann") };

/// A cluster whose step ignores SIGTERM, as does its child in a session of its own; the mark of both.
async fn stubborn_cluster(heartbeat_ttl_seconds: u64, heartbeat_renew_seconds: u64) -> (Cluster, String) {
    let cluster = Cluster::new(|world| {
        let waits = format!("while [ ! -e {} ]; do sleep 0.05; done", world.path("go").display());
        let step = noting(world, &format!("trap '' TERM; (setsid sh -c '{waits}' &); {waits}"));
        Settings { heartbeat_ttl_seconds, heartbeat_renew_seconds, ..Settings::steps(&[&step]) }
    })
    .await;
    let mark = cluster.world.path("go").display().to_string();
    (cluster, mark)
}

/// This process is the one that is asked: it shares nothing with the replica but Redis and the platform.
fn door(cluster: &Cluster) -> Door {
    cluster.world.door(Arc::new(RedisStore::connect(&cluster.redis.url()).unwrap()))
}

async fn runs(cluster: &Cluster, mark: &str, times: usize) {
    eventually("the step and its child run", async || {
        (cluster.world.lines("runs").len() == times && processes_with(mark).len() >= 2).then_some(())
    })
    .await;
}

async fn shows_cancelled(cluster: &Cluster, number: u64) {
    cluster.world.reached(|board| has_result(&board.ticket(TRACKER, number).unwrap())).await;
    let ticket = cluster.world.shows(TRACKER, number, None).await;
    assert_eq!(ticket.comments.len(), 1);
    let comment = &ticket.comments[0].body;
    assert!(comment.contains("**cancelled**") && comment.contains("cancelled by `ann`"), "{comment}");
}

/// The heartbeat is minutes away, so only the announcement can have told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_asked_elsewhere_ends_the_whole_tree_in_time() {
    let (cluster, mark) = stubborn_cluster(600, 250).await;
    let number = cluster.world.ask(TRACKER, "Runs over there");
    let server = cluster.replica("runs-it").await;
    runs(&cluster, &mark, 1).await;
    let asked = Instant::now();
    assert_eq!(door(&cluster).withdraw("api", number, BY_ANN).await, Withdrawn::Stopping);
    eventually("the tree is gone", async || processes_with(&mark).is_empty().then_some(())).await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}\n{}", asked.elapsed(), server.log());
    shows_cancelled(&cluster, number).await;
    assert!(server.log().contains("it was cancelled by ann"), "{}", server.log());
}

/// A user without rights on the channels hears no announcement: the heartbeat is the sure path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_announcement_costs_one_heartbeat() {
    let (cluster, mark) = stubborn_cluster(4, 1).await;
    let mut redis = redis::Client::open(cluster.redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let rights = "ACL SETUSER smith on >s3cret ~* resetchannels +@all";
    let mut words = rights.split(' ');
    let _: () = redis::cmd(words.next().unwrap()).arg(words.collect::<Vec<_>>()).query_async(&mut redis).await.unwrap();
    let deaf = cluster.redis.url().replace("//", "//smith:s3cret@");
    let number = cluster.world.ask(TRACKER, "Runs unheard");
    let path = cluster.world.path("deaf.log");
    let _server = Server::start(&cluster.world.config_path(), Some(&deaf), path, &[]).await;
    runs(&cluster, &mark, 1).await;
    assert_eq!(door(&cluster).withdraw("api", number, BY_ANN).await, Withdrawn::Stopping);
    eventually("the tree is gone", async || processes_with(&mark).is_empty().then_some(())).await;
    shows_cancelled(&cluster, number).await;
}

/// The replica that runs it dies before it has heard of the request: the next one runs nothing and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_the_request_does_not_run_it_again() {
    let (cluster, mark) = stubborn_cluster(4, 1).await;
    let number = cluster.world.ask(TRACKER, "Dies in between");
    let mut victim = cluster.replica("victim").await;
    runs(&cluster, &mark, 1).await;
    victim.signal(Signal::SIGSTOP);
    assert_eq!(door(&cluster).withdraw("api", number, BY_ANN).await, Withdrawn::Stopping);
    victim.kill().await;
    let _survivor = cluster.replica("survivor").await;
    shows_cancelled(&cluster, number).await;
    eventually("what its steps had started is ended", async || processes_with(&mark).is_empty().then_some(())).await;
    assert_eq!(cluster.world.lines("runs").len(), 1, "it ran once");

    std::fs::write(cluster.world.path("go"), "").unwrap();
    let later = cluster.world.ask(TRACKER, "Polled later");
    cluster.world.ends(TRACKER, later, Lifecycle::Done).await;
    assert_eq!(cluster.world.ticket(TRACKER, number).comments.len(), 1, "and does not come back");
}
