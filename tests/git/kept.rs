//! What is left of a run that was not done: its work on the branch, its workspace on the disk.

use std::path::Path;
use std::time::{Duration, Instant};

use agent_smith::job::{Cause, Withdrawal};
use agent_smith::pipeline::report::{Ways, comment};
use agent_smith::pipeline::{FailureCause, Mask, Outcome, RunReport, StopReason};
use agent_smith::sim::Match;

use crate::fixture::{Attempt, BRANCH, TOKEN, WHOLE, World, done, git, log};

/// Half of the work, and then this.
fn half(then: &str) -> String {
    format!(
        "[{{checkout: {{keep_work: true}}}}, {{run: 'echo half > bug.txt'}}, {then}, {{commit: {{}}}}, {{push: {{}}}}]"
    )
}

fn cause(report: &RunReport) -> &FailureCause {
    let Outcome::Failed(failure) = &report.outcome else { panic!("{:?}: {}", report.outcome, log(report)) };
    &failure.cause
}

/// The half is on the branch, in one commit that says that it is not finished, and the ticket is told.
fn is_on_the_branch(world: &World, report: &RunReport) {
    assert_eq!(world.branches(), [BRANCH, "main"], "{}", log(report));
    assert_eq!(world.ask(&["log", "--format=%s", &format!("main..{BRANCH}")]), "wip: It crashes");
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "half");
    assert_eq!(report.kept.branch.as_deref(), Some(BRANCH));
    let told = comment(report, &Mask::default(), Ways::default());
    assert!(told.contains(&format!("Its unfinished work is on branch `{BRANCH}`.")), "{told}");
}

#[tokio::test]
async fn work_is_kept_when_the_time_of_run_or_step_is_over_and_when_an_agent_stalls_or_fails() {
    let sleeps = |options: &str| format!("{{run: 'sleep 600'{options}}}");
    let stalls = "{agent: {command: [sleep, '600'], stall_timeout_seconds: 1}}".to_owned();
    let fails = "{run: 'exit 3'}".to_owned();
    for (number, then) in [sleeps(""), sleeps(", timeout_seconds: 1"), stalls, fails].iter().enumerate() {
        let mut world = World::new().await;
        world.timeout_seconds = if number == 0 { 10 } else { 60 };
        let report = world.run(&half(then)).await;
        let expected = match number {
            0 => FailureCause::Timeout(Duration::from_secs(10)),
            1 => FailureCause::StepTimeout(Duration::from_secs(1)),
            2 => FailureCause::Stalled(Duration::from_secs(1)),
            _ => FailureCause::Exit(3),
        };
        assert_eq!(cause(&report), &expected, "keeping the work changes no result");
        is_on_the_branch(&world, &report);
    }
}

/// A server that stops hands its job back, and the next attempt goes on where the first one was.
#[tokio::test]
async fn work_that_a_shutdown_broke_off_is_continued_and_counts_as_a_change() {
    let world = World::new().await;
    let reached = world.root.path().join("reached");
    let attempt = Attempt::default();
    let stop = async {
        while !reached.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        attempt.stop.ask(StopReason::ShuttingDown);
    };
    let steps = half(&format!("{{run: 'touch {}; sleep 600'}}", reached.display()));
    let (report, ()) = tokio::join!(world.attempt(&world.runner, &steps, &attempt), stop);
    assert_eq!(report.outcome, Outcome::Stopped(StopReason::ShuttingDown));
    is_on_the_branch(&world, &report);

    // The agent finds nothing to be done any more, and neither does the commit.
    let rest =
        "[{checkout: {keep_work: true}}, {agent: {command: [cat, bug.txt]}}, {commit: {}, name: work}, {push: {}},
        {run: 'exit 9', if: 'steps.work.outputs.changed != \"1\"'}]";
    let next = Attempt { epoch: 2, ..Attempt::default() };
    let report = world.attempt(&world.runner, rest, &next).await;
    done(&report);
    assert!(log(&report).contains("(continued)") && report.kept.branch.is_none(), "{}", log(&report));
    assert_eq!(world.ask(&["log", "--format=%s", &format!("main..{BRANCH}")]), "wip: It crashes");
    // One that does more adds to it.
    done(&world.run(WHOLE).await);
    assert_eq!(world.ask(&["log", "--format=%s", &format!("main..{BRANCH}")]), "It crashes\nwip: It crashes");
}

/// The processes are gone before anything else is done, and a remote that hangs keeps no server from its end.
#[tokio::test]
async fn a_shutdown_waits_some_seconds_for_the_remote_and_no_longer() {
    let (world, attempt) = (World::new().await, Attempt::default());
    let pid = world.root.path().join("pid");
    let hold = world.sim.faults().hold(Match::path("git-receive-pack"));
    let stop = async {
        while std::fs::read_to_string(&pid).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        attempt.stop.ask(StopReason::ShuttingDown);
        assert!(hold.reached(1, Duration::from_secs(60)).await, "it pushes");
        let process = format!("/proc/{}", std::fs::read_to_string(&pid).unwrap().trim());
        assert!(!Path::new(&process).exists(), "the step still runs");
        Instant::now()
    };
    let steps = half(&format!("{{run: 'echo $$ > {}; sleep 600 & wait'}}", pid.display()));
    let (report, pushed_at) = tokio::join!(world.attempt(&world.runner, &steps, &attempt), stop);
    // Fifteen seconds are all that a server has then, and its ticket's label is still to be written.
    assert!(pushed_at.elapsed() < Duration::from_secs(8), "{:?}", pushed_at.elapsed());
    assert_eq!(
        (report.outcome.clone(), report.kept.branch.as_ref()),
        (Outcome::Stopped(StopReason::ShuttingDown), None)
    );
    assert!(log(&report).contains("the work could not be kept in time"), "{}", log(&report));
}

