//! A step that prints a hundred megabytes, on the real server: what it costs, and what is left to read.

use std::fs;
use std::path::PathBuf;

use agent_smith::lifecycle::Lifecycle;

use crate::support::process::{Server, command};
use crate::support::world::{Settings, World};

const TRACKER: &str = "org/api";
/// What is printed, in bytes.
const FLOOD: usize = 100_000_000;
/// A log's cap, and room for the end of the output and a few lines of ours.
const LOG_AT_MOST: u64 = 16 * 1024 * 1024 + 64 * 1024;
/// What the server may grow by meanwhile, in KiB: far below what was printed, and below two logs.
const GROWTH_AT_MOST: u64 = 30 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_of_output_cost_neither_memory_nor_disk() {
    let world = World::with(&[TRACKER]).await;
    // The first ticket prints little: what the server needs for any run is not counted.
    let little = "if [ \"$AGENTSMITH_TICKET_ID\" = 1 ]; then echo little; exit 0; fi";
    let much = format!("echo the beginning; yes 'a line that says little' | head -c {FLOOD}; echo; echo the end");
    // A busy machine must not take the run for dead meanwhile.
    let settings = Settings { heartbeat_ttl_seconds: 60, ..Settings::steps(&[&format!("{little}\n{much}")]) };
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..settings });
    let server = Server::start(&world.config_path(), None, world.path("log"), &["--store", "embedded"]).await;
    let first = world.ask(TRACKER, "Says little");
    world.ends(TRACKER, first, Lifecycle::Done).await;
    let before = most_resident(server.pid());

    let number = world.ask(TRACKER, "Says much");
    let ticket = world.ends(TRACKER, number, Lifecycle::Done).await;
    let growth = most_resident(server.pid()) - before;
    assert!(growth < GROWTH_AT_MOST, "the server grew by {growth} KiB");
    assert!(ticket.comments[0].body.contains("the end"), "{}", ticket.comments[0].body);

    let size = largest_log(&world.path("data"));
    assert!((LOG_AT_MOST / 2..LOG_AT_MOST).contains(&size), "{size}");
    let url = format!("http://127.0.0.1:{}", server.port);
    let shown = command(&["runs", "logs", &format!("api#{number}"), "--server", &url]).output().unwrap();
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    assert_eq!(shown.stdout.len() as u64, size, "all of it is shown");
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("\nthe beginning\na line that says little\n"), "{}", &text[..400]);
    assert!(text.ends_with("the end\n\n[agent-smith] run ended: done\n"), "{}", &text[text.len() - 400..]);
    assert_eq!(text.matches("bytes of output are left out here").count(), 1);
}

/// The most memory that a process has had resident so far, in KiB.
fn most_resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// The size of the largest file of a run's log.
fn largest_log(data: &std::path::Path) -> u64 {
    let logs: Vec<PathBuf> = fs::read_dir(data.join("logs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.iter().map(|log| fs::metadata(log).unwrap().len()).max().unwrap()
}
