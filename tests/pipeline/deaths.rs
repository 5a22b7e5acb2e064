//! Who watches dies: the supervisor, killed by its own step, or the server.

use std::fs;
use std::time::{Duration, Instant};

use agent_smith::pipeline::{FailureCause, Outcome, Runner, Stop, StopReason};

use crate::fixture::{Bench, entries, marker, pipeline, running, settings, sleeping, until};
use crate::helper;

/// The server ends what the supervisor cannot end any more, and touches nothing of another run.
#[tokio::test]
async fn a_step_that_kills_its_supervisor_gains_nothing() {
    let (bench, marker, other) = (Bench::new(), marker(), marker());
    let command =
        format!("trap '' TERM; setsid sleep {marker} & (sleep {marker} &) ; kill -9 $PPID; exec sleep {marker}");
    let beside = format!("(sleep {other} & echo $! > pid) ; until [ -e go ]; do sleep 0.02; done; kill -0 $(cat pid)");
    let (victim, neighbour) =
        (pipeline(&[&command], Duration::from_secs(60)), pipeline(&[&beside], Duration::from_secs(60)));
    let stop = Stop::default();
    let attack = async {
        until("the neighbour runs", || sleeping(&other) >= 1).await;
        let report = bench.run_with(&victim, &stop).await;
        assert_eq!(running(&marker), [0; 0]);
        let workspace = bench.leftovers().pop().unwrap().join("workspace");
        fs::write(workspace.join("go"), "").unwrap();
        report
    };
    let (report, beside) = tokio::join!(attack, bench.run_with(&neighbour, &stop));
    let Outcome::Failed(failure) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!((failure.cause, report.left_behind), (FailureCause::SupervisorLost, 0));
    assert!(report.duration < Duration::from_secs(3), "{:?}", report.duration);
    assert_eq!(beside.outcome, Outcome::Done, "{}", beside.tail);
    assert_eq!(running(&other), [0; 0]);
}

/// A frozen supervisor cannot obey; the promise holds all the same.
#[tokio::test]
async fn a_step_that_freezes_its_supervisor_is_ended_in_ten_seconds() {
    let (bench, marker, stop) = (Bench::new(), marker(), Stop::default());
    let command = format!("setsid sleep {marker} & kill -STOP $PPID; exec sleep {marker}");
    let pipeline = pipeline(&[&command], Duration::from_secs(60));
    let ask = async {
        until("frozen", || running(&marker).iter().any(|pid| state(*pid) == Some('T'))).await;
        stop.ask(StopReason::LeaseLost);
        Instant::now()
    };
    let (report, asked_at) = tokio::join!(bench.run_with(&pipeline, &stop), ask);
    assert!(asked_at.elapsed() < Duration::from_secs(10), "{:?}", asked_at.elapsed());
    assert_eq!((report.outcome, report.left_behind), (Outcome::Stopped(StopReason::LeaseLost), 0));
    assert_eq!(running(&marker), [0; 0]);
}

fn state(pid: u32) -> Option<char> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit_once(") ")?.1.chars().next()
}

/// A service supervisor may send SIGTERM to everything; the supervisor stays to clean up.
#[tokio::test]
async fn signals_to_the_supervisor_do_not_end_it() {
    let (bench, marker) = (Bench::new(), marker());
    let command = format!(
        "for s in TERM INT HUP QUIT USR1 USR2 PIPE CHLD; do kill -$s $PPID; done; setsid sleep {marker} & exit 6"
    );
    let report = bench.run(&[&command]).await;
    let Outcome::Failed(failure) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(failure.cause, FailureCause::Exit(6));
    assert_eq!(running(&marker), [0; 0]);
}

#[tokio::test]
async fn nothing_outlives_a_server_that_is_killed() {
    let (root, marker) = (tempfile::tempdir().unwrap(), marker());
    let command = format!("trap '' TERM; setsid sleep {marker} & (sleep {marker} &) ; sleep {marker}");
    let mut second = helper::start(root.path(), &command);
    until("started", || sleeping(&marker) >= 3).await;
    second.kill().unwrap();
    let killed_at = Instant::now();
    second.wait().unwrap();
    let work = root.path().join("work");
    let folders = || entries(&work).into_iter().filter(|path| path.is_dir()).count();
    assert_eq!(folders(), 1, "its workspace is left");
    until("gone", || running(&marker).is_empty()).await;
    assert!(killed_at.elapsed() < Duration::from_secs(10), "{:?}", killed_at.elapsed());
    // The next server removes the workspace.
    let next = Runner::new(settings(root.path())).unwrap();
    until("swept", || folders() == 1).await;
    drop(next);
    assert_eq!(folders(), 0);
}

/// The environment of the server, where the tokens are, cannot be read by a step of the same user.
#[tokio::test]
async fn a_step_cannot_read_the_environment_of_the_server() {
    let root = tempfile::tempdir().unwrap();
    let command = "server=$(cut -d' ' -f4 /proc/$PPID/stat); tr '\\0' ' ' < /proc/$server/cmdline; echo; \
                   cat /proc/$server/environ /proc/$PPID/environ; ls /proc/$PPID/fd; true";
    let mut second = helper::start(root.path(), command);
    until("the second process has ended", || !helper::report(root.path()).is_empty()).await;
    assert!(second.wait().unwrap().success());
    let report = helper::report(root.path());
    assert!(report.starts_with("Done\n") && report.contains("helper::serve"), "it looked at the server: {report}");
    assert_eq!(report.matches("Permission denied").count(), 3, "{report}");
    assert!(!report.contains("ghp_"), "{report}");
}
