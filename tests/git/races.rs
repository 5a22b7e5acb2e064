//! Several who push: somebody else, an attempt before, an attempt that does not know yet that it is over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use agent_smith::job::{Cause, Withdrawal};
use agent_smith::pipeline::{Outcome, StopReason};
use agent_smith::sim::{Fault, Match, Times};

use crate::fixture::{Attempt, BRANCH, WHOLE, World, done, log, refused, runner};

#[tokio::test]
async fn what_somebody_else_pushed_meanwhile_stays() {
    let world = World::new().await;
    // The step stands for somebody at another machine, in the moment between commit and push.
    let meanwhile = |what: &str| {
        let remote = world.remote.display();
        format!(
            "[{{checkout: {{}}}}, {{run: 'echo fixed >> bug.txt'}}, {{commit: {{}}}}, {{run: 'git -C {remote} {what}'}}, {{push: {{}}}}]"
        )
    };
    let report = world.run(&meanwhile(&format!("update-ref refs/heads/{BRANCH} main"))).await;
    assert!(refused(&report).contains("somebody else has pushed"), "{}", refused(&report));
    assert_eq!(world.ask(&["rev-parse", BRANCH]), world.ask(&["rev-parse", "main"]));
    // The same on a branch that is continued, and on one that is gone.
    done(&world.run(WHOLE).await);
    let other = world.write("elsewhere", &[("x", "x")], "Elsewhere");
    let report = world.run(&meanwhile(&format!("update-ref refs/heads/{BRANCH} elsewhere"))).await;
    assert!(refused(&report).contains("somebody else has pushed"), "{}", refused(&report));
    assert_eq!(world.ask(&["rev-parse", BRANCH]), other);
    let report = world.run(&meanwhile(&format!("update-ref -d refs/heads/{BRANCH}"))).await;
    assert!(refused(&report).contains("somebody else has pushed"), "{}", refused(&report));
    assert_eq!(world.branches(), ["elsewhere", "main"]);
}

/// Cancelled in the middle of a step: what is there is on the branch, if the pipeline says so, and the next run goes on.
#[tokio::test]
async fn what_a_cancelled_run_has_done_can_be_kept() {
    for keep in [true, false] {
        let world = World::new().await;
        let reached = world.root.path().join("reached");
        let steps = format!(
            "[{{checkout: {{keep_work: {keep}}}}}, {{run: 'echo half > bug.txt; touch {}; sleep 600'}}, {{commit: {{}}}}, {{push: {{}}}}]",
            reached.display()
        );
        let attempt = Attempt::default();
        let cancel = async {
            while !reached.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            attempt.stop.ask(StopReason::Withdrawn(Withdrawal::new(Cause::Cancelled, Some("anna"))));
        };
        let (report, ()) = tokio::join!(world.attempt(&world.runner, &steps, &attempt), cancel);
        assert!(matches!(report.outcome, Outcome::Stopped(StopReason::Withdrawn(_))), "{}", log(&report));
        assert_eq!(world.branches().len(), if keep { 2 } else { 1 }, "{}", log(&report));
        if keep {
            assert_eq!(world.ask(&["log", "-1", "--format=%s", BRANCH]), "wip: It crashes");
            assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "half");
            done(&world.run(WHOLE).await);
            assert_eq!(world.ask(&["log", "--format=%s", BRANCH]), "It crashes\nwip: It crashes\nBegin");
        }
    }
}

/// Nor does a cancelled one whose job is somebody else's.
#[tokio::test]
async fn a_stale_epoch_pushes_nothing() {
    let world = World::new().await;
    let attempt = Attempt::default();
    attempt.ours.store(false, Ordering::SeqCst);
    let report = world.attempt(&world.runner, WHOLE, &attempt).await;
    assert_eq!(report.outcome, Outcome::Stopped(StopReason::LeaseLost), "{}", log(&report));
    assert!(log(&report).contains("committed"), "{}", log(&report));
    assert_eq!(world.branches(), ["main"]);
    let reached = world.root.path().join("reached");
    let steps =
        format!("[{{checkout: {{keep_work: true}}}}, {{run: 'echo x > x; touch {}; sleep 600'}}]", reached.display());
    let cancel = async {
        while !reached.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        attempt.stop.ask(StopReason::Withdrawn(Withdrawal::new(Cause::Cancelled, None)));
    };
    tokio::join!(world.attempt(&world.runner, &steps, &attempt), cancel);
    assert_eq!(world.branches(), ["main"]);
}