#[tokio::test]
async fn a_run_that_failed_twice_keeps_one_branch() {
    let world = World::new().await;
    for number in ["one", "two"] {
        let steps = format!("[{{checkout: {{keep_work: true}}}}, {{run: 'echo {number} > {number}; exit 1'}}]");
        assert_eq!(cause(&world.run(&steps).await), &FailureCause::Exit(1));
    }
    assert_eq!(world.ask(&["log", "--format=%s", &format!("main..{BRANCH}")]), "wip: It crashes\nwip: It crashes");
    // Without a new change there is nothing to be added.
    world.run("[{checkout: {keep_work: true}}, {run: 'exit 1'}]").await;
    assert_eq!(world.ask(&["rev-list", "--count", &format!("main..{BRANCH}")]), "2");
    assert_eq!(world.branches(), [BRANCH, "main"]);
}

#[tokio::test]
async fn nothing_is_kept_without_the_option_without_work_or_without_the_right() {
    let world = World::new().await;
    for steps in [
        "[{checkout: {}}, {run: 'echo x > x; exit 1'}]",
        "[{checkout: {keep_work: true}}, {run: 'exit 1'}]",
        "[{run: 'exit 1'}, {checkout: {keep_work: true}}]",
    ] {
        let report = world.run(steps).await;
        assert_eq!((cause(&report), report.kept.branch.as_ref()), (&FailureCause::Exit(1), None), "{steps}");
    }
    for reason in [StopReason::LeaseLost, StopReason::Withdrawn(Withdrawal::new(Cause::Cancelled, None))] {
        let (attempt, reached) = (Attempt::default(), world.root.path().join("reached"));
        // The second has lost its job to somebody else and was only told of a withdrawal.
        attempt.ours.store(reason == StopReason::LeaseLost, std::sync::atomic::Ordering::SeqCst);
        let lose = async {
            while !reached.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            attempt.stop.ask(reason);
        };
        let steps = half(&format!("{{run: 'touch {}; sleep 600'}}", reached.display()));
        let (report, ()) = tokio::join!(world.attempt(&world.runner, &steps, &attempt), lose);
        assert_eq!(report.kept.branch, None, "{}", log(&report));
        std::fs::remove_file(reached).unwrap();
    }
    assert_eq!(world.branches(), ["main"]);
}

/// Somebody reviews it by then: what a later step leaves behind is not pushed under their eyes.
#[tokio::test]
async fn a_branch_with_a_change_request_stays_as_it_is() {
    let world = World::new().await;
    let steps = "[{checkout: {keep_work: true}}, {run: 'echo fixed > bug.txt'}, {commit: {}}, {push: {}},
        {open_change_request: {}}, {run: 'echo x > leftover; exit 1'}]";
    let report = world.run(steps).await;
    assert_eq!(cause(&report), &FailureCause::Exit(1));
    assert_eq!(world.ask(&["log", "--format=%s", &format!("main..{BRANCH}")]), "It crashes");
}

/// Whoever stopped it knows that there is more to come.
#[tokio::test]
async fn a_run_that_is_stopped_behind_its_change_request_keeps_what_is_there() {
    let (world, attempt) = (World::new().await, Attempt::default());
    let reached = world.root.path().join("reached");
    let steps = format!(
        "[{{checkout: {{keep_work: true}}}}, {{run: 'echo fixed > bug.txt'}}, {{commit: {{}}}}, {{push: {{}}}},
        {{open_change_request: {{}}}}, {{run: 'echo half > more; touch {}; sleep 600'}}]",
        reached.display()
    );
    let stop = async {
        while !reached.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        attempt.stop.ask(StopReason::Withdrawn(Withdrawal::new(Cause::Cancelled, None)));
    };
    let (report, ()) = tokio::join!(world.attempt(&world.runner, &steps, &attempt), stop);
    assert!(matches!(report.outcome, Outcome::Stopped(StopReason::Withdrawn(_))), "{:?}", report.outcome);
    assert_eq!(report.kept.branch.as_deref(), Some(BRANCH), "{}", log(&report));
    assert_eq!(world.ask(&["log", "--format=%s", &format!("main..{BRANCH}")]), "wip: It crashes\nIt crashes");
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:more")]), "half");
}

/// Where a person would look first: what has changed.
#[tokio::test]
async fn a_kept_workspace_is_a_repository_without_a_credential() {
    let mut world = World::new().await;
    world.options = "keep_workspace: on_failure".into();
    let report = world.run("[{checkout: {}}, {run: 'echo half > bug.txt; echo x > \"$TMPDIR/x\"; exit 4'}]").await;
    let kept = report.kept.workspace.unwrap_or_else(|| panic!("{:?}", report.outcome));
    let workspace = kept.join("workspace");
    assert_eq!(git(&workspace, &["status", "--porcelain"]), " M bug.txt");
    assert_eq!(git(&workspace, &["log", "--format=%s"]), "Begin");
    assert!(git(&workspace, &["diff"]).contains("-broken\n+half"));
    assert!(!kept.join("tmp").exists(), "a HOME may have been in it");
    for (file, bytes) in files(&kept) {
        let holds = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(!holds, "{file} holds the token");
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
    found
}
