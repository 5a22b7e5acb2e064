//! Two replicas: one leader, no run twice, hand-over and takeover.

use std::time::Duration;

use agent_smith::lifecycle::Lifecycle;
use nix::sys::signal::Signal;
use tokio::time::Instant;

use crate::support::world::{Settings, eventually, lifecycle};
use crate::{Cluster, TRACKER, leader_and_follower, noting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_run_two_hundred_tickets_once_each() {
    let cluster = Cluster::new(|world| Settings { slots: 8, ..Settings::steps(&[&noting(world, "true")]) }).await;
    let tickets: Vec<u64> = (0..200).map(|n| cluster.world.ask(TRACKER, &format!("Ticket {n}"))).collect();
    let (mut a, mut b) = (cluster.replica("a").await, cluster.replica("b").await);
    leader_and_follower(&mut a, &mut b).await;
    for number in &tickets {
        cluster.world.ends(TRACKER, *number, Lifecycle::Done).await;
    }
    let runs = cluster.runs_by_ticket();
    assert_eq!(runs.len(), 200);
    assert!(runs.values().all(|count| *count == 1), "run twice: {runs:?}");
    for server in [&mut a, &mut b] {
        assert!(server.log().contains("run ended"), "both replicas took part");
        server.signal(Signal::SIGTERM);
        assert_eq!(server.ended().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_stop_hands_over_at_once() {
    let cluster = Cluster::new(|_| Settings { lease_seconds: 30, ..Settings::steps(&["true"]) }).await;
    let (mut a, mut b) = (cluster.replica("a").await, cluster.replica("b").await);
    let (leader, follower) = leader_and_follower(&mut a, &mut b).await;
    leader.signal(Signal::SIGTERM);
    let asked = Instant::now();
    eventually("the follower leads", async || follower.leads("poller").await.then_some(())).await;
    // The lease lasts 30 s, so this is a hand-over and no expiry; the second that is promised is for a quiet machine.
    assert!(asked.elapsed() < Duration::from_secs(10), "handed over after {:?}", asked.elapsed());
    assert_eq!(leader.ended().await, Some(0));
    let number = cluster.world.ask(TRACKER, "For the new leader");
    cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_leader_is_replaced_when_its_lease_expires() {
    let cluster = Cluster::new(|_| Settings::steps(&["true"])).await;
    let (mut a, mut b) = (cluster.replica("a").await, cluster.replica("b").await);
    let (leader, follower) = leader_and_follower(&mut a, &mut b).await;
    leader.kill().await;
    eventually("the follower polls", async || follower.leads("poller").await.then_some(())).await;
    let number = cluster.world.ask(TRACKER, "For the new leader");
    cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
}

/// A frozen leader wakes up after its lease has gone to another: it must notice by its own clock and step down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_leader_steps_down_when_it_wakes() {
    let cluster = Cluster::new(|world| Settings::steps(&[&noting(world, "true")])).await;
    let (mut a, mut b) = (cluster.replica("a").await, cluster.replica("b").await);
    let (leader, follower) = leader_and_follower(&mut a, &mut b).await;
    leader.signal(Signal::SIGSTOP);
    eventually("the follower polls", async || follower.leads("poller").await.then_some(())).await;
    leader.signal(Signal::SIGCONT);
    eventually("the old leader follows", async || {
        let (_, reason) = leader.subsystem("poller").await?;
        (reason == "following").then_some(())
    })
    .await;
    assert!(follower.leads("poller").await);
    let number = cluster.world.ask(TRACKER, "Once");
    cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(lifecycle(&cluster.world.board, TRACKER, number), Some(Lifecycle::Done));
    assert_eq!(cluster.runs_by_ticket().values().copied().collect::<Vec<_>>(), [1]);
}
