//! Readers that have seen enough: no panic, no failure, and no claim cut short.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use agent_smith::lifecycle::Lifecycle;

use crate::fixture::{Running, TRACKER, closed_pipe, world};
use crate::support::process::{command, free_port};
use crate::support::redis::RedisServer;
use crate::support::world::lifecycle;

/// Runs with a standard output that nobody reads.
async fn unread(arguments: &[&str], env: &[(&str, &str)]) -> crate::fixture::Ended {
    let command = &mut command(arguments);
    command.envs(env.iter().copied()).stdout(closed_pipe());
    Running::start_with_own_stdout(command, tempfile::tempdir().unwrap()).end().await
}

#[tokio::test]
async fn commands_that_print_end_calmly_when_nobody_reads() {
    let (world, config) = world(&["true"]).await;
    world.ask(TRACKER, "Fix the footer");
    for arguments in [&["--help"][..], &["schema"], &["validate", "--config", &config]] {
        unread(arguments, &[]).await.with(0);
    }
    unread(&["poll", "--dry-run", "--config", &config], &[]).await.with(0);
}

#[tokio::test]
async fn a_poll_that_nobody_reads_claims_all_the_same() {
    let (world, config) = world(&["true"]).await;
    let redis = RedisServer::start();
    let numbers = [world.ask(TRACKER, "One"), world.ask(TRACKER, "Two")];
    unread(&["poll", "--config", &config], &[("REDIS_URL", &redis.url())]).await.with(0);
    for number in numbers {
        assert_eq!(lifecycle(&world.board, TRACKER, number), Some(Lifecycle::Enqueued));
    }
}

#[tokio::test]
async fn a_full_disk_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut schema = command(&["schema"]);
    schema.stdout(full);
    let ended = Running::start_with_own_stdout(&mut schema, tempfile::tempdir().unwrap()).end().await;
    ended.with(1).says(&["cannot write to standard output"]);
}

#[tokio::test]
async fn errors_that_nobody_reads_still_have_their_exit_code() {
    let mut refused = command(&["server", "--config", "/nonexistent/agentsmith.yml"]);
    let status = refused.stdout(Stdio::null()).stderr(closed_pipe()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[tokio::test]
async fn a_server_whose_log_nobody_reads_goes_on_working() {
    let (world, config) = world(&["true"]).await;
    let port = free_port().to_string();
    let mut line = command(&["server", "--store", "embedded", "--bind", "127.0.0.1", "--port", &port]);
    line.args(["--config", &config]).stdout(Stdio::null());
    let mut server = Running::start_with_own_stderr(&mut line, closed_pipe());
    let number = world.ask(TRACKER, "Fix the footer");
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(server.child().try_wait().unwrap().is_none(), "it still runs");
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(server.end().await.code, Some(0));
}

#[tokio::test]
async fn a_demo_whose_reader_has_gone_ends_and_clears_up() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let mut demo = command(&["demo", "--port", &port]);
    demo.env("TMPDIR", directory.path()).stdout(Stdio::piped());
    let mut running = Running::start_with_own_stdout(&mut demo, tempfile::tempdir().unwrap());
    let mut lines = BufReader::new(running.child().stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("agent-smith demo"));
    drop(lines);
    running.end().await.with(0);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
