//! Whatever a step starts, it is gone when the step has ended or was stopped.

use std::time::{Duration, Instant};

use agent_smith::job::{Cause, Withdrawal};
use agent_smith::pipeline::{FailureCause, Outcome, Stop, StopReason};

use crate::fixture::{Bench, marker, pipeline, running, sleeping, until};

/// The promise: from the moment a stop is seen.
const PROMISE: Duration = Duration::from_secs(10);

/// Starts a command, asks for a stop once `expected` marked `sleep`s run, and checks that all of them are gone.
/// Returns how long that took. `MARK` in the command stands for the marker.
async fn stopped(command: &str, expected: usize) -> Duration {
    let (bench, marker, stop) = (Bench::new(), marker(), Stop::default());
    let pipeline = pipeline(&[&command.replace("MARK", &marker)], Duration::from_secs(60));
    let ask = async {
        until("started", || sleeping(&marker) >= expected).await;
        assert!(stop.ask(StopReason::Withdrawn(Withdrawal::new(Cause::TriggerRemoved, None))));
        assert!(!stop.ask(StopReason::ShuttingDown), "the first reason stands");
        Instant::now()
    };
    let (report, asked_at) = tokio::join!(bench.run_with(&pipeline, &stop), ask);
    let took = asked_at.elapsed();
    assert_eq!(running(&marker), [0; 0], "{command}");
    assert_eq!(report.outcome, Outcome::Stopped(StopReason::Withdrawn(Withdrawal::new(Cause::TriggerRemoved, None))));
    assert_eq!(report.left_behind, 0);
    assert!(took < PROMISE, "{took:?}");
    took
}

