//! What the environment and the machine can spoil: addresses, filters, ports, directories.

use std::net::TcpListener;

use crate::fixture::TRACKER;
use crate::fixture::{run, run_with, server, world};
use crate::support::process::{Server, free_port};
use crate::support::world::Settings;

#[tokio::test]
async fn a_malformed_redis_url_is_named_and_its_password_is_not_shown() {
    let (_world, config) = world(&["true"]).await;
    let addresses =
        ["redis://u:geheim@", "http://u:geheim@host", "redis://u:geheim@host:99999", "redis://u:geheim@host/geheim"];
    for address in addresses {
        for ended in [
            server(&config, &[], &[("REDIS_URL", address)]).await,
            run_with(&["poll", "--config", &config], &[("REDIS_URL", address)]).await,
        ] {
            let ended = ended.with(2).says(&["error: REDIS_URL is not the address of a Redis", "redis://["]);
            assert!(!ended.err.contains("geheim") && !ended.out.contains("geheim"), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn a_malformed_log_filter_is_named() {
    let (_world, config) = world(&["true"]).await;
    for filter in ["=====", "agent_smith=lound"] {
        let says = ["RUST_LOG", filter, "RUST_LOG=info"];
        server(&config, &[], &[("RUST_LOG", filter)]).await.with(2).says(&says);
        run_with(&["poll", "--config", &config], &[("RUST_LOG", filter)]).await.with(2).says(&says);
        run_with(&["demo", "--once"], &[("RUST_LOG", filter)]).await.with(2).says(&says);
    }
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_cure() {
    let (_world, config) = world(&["true"]).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let line = ["server", "--store", "embedded", "--bind", "127.0.0.1", "--port", &port, "--config", &config];
    run(&line).await.with(1).says(&[&format!("127.0.0.1:{port}"), "in use", "--port"]);
    run(&["demo", "--port", &port]).await.with(1).says(&[&format!("127.0.0.1:{port}"), "in use", "--port"]);
}

#[tokio::test]
async fn an_unusable_data_directory_is_named_with_its_key() {
    let (world, config) = world(&["true"]).await;
    std::fs::write(world.path("file"), "not a directory").unwrap();
    let text = std::fs::read_to_string(&config).unwrap();
    let (good, bad) = (world.path("data"), world.path("file/data"));
    world.write_config_text(&text.replace(good.to_str().unwrap(), bad.to_str().unwrap()));
    let ended = server(&config, &["--store", "embedded"], &[]).await.with(1);
    ended.says(&["agent.data_dir", bad.to_str().unwrap(), "may write"]);
}

#[tokio::test]
async fn without_a_redis_url_a_poll_is_refused_and_a_dry_run_is_not() {
    let (_world, config) = world(&["true"]).await;
    run(&["poll", "--config", &config]).await.with(2).says(&["REDIS_URL is not set", "--dry-run"]);
    run(&["poll", "--dry-run", "--config", &config]).await.with(0);
}

#[tokio::test]
async fn without_a_redis_url_a_server_starts_and_says_what_is_missing() {
    let (world, _config) = world(&["true"]).await;
    let server = Server::start(&world.config_path(), None, world.path("log"), &[]).await;
    let (status, body) = server.get("/health/ready").await.unwrap();
    assert_eq!((status, body["status"].as_str()), (503, Some("not_ready")));
    for name in ["redis", "queue_consumer", "housekeeping", "poller"] {
        let (state, reason) = server.subsystem(name).await.unwrap();
        assert_eq!(state, "disabled");
        assert!(reason.contains("REDIS_URL is not set"), "{reason}");
    }
    let log = server.log();
    assert_eq!(log.matches("REDIS_URL is not set").count(), 1, "{log}");
}

/// Four parts of the server wait for Redis; what happened is one thing, so the log says it once.
#[tokio::test]
async fn an_unreachable_redis_is_one_line_of_the_log() {
    let (world, _config) = world(&["true"]).await;
    let url = format!("redis://user:geheim@127.0.0.1:{}", free_port());
    let server = Server::start(&world.config_path(), Some(&url), world.path("log"), &[]).await;
    crate::support::world::eventually("everything waits", async || {
        for name in ["poller", "housekeeping", "queue_consumer"] {
            (server.subsystem(name).await?.1 == "waiting for the store").then_some(())?;
        }
        (server.subsystem("redis").await?.0 == "down").then_some(())
    })
    .await;
    let log = server.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("redis is down") && errors[0].contains("retrying"), "{log}");
    assert!(!log.contains("geheim"), "{log}");
    assert_eq!(server.get("/health").await.unwrap().1["status"], "degraded");
}

#[tokio::test]
async fn a_poll_that_cannot_reach_redis_or_the_platform_says_so_and_fails() {
    let (world, config) = world(&["true"]).await;
    world.ask(TRACKER, "Waits");
    let url = format!("redis://127.0.0.1:{}", free_port());
    let ended = run_with(&["poll", "--config", &config], &[("REDIS_URL", &url)]).await.with(1);
    ended.prints(&["could not be claimed", "! failed: store unavailable", "0 claimed"]);

    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let projects = world.project_on(&nowhere, "api", TRACKER);
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    run(&["poll", "--dry-run", "--config", &config]).await.with(1).prints(&["! failed: ", "cannot connect"]);
}
