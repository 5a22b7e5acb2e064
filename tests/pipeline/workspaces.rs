//! What runs leave on disk: one log and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use agent_smith::pipeline::{Outcome, Runner};

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
