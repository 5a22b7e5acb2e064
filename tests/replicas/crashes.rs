//! Processes that are killed or stopped with jobs under way.

use agent_smith::lifecycle::Lifecycle;
use nix::sys::signal::Signal;

use crate::support::process::processes_with;
use crate::support::world::{Settings, eventually, has_result};
use crate::{Cluster, TRACKER, noting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_killed_replica_end_done_on_another() {
    let cluster = Cluster::new(|world| {
        let go = world.path("go");
        let step = noting(world, &format!("while [ ! -e {} ]; do sleep 0.05; done", go.display()));
        Settings { slots: 3, ..Settings::steps(&[&step]) }
    })
    .await;
    let tickets: Vec<u64> = (0..3).map(|n| cluster.world.ask(TRACKER, &format!("Ticket {n}"))).collect();
    let mut dies = cluster.replica("dies").await;
    eventually("three jobs run", async || (cluster.runs_by_ticket().len() == 3).then_some(())).await;
    let mark = cluster.world.path("go").display().to_string();
    assert!(!processes_with(&mark).is_empty());
    dies.kill().await;
    eventually("what its steps had started is ended", async || processes_with(&mark).is_empty().then_some(())).await;
    std::fs::write(cluster.world.path("go"), "").unwrap();
    let _survivor = cluster.replica("survivor").await;
    for number in tickets {
        let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
        assert_eq!(ticket.comments.len(), 1);
    }
    assert!(cluster.runs_by_ticket().values().all(|count| *count == 2), "a second attempt each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_replica_lets_short_jobs_finish() {
    let cluster = Cluster::new(|world| {
        let go = world.path("go");
        let step = noting(world, &format!("while [ ! -e {} ]; do sleep 0.05; done", go.display()));
        Settings { grace_seconds: 60, ..Settings::steps(&[&step]) }
    })
    .await;
    let number = cluster.world.ask(TRACKER, "Nearly done");
    let mut server = cluster.replica("a").await;
    eventually("the job runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    server.signal(Signal::SIGTERM);
    eventually("it drains", async || server.log().contains("draining").then_some(())).await;
    let late = cluster.world.ask(TRACKER, "Too late for this replica");
    std::fs::write(cluster.world.path("go"), "").unwrap();
    assert_eq!(server.ended().await, Some(0));
    cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(cluster.world.ticket(TRACKER, late).comments.is_empty(), "it took no more work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_replica_ends_long_jobs_and_puts_their_tickets_back() {
    let cluster = Cluster::new(|world| {
        let go = world.path("go");
        let forever = format!("(trap '' TERM; setsid sh -c 'while [ ! -e {0} ]; do sleep 0.05; done' &); while [ ! -e {0} ]; do sleep 0.05; done", go.display());
        Settings::steps(&[&noting(world, &forever)])
    })
    .await;
    let number = cluster.world.ask(TRACKER, "Long");
    let mut server = cluster.replica("a").await;
    eventually("the job runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    let mark = cluster.world.path("go").display().to_string();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    assert_eq!(processes_with(&mark), Vec::<u32>::new(), "nothing it started is left");
    let ticket = cluster.world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await;
    assert!(!has_result(&ticket), "{ticket:?}");

    std::fs::write(cluster.world.path("go"), "").unwrap();
    let _next = cluster.replica("b").await;
    let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once_and_nothing_is_lost() {
    let cluster = Cluster::new(|world| {
        let go = world.path("go");
        let step = noting(world, &format!("while [ ! -e {} ]; do sleep 0.05; done", go.display()));
        Settings { grace_seconds: 60, ..Settings::steps(&[&step]) }
    })
    .await;
    let number = cluster.world.ask(TRACKER, "Impatient");
    let mut server = cluster.replica("a").await;
    eventually("the job runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    server.signal(Signal::SIGINT);
    eventually("it drains", async || server.log().contains("draining").then_some(())).await;
    assert_eq!(server.ended_by(Signal::SIGINT).await, Some(1));
    let mark = cluster.world.path("go").display().to_string();
    eventually("what its step had started is ended", async || processes_with(&mark).is_empty().then_some(())).await;
    std::fs::write(cluster.world.path("go"), "").unwrap();
    let _next = cluster.replica("b").await;
    cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
}

/// A job whose consumer dies every time is given up, and the ticket says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_kills_its_consumers_is_given_up() {
    let cluster = Cluster::new(|world| Settings::steps(&[&noting(world, "sleep 600")])).await;
    let number = cluster.world.ask(TRACKER, "Deadly");
    for attempt in 1..=3 {
        let mut server = cluster.replica(&format!("victim-{attempt}")).await;
        eventually("the job runs", async || (cluster.world.lines("runs").len() == attempt).then_some(())).await;
        server.kill().await;
    }
    let _last = cluster.replica("last").await;
    let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Failed).await;
    assert!(ticket.comments[0].body.contains('3'), "{}", ticket.comments[0].body);
    assert_eq!(cluster.world.lines("runs").len(), 3);
}