/// The process dies after checkout, after commit and after push: the next attempt ends on one branch.
#[tokio::test]
async fn a_run_that_was_broken_off_anywhere_ends_on_one_branch() {
    for (number, at) in ["checkout", "commit", "push"].into_iter().enumerate() {
        let world = World::new().await;
        let waits = format!("{{run: 'touch {}/reached; sleep 600'}}", world.root.path().display());
        let steps = ["{checkout: {}}", "{run: 'echo fixed > bug.txt'}", "{commit: {}}", "{push: {}}"];
        let upto = steps.iter().position(|step| step.contains(at)).unwrap();
        let broken = format!("[{}, {waits}]", steps[..=upto].join(", "));
        let attempt = Attempt::default();
        let reached = async {
            while !world.root.path().join("reached").exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            report = world.attempt(&world.runner, &broken, &attempt) => panic!("{}", log(&report)),
            () = reached => {}
        }
        let next = Attempt { epoch: 2, ..Attempt::default() };
        let report = world.attempt(&runner(world.root.path()), WHOLE, &next).await;
        done(&report);
        assert_eq!(world.branches(), [BRANCH, "main"], "{at}");
        assert_eq!(world.ask(&["rev-list", "--count", &format!("main..{BRANCH}")]), "1", "{at}");
        let trailer = world.ask(&["log", "-1", "--format=%(trailers:key=Agent-Smith-Run,valueonly)", BRANCH]);
        let epoch = if number == 2 { 1 } else { 2 };
        assert_eq!(trailer.trim(), format!("{}/{epoch}", world.job.run_id), "{at}");
    }
}

/// Both believe that the job is theirs, which the store never says to two; the branch is still one of the two commits
/// and the other one is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_push_at_once_do_not_mix() {
    let world = World::new().await;
    let gate = world.root.path().display().to_string();
    let steps = |name: &str| {
        format!(
            "[{{checkout: {{}}}}, {{run: 'echo {name} > bug.txt; touch {gate}/{name}; until [ -e {gate}/a ] && [ -e {gate}/b ]; do sleep 0.01; done'}}, {{commit: {{}}}}, {{push: {{}}}}]"
        )
    };
    let (first, second) = (Attempt::default(), Attempt { epoch: 2, ..Attempt::default() });
    let other = runner(world.root.path());
    let (a, b) = (steps("a"), steps("b"));
    let (a, b) = tokio::join!(world.attempt(&world.runner, &a, &first), world.attempt(&other, &b, &second));
    let (winner, loser) = if a.outcome == Outcome::Done { ("a", &b) } else { ("b", &a) };
    let why = refused(loser);
    assert!(why.contains("somebody else has pushed") || why.contains("the remote rejects"), "{why}");
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), winner);
    assert_eq!(world.ask(&["rev-list", "--count", &format!("main..{BRANCH}")]), "1");
}

/// The remote fails for a moment, and once does what it was asked for without an answer.
#[tokio::test]
async fn a_remote_that_fails_for_a_moment_is_asked_again() {
    let world = World::new().await;
    let faults = world.sim.faults();
    faults.fail(Match::new("GET", "service=git-upload-pack"), Times::Next(1), Fault::status(503));
    faults.fail(Match::new("POST", "/git-receive-pack"), Times::Next(1), Fault::LoseAnswer);
    let report = world.run(WHOLE).await;
    done(&report);
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "fixed");
    assert_eq!(world.ask(&["rev-list", "--count", &format!("main..{BRANCH}")]), "1");
}
