//! What a comment says, and that nothing in it takes effect.

use proptest::prelude::*;

use super::*;
use std::time::Duration;

use crate::job::Verdict;
use crate::pipeline::outcome::Failure;

const WITH_COMMANDS: Ways = Ways { commands: true };

fn comment(report: &RunReport) -> String {
    super::comment(report, &Mask::default(), WITH_COMMANDS)
}

fn report(outcome: Outcome, tail: &str) -> RunReport {
    RunReport {
        run_id: "0190-run".into(),
        attempt: 2,
        attempts: 3,
        host: "box-1".into(),
        pipeline: "fix-bug".into(),
        steps: steps(&outcome),
        outcome,
        duration: Duration::from_millis(72_400),
        tail: tail.into(),
        log: None,
        change_request: None,
        notes: Vec::new(),
        kept: Kept::default(),
        left_behind: 0,
    }
}

fn steps(outcome: &Outcome) -> Vec<StepReport> {
    let second = match outcome {
        Outcome::Done => StepOutcome::Done,
        Outcome::Failed(_) => StepOutcome::Failed,
        Outcome::Stopped(_) => StepOutcome::NotReached,
    };
    let outcomes = [("./prepare.sh", StepOutcome::Done), ("./scripts/fix.sh", second), ("tidy", StepOutcome::Skipped)];
    let step =
        |(title, outcome): (&str, _)| StepReport { title: title.to_owned(), outcome, duration: Duration::from_secs(2) };
    outcomes.into_iter().map(step).collect()
}

fn stopped(cause: Cause, by: Option<&str>) -> Outcome {
    Outcome::Stopped(StopReason::Withdrawn(Withdrawal::new(cause, by)))
}

fn failed(cause: FailureCause) -> Outcome {
    Outcome::Failed(Failure { step: Some((1, "./scripts/fix.sh".into())), cause })
}

#[test]
fn a_failure_says_everything_a_person_needs() {
    let text = comment(&report(failed(FailureCause::Exit(3)), "one\ntwo\n"));
    assert_eq!(
        text,
        "agent-smith ran pipeline `fix-bug`: **failed** after 1 min 12 s.\n\n\
         Step 2 of 3 (`./scripts/fix.sh`) exited with code 3.\n\n\
         1. `./prepare.sh`: done after 2 s\n\
         2. `./scripts/fix.sh`: **failed** after 2 s\n\
         3. `tidy`: skipped\n\n\
         <details>\n<summary>Last lines of the output</summary>\n\n```text\none\ntwo\n```\n\n</details>\n\n\
         Remove the label `agent-smith:failed`, or comment `/agent-smith retry`, to ask for another run.\n\n\
         Host `box-1`, attempt 2 of at most 3, run `0190-run`."
    );
}

#[test]
fn every_cause_and_reason_reads_as_a_sentence() {
    let cases = [
        (failed(FailureCause::Exit(137)), "exited with code 137, which shells use for a program ended by signal 9."),
        (failed(FailureCause::Signal(15)), "was ended by signal 15."),
        (
            failed(FailureCause::Timeout(Duration::from_secs(3600))),
            "was ended because the time for the whole run (1 h 0 min) was over.",
        ),
        (
            failed(FailureCause::StepTimeout(Duration::from_secs(60))),
            "was ended because its time (1 min 0 s) was over.",
        ),
        (failed(FailureCause::NotStarted("no `sh`".into())), "could not be started: `` no `sh` ``"),
        (failed(FailureCause::SupervisorLost), "killed the process that watches it"),
        (stopped(Cause::TicketClosed, None), "Stopped because the ticket was closed.\n\n1. `./prepare.sh`: done"),
        (stopped(Cause::Cancelled, Some("ann`@all")), "Stopped because it was cancelled by ``ann`@all``.\n\n1."),
        (stopped(Cause::TicketClosed, None), "The last step printed nothing.\n\nReopen the ticket to ask for"),
        (stopped(Cause::Cancelled, Some("ann`@all")), "The last step printed nothing.\n\nComment `/agent-smith run`"),
    ];
    for (outcome, expected) in cases {
        let text = comment(&report(outcome.clone(), ""));
        assert!(text.contains(expected), "{outcome:?}: {text}");
        assert!(text.contains("step printed nothing."), "{text}");
    }
    let cancelled = cancelled_unfinished("x", &Withdrawal::new(Cause::Cancelled, Some("ann")), WITH_COMMANDS);
    assert!(cancelled.contains("**cancelled**. The run broke off"), "{cancelled}");
    assert!(cancelled.contains("because it was cancelled by `ann`.\n\nComment `/agent-smith run`"), "{cancelled}");
    for ways in [Ways::default(), WITH_COMMANDS] {
        for text in [gave_up("x", 3, ways), not_retried("x", 1, ways), unknown_pipeline("x", ways)] {
            assert!(text.contains("**failed**") && text.contains("`agent-smith:failed`"), "{text}");
            assert_eq!(text.contains("/agent-smith retry"), ways.commands, "{text}");
        }
    }
}

