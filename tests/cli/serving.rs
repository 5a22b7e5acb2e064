//! `server` with the real binary, and `health` asking it.

use agent_smith::lifecycle::Lifecycle;
use nix::sys::signal::Signal;

use crate::fixture::{TRACKER, run, world};
use crate::support::process::{Server, free_port};
use crate::support::world::{World, eventually, lifecycle};

/// Waits until the simulated GitHub was asked for so many listings more.
pub(crate) async fn polled(world: &World, times: usize) {
    let listings = || {
        let requests = world.sim.faults().requests();
        requests.iter().filter(|request| request.method == "GET" && request.path_and_query.contains("labels=")).count()
    };
    let before = listings();
    eventually("further polls", async || (listings() >= before + times).then_some(())).await;
}

async fn is_ready(server: &Server) {
    eventually("the server is ready", async || {
        let (status, _) = server.get("/health/ready").await?;
        (status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn on_one_box_without_redis_a_label_becomes_a_result() {
    let (world, _config) = world(&["echo fixed"]).await;
    let mut server = Server::start(&world.config_path(), None, world.path("log"), &["--store", "embedded"]).await;
    is_ready(&server).await;
    assert_eq!(server.subsystem("store").await.unwrap().0, "up");
    let number = world.ask(TRACKER, "Fix the footer");
    let ticket = world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(ticket.comments[0].body.contains("fixed"), "{}", ticket.comments[0].body);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
}

#[tokio::test]
async fn without_a_consumer_tickets_are_claimed_and_wait() {
    let (world, _config) = world(&["true"]).await;
    let arguments = ["--store", "embedded", "--no-consumer"];
    let server = Server::start(&world.config_path(), None, world.path("log"), &arguments).await;
    is_ready(&server).await;
    assert_eq!(server.subsystem("queue_consumer").await.unwrap(), ("disabled".to_owned(), "--no-consumer".to_owned()));
    assert_eq!(server.get("/health").await.unwrap().1["status"], "ok");
    let number = world.ask(TRACKER, "Waits for another process");
    world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await;
    polled(&world, 4).await;
    assert_eq!(lifecycle(&world.board, TRACKER, number), Some(Lifecycle::Enqueued));
    assert!(server.log().contains("taking no jobs: --no-consumer"), "{}", server.log());
}

#[tokio::test]
async fn health_asks_a_server_and_says_when_there_is_none() {
    let (world, _config) = world(&["true"]).await;
    let server = Server::start(&world.config_path(), None, world.path("log"), &["--store", "embedded"]).await;
    is_ready(&server).await;
    let port = server.port.to_string();
    run(&["health", "--port", &port]).await.with(0).prints(&["\"status\":\"ok\"", "\"subsystems\""]);
    run(&["health", "--ready", "--port", &port]).await.with(0).prints(&["\"status\":\"ready\""]);

    let disabled = Server::start(&world.config_path(), None, world.path("log2"), &[]).await;
    let port = disabled.port.to_string();
    run(&["health", "--port", &port]).await.with(0);
    run(&["health", "--ready", "--port", &port]).await.with(1).says(&["503", "not_ready", "REDIS_URL"]);

    let nobody = free_port().to_string();
    run(&["health", "--port", &nobody]).await.with(1).says(&[&nobody, "refused", "--port"]);
}

/// `timeout`, `make` and others pass on a signal that the terminal has sent to the whole process group.
#[tokio::test]
async fn a_signal_and_its_echo_are_one_request() {
    let (world, _config) = world(&["true"]).await;
    let mut server = Server::start(&world.config_path(), None, world.path("log"), &["--store", "embedded"]).await;
    is_ready(&server).await;
    server.signal(Signal::SIGTERM);
    server.signal(Signal::SIGINT);
    assert_eq!(server.ended().await, Some(0));
    assert!(!server.log().contains("second signal ("), "{}", server.log());
}
