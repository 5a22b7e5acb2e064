//! What a step sees and how it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_smith::pipeline::{Failure, FailureCause, Outcome};
use agent_smith::ticket::{Labels, TicketKey};

use crate::fixture::{Bench, SUPERVISOR, pipeline, settings};

fn cause(outcome: &Outcome) -> Option<&FailureCause> {
    match outcome {
        Outcome::Failed(failure) => Some(&failure.cause),
        _ => None,
    }
}

#[tokio::test]
async fn a_step_ends_with_the_exit_code_or_the_signal_of_its_shell() {
    let bench = Bench::new();
    let cases = [
        ("exit 3", FailureCause::Exit(3)),
        ("exit 255", FailureCause::Exit(255)),
        ("no-such-command-here", FailureCause::Exit(127)),
        ("sh -c 'kill -9 $$'", FailureCause::Exit(137)),
        ("kill -9 $$", FailureCause::Signal(9)),
        ("kill -TERM $$", FailureCause::Signal(15)),
        ("kill -40 $$", FailureCause::Signal(40)),
        ("kill 0; sleep 60", FailureCause::Signal(15)),
    ];
    for (command, expected) in cases {
        let report = bench.run(&[command]).await;
        assert_eq!(cause(&report.outcome), Some(&expected), "{command}");
        assert_eq!(report.left_behind, 0);
    }
    assert_eq!(bench.run(&["true", ":"]).await.outcome, Outcome::Done);
}

#[tokio::test]
async fn the_first_failure_ends_the_run_and_steps_share_the_workspace() {
    let bench = Bench::new();
    let report = bench.run(&["echo one > file", "cat file; echo two >&2; exit 4", "echo three"]).await;
    let failure = Failure { step: Some((1, "cat file; echo two >&2; exit 4".into())), cause: FailureCause::Exit(4) };
    assert_eq!(report.outcome, Outcome::Failed(failure));
    assert_eq!(report.tail, "one\ntwo\n");
    assert_eq!((report.steps.len(), report.attempt, report.host.as_str()), (3, 1, "box-1"));
    let log = std::fs::read_to_string(report.log.unwrap()).unwrap();
    assert_eq!(
        log,
        "[agent-smith] step 1 of 3: echo one > file\n\
         [agent-smith] step 2 of 3: cat file; echo two >&2; exit 4\none\ntwo\n\
         [agent-smith] run ended: failed: exited with code 4\n"
    );
}

#[tokio::test]
async fn the_environment_is_the_documented_list_and_nothing_else() {
    let bench = Bench::new();
    let report = bench.run(&["tr '\\0' '\\n' < /proc/$$/environ"]).await;
    let seen: BTreeMap<&str, &str> = report.tail.lines().map(|line| line.split_once('=').unwrap()).collect();
    let workspace = seen["AGENTSMITH_WORKSPACE"];
    let run = workspace.strip_suffix("/workspace").unwrap();
    assert!(run.starts_with(bench.root.path().canonicalize().unwrap().to_str().unwrap()), "{run}");
    let (tmp, ticket_file) = (format!("{run}/tmp"), format!("{run}/ticket.json"));
    let output = format!("{run}/output-1");
    let path = std::env::var("PATH").unwrap();
    let expected = BTreeMap::from([
        ("AGENTSMITH_ATTEMPT", "1"),
        ("AGENTSMITH_OUTPUT", output.as_str()),
        ("AGENTSMITH_PIPELINE", "fix-bug"),
        ("AGENTSMITH_PLATFORM", "github"),
        ("AGENTSMITH_PROJECT", "my-api"),
        ("AGENTSMITH_RUN_ID", bench.job.run_id.as_str()),
        ("AGENTSMITH_TICKET_FILE", ticket_file.as_str()),
        ("AGENTSMITH_TICKET_ID", "42"),
        ("AGENTSMITH_WORKSPACE", workspace),
        ("HOME", "/home/smith"),
        ("LANG", "C.UTF-8"),
        ("PATH", path.as_str()),
        ("TERM", "dumb"),
        ("TMPDIR", tmp.as_str()),
        ("TZ", "UTC"),
    ]);
    assert_eq!(seen, expected);
}