#[test]
fn the_verdict_of_an_interrupted_run_is_open() {
    let verdict = |outcome| report(outcome, "").verdict();
    assert_eq!(verdict(Outcome::Done), Some(Verdict::Done));
    assert_eq!(verdict(failed(FailureCause::Exit(1))), Some(Verdict::Failed));
    assert_eq!(verdict(stopped(Cause::TicketClosed, None)), Some(Verdict::Cancelled));
    assert_eq!(verdict(Outcome::Stopped(StopReason::ShuttingDown)), None);
}

#[test]
fn secrets_are_masked_also_in_commands_and_short_ones_are_ignored() {
    let outcome = Outcome::Failed(Failure {
        step: Some((0, "curl -H tok-12345-long".into())),
        cause: FailureCause::NotStarted("tok-12345".into()),
    });
    let mask = Mask::new(["tok-12345", "tok-12345-long", "", "a"]);
    let text = super::comment(&report(outcome, "a tok-12345-long b tok-12345 c"), &mask, Ways::default());
    assert!(!text.contains("12345"), "{text}");
    assert!(text.contains("a [masked] b [masked] c"), "{text}");
}

#[test]
fn only_the_last_lines_are_shown_and_long_ones_are_cut() {
    let many: String = (0..100).map(|number| format!("line {number}\n")).collect();
    let text = comment(&report(Outcome::Done, &many));
    assert!(!text.contains("line 59\n") && text.contains("```text\nline 60\n") && text.contains("line 99\n```"));
    let long = format!("begin{}end", "x".repeat(20_000));
    let text = comment(&report(Outcome::Done, &long));
    let left_out = long.len() - TAIL_CHARS;
    assert!(text.contains("begin") && text.contains("end\n```"));
    assert!(text.contains(&format!("[... {left_out} characters left out ...]")));
}

#[test]
fn durations_are_for_people() {
    let cases = [(400, "0.4 s"), (2000, "2 s"), (59_900, "59 s"), (185_000, "3 min 5 s"), (7_200_000, "2 h 0 min")];
    for (millis, expected) in cases {
        assert_eq!(duration_in_words(Duration::from_millis(millis)), expected);
    }
}

#[test]
fn the_worst_output_stays_within_the_bound() {
    let text = comment(&report(failed(FailureCause::Exit(1)), &"`".repeat(40_000)));
    assert!(text.chars().count() < MAX_CHARS, "{}", text.len());
    assert!(text.ends_with("run `0190-run`."));
}

proptest! {
    /// Whatever is printed, the fence that opens it closes right after it and nowhere before.
    #[test]
    fn output_cannot_leave_its_fence(tail in "(`{0,6}|@all|\n/close|\n</details>\n|\n<details>\n<summary>x</summary>\n|\n~~~|\n```\n|<!--|[a-z ]{0,3}|\n){0,30}") {
        let text = comment(&report(Outcome::Done, &tail));
        let shown = shown_tail(&tail);
        if shown.is_empty() {
            prop_assert!(!text.contains("```"));
            return Ok(());
        }
        let lines: Vec<&str> = text.lines().collect();
        let opens = lines.iter().position(|line| line.starts_with("```")).unwrap();
        let ticks = lines[opens].trim_end_matches("text");
        // The rule of CommonMark: only backticks, at least as many, indented by three at most.
        let closes = |line: &&str| {
            let line = line.trim();
            line.len() >= ticks.len() && line.chars().all(|c| c == '`')
        };
        let close = opens + 1 + lines[opens + 1..].iter().position(closes).unwrap();
        let inside = lines[opens + 1..close].join("\n");
        prop_assert_eq!(inside, shown);
        let outside = [&lines[..opens], &lines[close + 1..]].concat().join("\n");
        prop_assert!(!outside.contains('@') && !outside.contains("/close"));
        // The fold is ours, begins right before the fence and ends right after it.
        prop_assert_eq!(lines[opens - 3..opens].join("\n"), "<details>\n<summary>Last lines of the output</summary>\n");
        prop_assert_eq!(lines[close + 1..close + 3].join("\n"), "\n</details>");
        prop_assert_eq!(outside.matches("details>").count(), 2);
    }

    /// The same for names and commands in a line.
    #[test]
    fn a_name_cannot_leave_its_code_span(name in "[`@/a \n]{0,20}") {
        let span = code_span(&name);
        let ticks = span.len() - span.trim_start_matches('`').len();
        let inner = &span[ticks..span.len() - ticks];
        prop_assert!(span.ends_with(&"`".repeat(ticks)));
        prop_assert!(longest_run(inner) != ticks && !inner.contains('\n'));
        prop_assert!(!inner.starts_with('`') && !inner.ends_with('`'));
    }
}

#[test]
fn a_note_is_told_beside_the_result_and_hides_what_is_secret() {
    let mut done = report(Outcome::Done, "");
    done.notes = vec![not_moved("Done", "no `way` s3cr3t @all"); MOST_NOTES + 1];
    let text = super::comment(&done, &Mask::new(["s3cr3t"]), Ways::default());
    let note = "The ticket could not be moved to `Done`: ``no `way` [masked] @all``";
    assert_eq!(text.matches(note).count(), MOST_NOTES, "{text}");
}
