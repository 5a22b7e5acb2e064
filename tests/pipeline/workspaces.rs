//! What runs leave on disk: one log, their workspace where a pipeline wants it kept, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use agent_smith::config::{KeepWorkspace, Pipeline};
use agent_smith::job::{Cause, Withdrawal};
use agent_smith::pipeline::report::{Ways, comment};
use agent_smith::pipeline::{Mask, Outcome, RunReport, Runner, Stop, StopReason};

use crate::fixture::{Bench, entries, settings, until};
use crate::helper;

const NONE: [PathBuf; 0] = [];

#[tokio::test]
async fn a_run_finds_an_empty_workspace_and_leaves_one_log() {
    let bench = Bench::new();
    for _ in 0..2 {
        let report =
            bench.run(&["ls -A . \"$TMPDIR\" | grep -v : | grep . && exit 9; touch left .hidden \"$TMPDIR/t\""]).await;
        assert_eq!(report.outcome, Outcome::Done, "{}", report.tail);
        assert_eq!(bench.leftovers(), NONE);
    }
    let logs = entries(&bench.root.path().join("logs"));
    assert_eq!(logs.len(), 1, "the same attempt of the same run");
    assert_eq!(fs::metadata(&logs[0]).unwrap().permissions().mode() & 0o777, 0o600);
    for folder in ["work", "logs"] {
        assert_eq!(fs::metadata(bench.root.path().join(folder)).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

/// As an ordinary user, whom permissions stop.
#[tokio::test]
async fn permissions_depth_and_links_do_not_keep_a_workspace() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let precious = outside.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let command = format!(
        "mkdir -p a/b/c d/e && touch a/b/c/f a/f d/e/f && ln -s {0} a/b/link && ln -s {0}/precious d/file-link \
         && perl -e 'for (1..3000) {{ mkdir \"deep\" x 5; chdir \"deep\" x 5 }} open F, \">f\"' \
         && chmod 0555 a/b/c a/b && chmod 0 a d/e && mkfifo pipe && chmod 0 d && chmod 0555 . .. && id -u",
        outside.path().display()
    );
    let mut second = helper::start(root.path(), &command);
    until("the second process has ended", || !helper::report(root.path()).is_empty()).await;
    assert!(second.wait().unwrap().success());
    let report = helper::report(root.path());
    assert!(report.starts_with("Done\n") && !report.ends_with("\n0\n"), "{report}");
    let left: Vec<PathBuf> =
        entries(&root.path().join("work")).into_iter().filter(|path| !path.ends_with("lock")).collect();
    assert_eq!(left, NONE, "not even the folder of the process, which has ended");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
}

#[tokio::test]
async fn leftovers_of_a_dead_process_are_swept_and_those_of_a_live_one_are_not() {
    let live = Bench::new();
    let work = live.root.path().join("work");
    let folder_of_live = entries(&work).into_iter().find(|path| path.is_dir()).unwrap();
    fs::create_dir(folder_of_live.join("run-under-way")).unwrap();
    // One that died while it worked, one that died before it had its lock, and something that is not ours.
    for dead in ["dead/run/workspace/x", "dead-without-lock/run"] {
        fs::create_dir_all(work.join(dead)).unwrap();
    }
    fs::write(work.join("dead/lock"), "").unwrap();
    fs::set_permissions(work.join("dead/run"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::write(work.join("notes.txt"), "").unwrap();
    let second = Runner::new(settings(live.root.path())).unwrap();
    until("swept", || !work.join("dead").exists() && !work.join("dead-without-lock").exists()).await;
    assert!(folder_of_live.join("run-under-way").exists() && work.join("notes.txt").exists());
    assert_eq!(entries(&work).iter().filter(|path| path.is_dir()).count(), 2);
    drop(second);
    assert_eq!(entries(&work).iter().filter(|path| path.is_dir()).count(), 1, "a clean end leaves nothing");
    fs::remove_dir(folder_of_live.join("run-under-way")).unwrap();
}

#[tokio::test]
async fn runs_side_by_side_do_not_meet() {
    let bench = Bench::new();
    let command = "[ -e mine ] && exit 9; touch mine; sleep 0.2; [ $(ls | wc -l) -eq 1 ]";
    let pipeline = crate::fixture::pipeline(&[command], Duration::from_secs(20));
    let stop = Default::default();
    let (one, two, three) = tokio::join!(
        bench.run_with(&pipeline, &stop),
        bench.run_with(&pipeline, &stop),
        bench.run_with(&pipeline, &stop)
    );
    for report in [one, two, three] {
        assert_eq!(report.outcome, Outcome::Done);
    }
    assert_eq!(bench.leftovers(), NONE);
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Runner::new(settings(&file.join("data"))).unwrap_err().to_string();
    assert!(error.contains(file.to_str().unwrap()), "{error}");
}

/// Runs to its end, or to the end by `reason`, and says what is kept.
async fn kept(keep: KeepWorkspace, command: &str, reason: Option<StopReason>) -> (Bench, RunReport) {
    let (bench, stop) = (Bench::new(), Stop::default());
    let pipeline = Pipeline { keep_workspace: keep, ..crate::fixture::pipeline(&[command], Duration::from_secs(20)) };
    let ask = async {
        if let Some(reason) = reason {
            let logs = bench.root.path().join("logs");
            let begun = || entries(&logs).iter().any(|log| fs::read_to_string(log).unwrap().contains("\nbegun\n"));
            until("begun", begun).await;
            stop.ask(reason);
        }
    };
    let (report, ()) = tokio::join!(bench.run_with(&pipeline, &stop), ask);
    assert_eq!(bench.leftovers(), NONE, "nothing stays where runs are at work");
    (bench, report)
}

#[tokio::test]
async fn a_workspace_is_kept_when_the_pipeline_says_so_and_the_run_is_over() {
    use KeepWorkspace::{Always, Never, OnFailure};
    let waits = "echo begun; sleep 600";
    let withdrawn = || Some(StopReason::Withdrawn(Withdrawal::new(Cause::Cancelled, None)));
    for (keep, command, reason, stays) in [
        (Never, "exit 1", None, false),
        (OnFailure, "exit 1", None, true),
        (OnFailure, "true", None, false),
        (OnFailure, waits, withdrawn(), false),
        (Always, "true", None, true),
        (Always, waits, withdrawn(), true),
        // Handed back: the next attempt makes its own, and a lost job is somebody else's.
        (Always, waits, Some(StopReason::ShuttingDown), false),
        (Always, waits, Some(StopReason::LeaseLost), false),
    ] {
        let (bench, report) = kept(keep, &format!("echo x > file; {command}"), reason).await;
        let folder = bench.root.path().canonicalize().unwrap().join("kept");
        let path = folder.join(format!("{}-1", bench.job.run_id));
        let case = format!("{keep:?} {command}: {:?}", report.outcome);
        assert_eq!(report.kept.workspace.as_ref(), stays.then_some(&path), "{case}");
        assert_eq!(entries(&folder).len(), usize::from(stays), "{case}");
        let log = fs::read_to_string(report.log.as_ref().unwrap()).unwrap();
        let told = format!("[agent-smith] the workspace is kept in {}\n[agent-smith] run ended", path.display());
        assert_eq!(log.contains(&told), stays, "{case}: {log}");
        let comment = comment(&report, &Mask::default(), Ways::default());
        assert_eq!(comment.contains(&format!("Its workspace is kept on the host, in `{}`.", path.display())), stays);
        if stays {
            assert_eq!(fs::read_to_string(path.join("workspace/file")).unwrap(), "x\n");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}

#[tokio::test]
async fn kept_workspaces_are_bounded_also_after_a_restart() {
    let (bench, _) = kept(KeepWorkspace::Always, "true", None).await;
    let folder = bench.root.path().join("kept");
    let day = Duration::from_secs(24 * 3600);
    for age in 1..30 {
        let path = folder.join(format!("other-{age}"));
        fs::create_dir_all(path.join("workspace")).unwrap();
        fs::File::open(&path).unwrap().set_modified(SystemTime::now() - day * age).unwrap();
    }
    let left = || {
        let mut names: Vec<String> = entries(&folder)
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name.starts_with("other-"))
            .collect();
        names.sort_by_key(|name| name[6..].parse::<u32>().unwrap());
        names
    };
    let restarted = Runner::new(settings(bench.root.path())).unwrap();
    until("two weeks are left", || left().len() == 13).await;
    drop(restarted);
    assert_eq!((left()[0].as_str(), left()[12].as_str()), ("other-1", "other-13"));
    for number in 0..10 {
        fs::create_dir(folder.join(format!("more-{number}"))).unwrap();
    }
    bench.run(&["true"]).await;
    assert_eq!(entries(&folder).len(), 20, "whatever the last pipeline says: {:?}", left());
    assert!(left().len() == 9 && left().contains(&"other-1".to_owned()), "the oldest went: {:?}", left());
}
