//! One test for each row of the crash table: a replica is killed at exactly that point, another one finishes the work.
//!
//! The simulated platform holds the request that marks the point, so the kill is never a matter of luck. What must hold
//! each time: the ticket ends Done with one comment, and its steps ran as often as the row says.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::Match;
use agent_smith::sim::board::NewTicket;
use nix::sys::signal::Signal;

use crate::support::process::{Server, processes_with};
use crate::support::proxy::Proxy;
use crate::support::world::{BOUND, Settings, eventually};
use crate::{Cluster, TRACKER, noting};

/// A cluster whose steps note their ticket and then wait for the file `go`.
async fn waiting_cluster() -> Cluster {
    Cluster::new(|world| {
        let go = world.path("go").display().to_string();
        Settings::steps(&[&noting(world, &format!("while [ ! -e {go} ]; do sleep 0.05; done"))])
    })
    .await
}

fn go(cluster: &Cluster) {
    std::fs::write(cluster.world.path("go"), "").unwrap();
}

/// Kills `victim` while the request that `which` names waits at the platform's door.
async fn kill_at(cluster: &Cluster, which: Match, victim: impl AsyncFnOnce() -> Server) {
    let hold = cluster.world.sim.faults().hold(which);
    let mut victim = victim().await;
    assert!(hold.reached(1, BOUND).await, "the point was not reached:\n{}", victim.log());
    victim.kill().await;
}

/// The ticket ends Done on a new replica, with one comment and so many runs of its steps.
async fn is_finished_by_another(cluster: &Cluster, number: u64, runs: usize) {
    go(cluster);
    let survivor = cluster.replica("survivor").await;
    let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1, "{ticket:?}");
    assert_eq!(cluster.runs_by_ticket().values().sum::<usize>(), runs, "{}", survivor.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_lock_and_label() {
    let cluster = waiting_cluster().await;
    let number = cluster.world.ask(TRACKER, "Lock");
    kill_at(&cluster, Match::new("GET", &format!("/issues/{number}")), async || cluster.replica("victim").await).await;
    is_finished_by_another(&cluster, number, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_claim_record_and_label() {
    let cluster = waiting_cluster().await;
    let number = cluster.world.ask(TRACKER, "Record");
    let write = Match::new("POST", &format!("/issues/{number}/labels"));
    kill_at(&cluster, write, async || cluster.replica("victim").await).await;
    is_finished_by_another(&cluster, number, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_label_and_visible_job() {
    let cluster = waiting_cluster().await;
    let new = NewTicket::titled("Label").label("agent-smith").label(Lifecycle::Pending.label());
    let number = cluster.world.board.open_ticket(TRACKER, new).unwrap();
    let removal = Match::new("DELETE", &format!("/issues/{number}/labels"));
    kill_at(&cluster, removal, async || cluster.replica("victim").await).await;
    assert!(cluster.world.ticket(TRACKER, number).labels.contains(Lifecycle::Enqueued.label()));
    is_finished_by_another(&cluster, number, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_take_and_in_progress() {
    let cluster = waiting_cluster().await;
    let number = cluster.world.ask(TRACKER, "Take");
    let _claims = cluster.replica_with("claims", &["--no-consumer"]).await;
    cluster.world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await;
    let write = Match::new("POST", &format!("/issues/{number}/labels"));
    kill_at(&cluster, write, async || cluster.replica("victim").await).await;
    is_finished_by_another(&cluster, number, 1).await;
}

/// The steps are finished and their result is recorded: it is shown, and they do not run again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_end_of_steps_and_done() {
    let cluster = waiting_cluster().await;
    let number = cluster.world.ask(TRACKER, "Finished work");
    let victim = cluster.replica("victim").await;
    eventually("the step runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    let write = Match::new("POST", &format!("/issues/{number}/labels"));
    kill_at(&cluster, write, async || {
        go(&cluster);
        victim
    })
    .await;
    is_finished_by_another(&cluster, number, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_done_and_finish() {
    let cluster = waiting_cluster().await;
    let number = cluster.world.ask(TRACKER, "Shown already");
    go(&cluster);
    let comment = Match::new("POST", &format!("/issues/{number}/comments"));
    kill_at(&cluster, comment, async || cluster.replica("victim").await).await;
    let ticket = cluster.world.ticket(TRACKER, number);
    assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Done));
    is_finished_by_another(&cluster, number, 1).await;
}

/// A replica that is cut off from Redis stops leading and stops its run before anybody else can have either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partitioned_replica_stops_by_its_own_clock() {
    let cluster = waiting_cluster().await;
    let proxy = Proxy::to(cluster.redis.port()).await;
    let url = format!("redis://127.0.0.1:{}", proxy.port);
    let cut_off = Server::start(&cluster.world.config_path(), Some(&url), cluster.world.path("cut-off.log"), &[]).await;
    let number = cluster.world.ask(TRACKER, "Two halves");
    eventually("the step runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    let mark = cluster.world.path("go").display().to_string();
    let first: Vec<u32> = processes_with(&mark);
    proxy.cut();
    let other = cluster.replica("other").await;
    eventually("the other half runs it again", async || (cluster.world.lines("runs").len() == 2).then_some(())).await;
    let still: Vec<u32> = processes_with(&mark).into_iter().filter(|pid| first.contains(pid)).collect();
    assert_eq!(still, Vec::<u32>::new(), "two live runs of one ticket:\n{}", cut_off.log());
    assert!(!cut_off.leads("poller").await, "it leads although it cannot know");
    // The job's lease and the poller's expire each in their own time, so the other may run the job before it polls.
    eventually("the other half polls", async || other.leads("poller").await.then_some(())).await;
    assert!(!cut_off.leads("poller").await, "two leaders");
    proxy.mend();
    go(&cluster);
    let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1);
}

/// A server that is frozen cannot stop its run, so the run's supervisor must, by its own clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_replica_leaves_no_run_beyond_its_lease() {
    let cluster = waiting_cluster().await;
    let frozen = cluster.replica("frozen").await;
    let number = cluster.world.ask(TRACKER, "Asleep");
    eventually("the step runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    let mark = cluster.world.path("go").display().to_string();
    let first: Vec<u32> = processes_with(&mark);
    assert!(!first.is_empty());
    frozen.signal(Signal::SIGSTOP);
    let _other = cluster.replica("other").await;
    eventually("another replica runs it again", async || (cluster.world.lines("runs").len() == 2).then_some(())).await;
    // A process that has ended stays in the table as a zombie while its parent is frozen; it runs nothing.
    let still: Vec<u32> = processes_with(&mark).into_iter().filter(|pid| first.contains(pid)).collect();
    assert_eq!(still, Vec::<u32>::new(), "two live runs of one ticket");
    frozen.signal(Signal::SIGCONT);
    go(&cluster);
    let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert_eq!(ticket.comments.len(), 1);
}