/// The supervisor holds nothing that the step must not see, and the step starts in a clean state.
#[tokio::test]
async fn a_step_inherits_nothing() {
    let bench = Bench::new();
    let report = bench
        .run(&["ls -m /proc/$$/fd; readlink /proc/$$/fd/0; grep -E 'Sig(Blk|Ign)' /proc/self/status; pwd; \
                cut -d' ' -f5 /proc/$$/stat; echo $$; cut -d' ' -f6 /proc/$$/stat; echo $PPID; \
                echo \"$PWD\" $AGENTSMITH_WORKSPACE; cat /proc/$PPID/environ | tr '\\0' '\\n' | grep -c secret"])
        .await;
    let lines: Vec<&str> = report.tail.lines().collect();
    assert_eq!(lines[..3], ["0, 1, 2", "/dev/null", "SigBlk:\t0000000000000000"]);
    // What this process was told to ignore when it was started is handed on, and nothing is added, not even SIGPIPE;
    // but for the two signals that the C library keeps to itself.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = |line: &str| u64::from_str_radix(line.strip_prefix("SigIgn:\t").unwrap(), 16).unwrap();
    let ours = status.lines().find(|line| line.starts_with("SigIgn:")).unwrap();
    let bit = |signal: u32| 1_u64 << (signal - 1);
    let counts = !(bit(13) | bit(32) | bit(33));
    assert_eq!(ignored(lines[3]) & counts, ignored(ours) & counts);
    assert_eq!(ignored(lines[3]) & bit(13), 0);
    assert_eq!(lines[5], lines[6], "a process group of its own");
    assert_eq!(lines[7], lines[8], "in the session of the supervisor");
    assert_eq!(lines[9], format!("{0} {0}", lines[4]), "in the workspace");
    assert_eq!(lines[10], "0");
}

#[tokio::test]
async fn a_dollar_belongs_to_the_shell() {
    let bench = Bench::new();
    let report = bench.run(&[r#"X='a  b'; echo "$X" '$HOME' ${NONE:-d} $((1+1)) "${TERM}" `echo t`"#]).await;
    assert_eq!(report.tail, "a  b $HOME d 2 dumb t\n");
}

#[tokio::test]
async fn a_hostile_ticket_is_data() {
    let mut bench = Bench::new();
    let out = tempfile::tempdir().unwrap();
    let pwned = out.path().join("pwned");
    let attack =
        format!("'\"; touch {0}; $(touch {0}) `touch {0}` \n\u{202e}gnp.exe\u{2066}\0 && touch {0} #", pwned.display());
    bench.ticket.title.clone_from(&attack);
    bench.ticket.body = format!("{attack}{}", "ü".repeat(30_000));
    bench.ticket.labels = [attack.as_str(), "../../x"].into_iter().collect::<Labels>();
    bench.ticket.state = "-rf /".into();
    bench.job.key = TicketKey::new(bench.job.key.platform, "../../$(id)", "7;touch x");
    let report = bench
        .run(&[&format!(
            "cp \"$AGENTSMITH_TICKET_FILE\" {}/copy; echo $AGENTSMITH_PROJECT, $AGENTSMITH_TICKET_ID; ls -a",
            out.path().display()
        )])
        .await;
    assert_eq!(report.outcome, Outcome::Done, "{}", report.tail);
    assert_eq!(report.tail, "../../$(id), 7;touch x\n.\n..\n");
    let copy: serde_json::Value = serde_json::from_slice(&std::fs::read(out.path().join("copy")).unwrap()).unwrap();
    let expected = serde_json::json!({
        "id": "42", "title": attack, "body": bench.ticket.body, "labels": [attack, "../../x"],
        "state": "-rf /", "url": "https://example.org/42",
    });
    assert_eq!(copy, expected);
    assert!(!pwned.exists());
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let bench = Bench::new();
    // More than the kernel takes as one argument, but not more than a supervisor may be asked for.
    let long = format!(": {}", "x".repeat(200_000));
    for (command, expected) in [(long.as_str(), "Argument list too long"), ("echo \0", "nul byte")] {
        let report = bench.run(&[command]).await;
        let Some(FailureCause::NotStarted(why)) = cause(&report.outcome) else { panic!("{:?}", report.outcome) };
        assert!(why.contains(expected), "{why}");
    }
    let report = bench.run(&["cd /; rm -rf \"$AGENTSMITH_WORKSPACE\"", "echo never"]).await;
    let Some(FailureCause::NotStarted(why)) = cause(&report.outcome) else { panic!("{:?}", report.outcome) };
    assert!(why.contains("an earlier step removed it"), "{why}");
    let missing = agent_smith::pipeline::RunnerSettings {
        supervisor: format!("{SUPERVISOR}-missing").into(),
        ..settings(bench.root.path())
    };
    let bench = Bench { runner: agent_smith::pipeline::Runner::new(missing).unwrap(), ..bench };
    let report = bench.run(&["true"]).await;
    assert!(matches!(cause(&report.outcome), Some(FailureCause::NotStarted(_))), "{:?}", report.outcome);
    assert_eq!(bench.leftovers(), [] as [std::path::PathBuf; 0]);
}

#[tokio::test]
async fn a_pipeline_without_time_starts_nothing() {
    let bench = Bench::new();
    let report = bench.run_with(&pipeline(&["echo never"], Duration::ZERO), &Default::default()).await;
    assert_eq!(cause(&report.outcome), Some(&FailureCause::Timeout(Duration::ZERO)));
    assert_eq!(report.tail, "");
}
