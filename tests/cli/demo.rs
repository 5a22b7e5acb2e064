//! The demo: what it shows in a file, and that it leaves nothing behind.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::fixture::Running;
use crate::support::process::{command, free_port};
use crate::support::world::eventually;

fn start(directory: &Path, arguments: &[&str]) -> Running {
    let port = free_port().to_string();
    let mut line = vec!["demo", "--port", &port];
    line.extend(arguments);
    // Nothing listens there: the demo talks to this machine only and needs no proxy.
    Running::start(command(&line).env("TMPDIR", directory).env("HTTP_PROXY", "http://127.0.0.1:9"))
}

/// Processes that a demo in this directory has started: it is in their environment or on their command line.
fn processes_in(directory: &Path) -> usize {
    let mark = directory.to_str().unwrap();
    let mentions = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).contains(mark);
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes.filter(|path| mentions(&path.join("environ")) || mentions(&path.join("cmdline"))).count()
}

fn assert_nothing_is_left(directory: &Path) {
    assert_eq!(processes_in(directory), 0);
    let left: Vec<_> = std::fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn six_tickets_end_in_a_readable_file() {
    let directory = tempfile::tempdir().unwrap();
    let ended = start(directory.path(), &["--once"]).end().await.with(0);
    assert_eq!(ended.err, "");
    let ended = ended.prints(&["5 done, 1 failed; nothing is left behind", "/health", "what happens"]);
    assert!(!ended.out.contains('\u{1b}'), "no colours in a file");
    let count = |what: &str| ended.out.lines().filter(|line| line.contains(what)).count();
    for (what, times) in [
        ("opened by jane, label ", 6),
        ("  claimed, waits in the queue", 6),
        ("  running", 6),
        ("  done after ", 5),
        ("  failed after ", 1),
        ("  pull request, ready to merge: 1 file, +1 -1", 3),
        ("  merge request, ready to merge: 1 file, +1 -1", 1),
        ("  comment: pipeline ", 5),
        ("  comment: Step 2 of 2 ", 1),
    ] {
        assert_eq!(count(what), times, "{what}:\n{}", ended.out);
    }
    let widest = ended.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 120, "{widest} columns:\n{}", ended.out);
    assert_nothing_is_left(directory.path());
}

/// The whole way on each platform that has source, and for the ticket in Jira: what is opened can be looked at.
#[tokio::test]
async fn every_fix_ends_in_a_change_request_that_can_be_merged() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path(), &[]);
    let addresses = eventually("four change requests are open", async || {
        let out = running.out();
        let addresses = out.lines().filter_map(|line| line.strip_prefix("                        http://"));
        let addresses: Vec<String> = addresses.map(|rest| format!("http://{rest}")).collect();
        (addresses.len() == 4).then_some(addresses)
    })
    .await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for part in ["/acme/shop-api/pull/", "/acme/website/-/merge_requests/", "/acme/infra/pull/", "/pullrequest/"] {
        let address = addresses.iter().find(|address| address.contains(part));
        let page = client.get(address.unwrap_or_else(|| panic!("{addresses:?}"))).send().await.unwrap();
        assert_eq!(page.status().as_u16(), 200, "{address:?}");
        let page = page.text().await.unwrap();
        assert!(page.contains("Open pull request") && page.contains("agent-smith ran pipeline"), "{page}");
    }
    running.signal(Signal::SIGINT);
    running.end().await.with(0).prints(&["nothing is left behind"]);
    assert_nothing_is_left(directory.path());
}

#[tokio::test]
async fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let directory = tempfile::tempdir().unwrap();
        let running = start(directory.path(), &[]);
        // Reading it while it runs also shows that each line is out at once.
        eventually("a ticket runs", async || running.out().contains("  running\n").then_some(())).await;
        assert!(processes_in(directory.path()) > 0, "the look for processes can see some");
        running.signal(signal);
        let ended = running.end().await.with(0);
        ended.prints(&[&format!("{signal}: ending what runs"), "nothing is left behind"]);
        assert_nothing_is_left(directory.path());
    }
}
