//! Runs that close their own ticket: nobody took them back, also when a crash comes in between.

use agent_smith::lifecycle::Lifecycle;

use crate::support::world::{Settings, eventually};
use crate::{Cluster, TRACKER};

/// A cluster whose pipeline closes its ticket, notes it, and waits for the file `go`.
async fn closing_cluster() -> Cluster {
    Cluster::new(|world| {
        let (runs, go) = (world.path("runs").display().to_string(), world.path("go").display().to_string());
        let wait = format!("echo $AGENTSMITH_TICKET_ID >> {runs}; while [ ! -e {go} ]; do sleep 0.05; done");
        let pipelines = format!(
            "  fix-bug:\n    timeout_seconds: 60\n    steps:\n      - set_status: closed\n      - run: '{wait}'\n"
        );
        Settings { pipelines, ..Settings::steps(&[]) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_its_run_closes_is_not_taken_back() {
    let cluster = closing_cluster().await;
    let number = cluster.world.ask(TRACKER, "Close me");
    let server = cluster.replica("a").await;
    eventually("the step runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    assert!(!cluster.world.ticket(TRACKER, number).open);
    let faults = cluster.world.sim.faults();
    faults.forget_requests();
    let looks = || {
        let issue = format!("/issues/{number}");
        faults.requests().iter().filter(|one| one.method == "GET" && one.path_and_query.ends_with(&issue)).count()
    };
    eventually("the heartbeat has looked at the ticket", async || (looks() >= 3).then_some(())).await;
    std::fs::write(cluster.world.path("go"), "").unwrap();
    let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(!ticket.open && ticket.comments.len() == 1, "{ticket:?}\n{}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_closed_its_ticket_goes_on_after_a_crash() {
    let cluster = closing_cluster().await;
    let number = cluster.world.ask(TRACKER, "Close me and die");
    let mut victim = cluster.replica("victim").await;
    eventually("the step runs", async || (!cluster.runs_by_ticket().is_empty()).then_some(())).await;
    victim.kill().await;
    assert!(!cluster.world.ticket(TRACKER, number).open);
    std::fs::write(cluster.world.path("go"), "").unwrap();
    let survivor = cluster.replica("survivor").await;
    let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(!ticket.open && ticket.comments.len() == 1, "{ticket:?}\n{}", survivor.log());
}
