//! Which program is started, and what is said when it is not there.

use agent_smith::pipeline::{FailureCause, Outcome, StepOutcome};

use crate::scene::{Scene, failure, log};

#[tokio::test]
async fn a_missing_program_is_named_before_anything_is_done() {
    let scene = Scene::new();
    let steps = [
        "checkout: {}",
        "agent: { type: codex }, env: { PATH: /nowhere }",
        "run: echo sorry, if: failure()",
        "run: echo never",
    ];
    let report = scene.run(&steps).await;
    let (1, FailureCause::NotStarted(why)) = failure(&report) else { panic!("{report:?}") };
    for told in ["codex", "box-1", "PATH is /nowhere"] {
        assert!(why.contains(told), "{why}");
    }
    let outcomes: Vec<StepOutcome> = report.steps.iter().map(|step| step.outcome).collect();
    let (skipped, failed, done) = (StepOutcome::Skipped, StepOutcome::Failed, StepOutcome::Done);
    assert_eq!(outcomes, [skipped, failed, done, skipped]);
    assert!(log(&report).contains("step 2 of 4 cannot be started"), "{}", log(&report));
}

#[tokio::test]
async fn a_program_that_an_earlier_step_installs_is_waited_for() {
    let scene = Scene::new();
    let install = "run: 'printf \"#!/bin/sh\\necho x > fix\\n\" > tool && chmod +x tool'";
    let report = scene.run(&[install, "agent: { command: [./tool] }"]).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let report = scene.run(&["run: 'true'", "agent: { command: [./tool] }"]).await;
    let (1, FailureCause::NotStarted(why)) = failure(&report) else { panic!("{report:?}") };
    assert!(why.contains("./tool") && why.contains("box-1"), "{why}");
}

#[tokio::test]
async fn a_known_agent_gets_its_own_command_line() {
    let scene = Scene::new();
    scene.program("codex", "echo \"$*\" > line; cat >> line; env >> line");
    let path = format!("{}:/usr/bin:/bin", scene.folder().display());
    let step = format!("agent: {{ type: codex, model: m1, args: [--search] }}, env: {{ PATH: '{path}' }}");
    let report = scene.run(&[&step, "run: cat line"]).await;
    let line =
        "exec --sandbox workspace-write --skip-git-repo-check --color never --model m1 --search -\nWork on the ticket";
    assert!(report.tail.starts_with(line), "{}", report.tail);
}

#[tokio::test]
async fn aider_reads_a_file_and_its_own_notes_are_no_change() {
    let scene = Scene::new();
    let notes = "mkdir .aider.tags.cache.v4; echo x > .aider.tags.cache.v4/x; for f; do last=$f; done; cat \"$last\"";
    scene.program("aider", notes);
    let path = format!("{}:/usr/bin:/bin", scene.folder().display());
    let step = format!("agent: {{ type: aider }}, env: {{ PATH: '{path}' }}");
    let report = scene.run(&[&step]).await;
    assert_eq!(failure(&report), (0, &FailureCause::NoChange));
    assert!(report.tail.contains("# It crashes"), "{}", report.tail);
    scene.program("aider", &format!("{notes}; echo x > fix"));
    let report = scene.run(&["run: echo theirs > .aider.conf.yml", &step, "run: ls -A"]).await;
    assert_eq!((report.outcome, report.tail.as_str()), (Outcome::Done, ".aider.conf.yml\nfix\n"));
}

/// Whoever goes on behind it, or keeps its work, has the change alone.
#[tokio::test]
async fn what_an_agent_that_failed_left_for_itself_is_no_change_either() {
    let scene = Scene::new();
    scene.program("aider", "mkdir .aider.tags.cache.v4; echo x > .aider.tags.cache.v4/x; echo x > fix; exit 3");
    let path = format!("{}:/usr/bin:/bin", scene.folder().display());
    let step = format!("agent: {{ type: aider }}, continue_on_error: true, env: {{ PATH: '{path}' }}");
    let report = scene.run(&["run: echo theirs > .aider.conf.yml", &step, "run: ls -A"]).await;
    assert_eq!((report.outcome, report.tail.as_str()), (Outcome::Done, ".aider.conf.yml\nfix\n"));
    let half = scene.agent("echo half > found.md; echo x > fix; exit 3", ", report: found.md");
    let half = format!("{half}, continue_on_error: true");
    let report = scene.run(&[&half, "run: ls -A"]).await;
    assert_eq!((report.outcome, report.tail.as_str()), (Outcome::Done, "fix\n"));
    let report = scene.run(&["run: echo theirs > found.md", &half, "run: ls -A"]).await;
    assert_eq!((report.outcome, report.tail.as_str()), (Outcome::Done, "fix\nfound.md\n"), "it was there before");
}

#[tokio::test]
async fn a_step_that_names_no_agent_has_the_one_of_all() {
    let scene = Scene::new();
    let agent = scene.program("agent", "echo \"$COLOUR $deploy_key\" > fix");
    let section =
        format!("{{ coding: {{ command: [{}], env: {{ COLOUR: green }}, secrets: [deploy_key] }} }}", agent.display());
    let report = scene.run_with(&section, &["agent: {}", "run: cat fix"]).await;
    assert_eq!((report.outcome, report.tail.as_str()), (Outcome::Done, "green [masked]\n"));
    let report = scene.run_with(&section, &["agent: {}, env: { COLOUR: red }", "run: cat fix"]).await;
    assert_eq!(report.tail, "red [masked]\n");
    // Its credentials are for it and for no other agent.
    let other = scene.program("other", "echo \"$COLOUR $deploy_key\" > fix");
    let step = format!("agent: {{ command: [{}] }}", other.display());
    let report = scene.run_with(&section, &[&step, "run: cat fix"]).await;
    assert_eq!(report.tail, " \n");
}
