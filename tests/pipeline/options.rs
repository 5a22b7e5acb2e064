//! What a step may say beside its command: condition, own time, tolerance, environment, secrets, outputs.

use std::fs;
use std::time::Duration;

use agent_smith::config::{Env, Pipeline, parse};
use agent_smith::pipeline::{Failure, FailureCause, Outcome, RunReport, StepOutcome, Stop};

use crate::fixture::{Bench, SECRET, marker, of_steps, running, step};

/// The pipeline as a user would write its steps, each on one line.
fn pipeline(steps: &[&str]) -> Pipeline {
    let steps: String = steps.iter().map(|step| format!("      - {{ {step} }}\n")).collect();
    let head = "projects: {}\nsecrets:\n  deploy_key: ${DEPLOY_KEY}\npipelines:\n  fix-bug:\n    timeout_seconds: 60\n";
    let env: Env = [("DEPLOY_KEY", SECRET)].into_iter().collect();
    let loaded = parse("f.yml", &format!("{head}    steps:\n{steps}"), &env);
    let loaded = loaded.unwrap_or_else(|broken| panic!("{broken}"));
    Pipeline::clone(loaded.config.pipelines.get("fix-bug").unwrap_or_else(|| panic!("{:?}", loaded.problems)))
}

async fn run(bench: &Bench, pipeline: &Pipeline) -> RunReport {
    bench.run_with(pipeline, &Stop::default()).await
}

fn outcomes(report: &RunReport) -> Vec<StepOutcome> {
    report.steps.iter().map(|step| step.outcome).collect()
}

#[tokio::test]
async fn after_a_failure_only_those_run_that_ask_for_it() {
    let bench = Bench::new();
    let steps = [
        "run: echo the reason; exit 3",
        "run: echo never",
        "run: echo sorry > said, if: failure()",
        "run: test -e said, if: always()",
        "run: echo never, if: success()",
    ];
    let report = run(&bench, &pipeline(&steps)).await;
    let (done, failed, skipped) = (StepOutcome::Done, StepOutcome::Failed, StepOutcome::Skipped);
    assert_eq!(outcomes(&report), [failed, skipped, done, done, skipped]);
    let failure = Failure { step: Some((0, "echo the reason; exit 3".into())), cause: FailureCause::Exit(3) };
    assert_eq!(report.outcome, Outcome::Failed(failure));
    assert_eq!(report.tail, "the reason\n", "the step that failed explains the run, not the last one");
}

#[tokio::test]
async fn a_tolerated_failure_is_seen_by_conditions_and_the_run_is_done() {
    let steps = [
        "run: exit 4, name: lint, continue_on_error: true",
        "run: 'true', if: steps.lint.outcome == 'failed' and steps.lint.exit_code == 4",
        "run: 'true', if: steps.lint.outcome == 'done'",
    ];
    let report = run(&Bench::new(), &pipeline(&steps)).await;
    assert_eq!(outcomes(&report), [StepOutcome::Tolerated, StepOutcome::Done, StepOutcome::Skipped]);
    assert_eq!(report.outcome, Outcome::Done);
}

#[tokio::test]
async fn a_step_ends_when_its_own_time_is_over_and_its_tree_with_it() {
    let bench = Bench::new();
    let marker = marker();
    let hangs = |continue_on_error| {
        let mut hangs = step(&format!("sleep {marker} & sleep {marker}"));
        (hangs.timeout, hangs.continue_on_error) = (Some(Duration::from_millis(300)), continue_on_error);
        hangs
    };
    let tolerated = of_steps(vec![hangs(true), step("echo on")], Duration::from_secs(60));
    let report = run(&bench, &tolerated).await;
    assert_eq!((report.outcome, report.tail.as_str()), (Outcome::Done, "on\n"));
    assert_eq!(running(&marker), [0_u32; 0]);
    let failing = of_steps(vec![hangs(false), step("echo never")], Duration::from_secs(60));
    let report = run(&bench, &failing).await;
    let Outcome::Failed(Failure { cause, .. }) = &report.outcome else { panic!("{report:?}") };
    assert_eq!(*cause, FailureCause::StepTimeout(Duration::from_millis(300)));
    assert_eq!(outcomes(&report), [StepOutcome::Failed, StepOutcome::Skipped]);
    assert_eq!(running(&marker), [0_u32; 0]);
}

#[tokio::test]
async fn the_time_of_the_run_ends_also_the_steps_that_tidy_up() {
    let mut tidy = pipeline(&["run: exit 5", "run: sleep 60, if: always()", "run: 'true', if: always()"]);
    tidy.timeout = Duration::from_millis(500);
    let report = run(&Bench::new(), &tidy).await;
    assert_eq!(outcomes(&report), [StepOutcome::Failed, StepOutcome::Failed, StepOutcome::NotReached]);
    let Outcome::Failed(Failure { cause, step: Some((0, _)) }) = &report.outcome else { panic!("{report:?}") };
    assert_eq!(*cause, FailureCause::Exit(5), "the first failure explains the run");
}

#[tokio::test]
async fn a_step_tells_the_next_ones_by_its_outputs() {
    let steps = [
        "run: echo version=7 >> $AGENTSMITH_OUTPUT, name: build",
        "run: 'true', if: steps.build.outputs.version == '7' and 'bug' in ticket.labels",
        "run: 'true', if: steps.build.outputs.version == '8'",
        "run: 'true', if: steps.build.outputs.nothing == '8'",
    ];
    let report = run(&Bench::new(), &pipeline(&steps)).await;
    let (done, failed, skipped) = (StepOutcome::Done, StepOutcome::Failed, StepOutcome::Skipped);
    assert_eq!(outcomes(&report), [done, done, skipped, failed]);
    let Outcome::Failed(Failure { cause: FailureCause::NotStarted(why), .. }) = &report.outcome else {
        panic!("{report:?}")
    };
    assert!(why.contains("its `if` cannot be evaluated"), "{why}");
}

#[tokio::test]
async fn only_a_step_that_asks_sees_a_secret_and_nobody_reads_it_in_the_log() {
    let prints = "echo \"$COLOUR $deploy_key\"; printf s3cr3t-of; sleep 0.1; echo -the-deploy";
    let steps = [
        "run: 'test -z \"$deploy_key$COLOUR\"'".to_owned(),
        format!("run: '{prints}', env: {{ COLOUR: $green }}, secrets: [deploy_key]"),
    ];
    let bench = Bench::new();
    let report = run(&bench, &pipeline(&steps.each_ref().map(String::as_str))).await;
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(report.tail, "$green [masked]\n[masked]\n");
    let log = fs::read_to_string(report.log.unwrap()).unwrap();
    assert!(log.contains("$green [masked]\n[masked]\n") && !log.contains(SECRET), "{log}");
}