#[tokio::test]
async fn a_stop_ends_children_in_every_disguise() {
    let obedient = [
        ("exec sleep MARK", 1),
        ("sleep MARK & sleep MARK & wait", 2),
        ("(setsid sh -c 'sleep MARK & (sleep MARK &) ; exec sleep MARK' &) ; sleep MARK", 4),
        ("nohup setsid setsid sleep MARK & sleep MARK", 2),
        ("sleep MARK & sleep 0.2; kill -STOP $!; sleep MARK", 2),
    ];
    for (command, expected) in obedient {
        let took = stopped(command, expected).await;
        assert!(took < Duration::from_secs(2), "{command} obeys SIGTERM but took {took:?}");
    }
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed_after_its_term() {
    let took = stopped("trap '' TERM HUP INT; setsid sh -c 'while :; do sleep 1; done' MARK & sleep MARK", 1).await;
    assert!(took >= Duration::from_secs(3), "it had its three seconds: {took:?}");
}

#[tokio::test]
async fn a_child_has_time_to_clean_up() {
    let (bench, marker, stop) = (Bench::new(), marker(), Stop::default());
    let command =
        format!("trap 'sleep 0.3; echo cleaned; exit 0' TERM; : {marker}; echo ready; while :; do sleep 0.05; done");
    let ask = async {
        until("started", || log_of(&bench).contains("ready\n")).await;
        stop.ask(StopReason::Withdrawn(Withdrawal::new(Cause::Cancelled, Some("ann"))));
    };
    let pipeline = pipeline(&[&command], Duration::from_secs(60));
    let (report, ()) = tokio::join!(bench.run_with(&pipeline, &stop), ask);
    assert!(report.tail.ends_with("cleaned\n"), "{}", report.tail);
    let cancelled = StopReason::Withdrawn(Withdrawal::new(Cause::Cancelled, Some("ann")));
    assert_eq!(report.outcome, Outcome::Stopped(cancelled), "exit 0 after a stop is no success");
}

fn log_of(bench: &Bench) -> String {
    let logs = crate::fixture::entries(&bench.root.path().join("logs"));
    logs.first().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

/// A chain: each link starts the next, in a session of its own or not, and exits. Bounded, should it get away.
#[tokio::test]
async fn a_chain_of_forks_does_not_get_away() {
    for next in ["setsid sh", "sh"] {
        let link = format!("[ $1 -lt 20000 ] && {next} ./chain $(($1+1)) $2 &");
        let command = format!("trap '' TERM; echo '{link}' > chain; sh ./chain 0 MARK; sleep MARK");
        stopped(&command, 1).await;
    }
}

/// Many short-lived children side by side.
#[tokio::test]
async fn a_fork_loop_does_not_get_away() {
    let lane = "i=0; while [ $i -lt 3000 ]; do (: ; sleep 0.01) & i=$((i+1)); [ $((i % 20)) -eq 0 ] && wait; done";
    let command = format!("trap '' TERM; for lane in 1 2 3; do setsid sh -c '{lane}' MARK & done; sleep MARK");
    stopped(&command, 1).await;
}

#[tokio::test]
async fn the_timeout_covers_the_whole_run() {
    let (bench, marker) = (Bench::new(), marker());
    let limit = Duration::from_millis(700);
    let pipeline = pipeline(&["sleep 0.3", &format!("setsid sleep {marker} & sleep {marker}")], limit);
    let report = bench.run_with(&pipeline, &Stop::default()).await;
    let Outcome::Failed(failure) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(failure.cause, FailureCause::Timeout(limit));
    assert_eq!(failure.step.map(|(index, _)| index), Some(1));
    assert!(report.duration >= limit && report.duration < Duration::from_secs(3), "{:?}", report.duration);
    assert_eq!(running(&marker), [0; 0]);
}

/// A step that ends is not asked: what it left is ended before the next step begins.
#[tokio::test]
async fn a_step_that_ends_leaves_nothing() {
    let bench = Bench::new();
    let (obedient, stubborn) = (marker(), marker());
    let started = Instant::now();
    // The second step looks for what the first one left.
    let first = format!("setsid sleep {obedient} & echo $! > one; (sleep {obedient} & echo $! > two) ; exit 0");
    let report = bench.run(&[&first, "for pid in $(cat one two); do [ -e /proc/$pid ] && exit 9; done; true"]).await;
    assert_eq!((report.outcome, report.left_behind), (Outcome::Done, 0));
    assert_eq!(running(&obedient), [0; 0]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let report = bench.run(&[&format!("(trap '' TERM; setsid sleep {stubborn} & ) ; echo out; exit 5")]).await;
    let Outcome::Failed(failure) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!((failure.cause, report.tail.as_str()), (FailureCause::Exit(5), "out\n"));
    assert_eq!(running(&stubborn), [0; 0]);
}

#[tokio::test]
async fn a_dropped_run_ends_its_processes_and_removes_its_workspace() {
    let (bench, marker) = (Bench::new(), marker());
    let pipeline = pipeline(&[&format!("setsid sleep {marker} & sleep {marker}")], Duration::from_secs(60));
    let stop = Stop::default();
    tokio::select! {
        _ = bench.run_with(&pipeline, &stop) => panic!("it sleeps for years"),
        () = until("started", || sleeping(&marker) >= 2) => {}
    }
    until("gone", || running(&marker).is_empty() && bench.leftovers().is_empty()).await;
}

/// Nobody asks: when the right to run is over the tree ends at once, without the time that a stop gives it. That this needs
/// no server that is awake is shown in the crash table, with one that is frozen.
#[tokio::test]
async fn a_right_that_runs_out_ends_the_tree() {
    let bench = Bench::new();
    let marker = marker();
    let command = format!("trap '' TERM; setsid sleep {marker} & sleep {marker}");
    let run = pipeline(&[&command, "touch next"], Duration::from_secs(60));
    let report = bench.run_for(&run, &Stop::default(), Duration::from_secs(1)).await;
    assert_eq!(report.outcome, Outcome::Stopped(StopReason::LeaseLost));
    assert_eq!((running(&marker), report.left_behind), (vec![], 0));
}
