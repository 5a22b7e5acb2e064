//! Redis that is missing, unreachable, goes away, or comes back empty.

use agent_smith::lifecycle::Lifecycle;
use nix::sys::signal::Signal;

use crate::support::process::{Server, free_port};
use crate::support::world::{Settings, World, eventually};
use crate::{Cluster, TRACKER, noting};

async fn subsystem_is(server: &Server, name: &str, state: &str) {
    eventually(&format!("{name} is {state}"), async || {
        let (now, _) = server.subsystem(name).await?;
        (now == state).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_url_the_server_starts_disabled_and_not_ready() {
    let world = World::with(&[TRACKER]).await;
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let mut server = Server::start(&world.config_path(), None, world.path("log"), &[]).await;
    for name in ["redis", "queue_consumer", "housekeeping", "poller"] {
        let (state, reason) = server.subsystem(name).await.unwrap();
        assert_eq!(state, "disabled");
        assert!(reason.contains("REDIS_URL"), "{reason}");
    }
    let (status, body) = server.get("/health/ready").await.unwrap();
    assert_eq!((status, body["status"].as_str()), (503, Some("not_ready")));
    assert_eq!(body["subsystems"].as_array().unwrap().len(), 4);
    assert_eq!(server.get("/health").await.unwrap().0, 200);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_redis_is_waited_for() {
    let world = World::with(&[TRACKER]).await;
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let nowhere = format!("redis://127.0.0.1:{}", free_port());
    let mut server = Server::start(&world.config_path(), Some(&nowhere), world.path("log"), &[]).await;
    subsystem_is(&server, "redis", "down").await;
    assert_eq!(server.get("/health/ready").await.unwrap().0, 503);
    let status = server.get("/health").await.unwrap().1["status"].clone();
    assert_eq!(status, "degraded");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_goes_and_comes_back_is_said_once_and_work_goes_on() {
    let mut cluster = Cluster::new(|world| Settings::steps(&[&noting(world, "true")])).await;
    let server = cluster.replica("a").await;
    let first = cluster.world.ask(TRACKER, "Before");
    cluster.world.ends(TRACKER, first, Lifecycle::Done).await;
    eventually("it is ready", async || (server.get("/health/ready").await?.0 == 200).then_some(())).await;
    cluster.redis.kill();
    for name in ["redis", "queue_consumer", "poller"] {
        subsystem_is(&server, name, "down").await;
    }
    let second = cluster.world.ask(TRACKER, "Meanwhile");
    cluster.redis.restart_with_data();
    cluster.world.ends(TRACKER, second, Lifecycle::Done).await;
    eventually("it is ready again", async || (server.get("/health/ready").await?.0 == 200).then_some(())).await;
    let log = server.log();
    assert_eq!(log.matches("redis is down").count(), 1, "{log}");
    assert_eq!(log.matches("redis is up again").count(), 1, "{log}");
    assert!(cluster.runs_by_ticket().values().all(|count| *count == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_under_load_loses_and_doubles_nothing() {
    let mut cluster =
        Cluster::new(|world| Settings { slots: 2, ..Settings::steps(&[&noting(world, "sleep 0.3; true")]) }).await;
    let tickets: Vec<u64> = (0..24).map(|n| cluster.world.ask(TRACKER, &format!("Ticket {n}"))).collect();
    let _servers = (cluster.replica("a").await, cluster.replica("b").await);
    eventually("some have run", async || (cluster.runs_by_ticket().len() >= 4).then_some(())).await;
    cluster.redis.restart_empty();
    for number in tickets {
        let ticket = cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
        assert_eq!(ticket.comments.len(), 1, "one result each: {ticket:?}");
    }
    let runs = cluster.runs_by_ticket();
    assert!(runs.values().all(|count| *count == 1), "living runs went on and were not repeated: {runs:?}");
}

/// A half-sent request must not keep the server from ending.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_sent_request_does_not_hold_the_shutdown_up() {
    let cluster = Cluster::new(|_| Settings::steps(&["true"])).await;
    let mut server = cluster.replica("a").await;
    let mut half = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    std::io::Write::write_all(&mut half, b"GET /health HTTP/1.1\r\nHost: x\r\nX-Half").unwrap();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
}

async fn tell(redis: &str, words: &[&str]) {
    let client = redis::Client::open(redis).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd(words[0]).arg(&words[1..]).query_async::<()>(&mut connection).await.unwrap();
}

/// Redis that is full, or cannot save, answers reads and refuses writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_takes_no_writes_is_an_outage_that_is_said_once() {
    let cluster = Cluster::new(|_| Settings::steps(&["true"])).await;
    let server = cluster.replica("a").await;
    subsystem_is(&server, "poller", "up").await;
    tell(&cluster.redis.url(), &["CONFIG", "SET", "maxmemory", "1"]).await;
    let number = cluster.world.ask(TRACKER, "Cannot be claimed");
    subsystem_is(&server, "redis", "down").await;
    let listings =
        || cluster.world.sim.faults().requests().iter().filter(|one| one.path_and_query.contains("?")).count();
    let before = listings();
    eventually("some more polls", async || (listings() > before + 12).then_some(())).await;
    tell(&cluster.redis.url(), &["CONFIG", "SET", "maxmemory", "0"]).await;
    cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
    let log = server.log();
    assert_eq!(log.matches("redis is down").count(), 1, "{log}");
}

/// Whatever it is that a ping does not notice, nobody may be woken and disappointed in a busy loop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_answers_pings_and_nothing_else_makes_no_busy_loop() {
    let cluster = Cluster::new(|_| Settings::steps(&["true"])).await;
    let server = cluster.replica("a").await;
    subsystem_is(&server, "poller", "up").await;
    tell(&cluster.redis.url(), &["ACL", "SETUSER", "default", "-@scripting"]).await;
    eventually("the leader has given up", async || server.log().contains("stepped down").then_some(())).await;
    eventually("some relapses", async || (server.log().matches("redis is down").count() >= 3).then_some(())).await;
    let before = server.log().matches("redis is down").count();
    let began = tokio::time::Instant::now();
    eventually("three more relapses", async || {
        (server.log().matches("redis is down").count() >= before + 3).then_some(())
    })
    .await;
    assert!(began.elapsed() > std::time::Duration::from_millis(700), "three relapses in {:?}", began.elapsed());
    tell(&cluster.redis.url(), &["ACL", "SETUSER", "default", "+@all"]).await;
    let number = cluster.world.ask(TRACKER, "Afterwards");
    cluster.world.ends(TRACKER, number, Lifecycle::Done).await;
}

/// Whoever notices the edit first, the poll or the watch, the log tells it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_the_file_is_logged() {
    let cluster = Cluster::new(|_| Settings::steps(&["true"])).await;
    let server = cluster.replica("a").await;
    subsystem_is(&server, "poller", "up").await;
    for steps in ["false", "true"] {
        let before = server.log().matches("was read again").count();
        let settings = Settings { projects: cluster.world.project("api", TRACKER), ..Settings::steps(&[steps]) };
        cluster.world.write_config(&settings);
        eventually("the edit is logged", async || {
            (server.log().matches("was read again").count() > before).then_some(())
        })
        .await;
    }
}
