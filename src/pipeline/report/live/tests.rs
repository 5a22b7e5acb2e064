//! What is said before the result, and that nothing in it takes effect.

use proptest::prelude::*;

use super::*;
use crate::job::Cause;
use crate::ticket::{PlatformKind, TicketKey};

const WITH_COMMANDS: Ways = Ways { commands: true };

fn job(asked_by: AskedBy) -> Job {
    let job = Job::new(TicketKey::new(PlatformKind::GitHub, "api", "7"), "fix-bug", asked_by);
    // The example of RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC.
    Job { run_id: "017F22E2-79B0-7CC3-98C4-DC0C0C07398F".into(), ..job }
}

fn running<'a>(job: &'a Job, host: &'a str) -> Running<'a> {
    Running { job, steps: 3, attempt: (2, 3), host, started: now() - Duration::from_secs(185), ways: WITH_COMMANDS }
}

fn step(title: &str, state: StepState) -> StepRecord {
    StepRecord { title: title.to_owned(), state, started_utc: None, duration_ms: 2_000, exit_code: None }
}

#[test]
fn a_run_tells_its_step_its_age_and_how_to_end_it() {
    let job = job(AskedBy::TriggerLabel);
    let steps = vec![step("./prepare.sh", StepState::Done), step("./fix.sh", StepState::Running)];
    let text = running(&job, "box-1").comment(&Progress {
        steps,
        change_request: Some("https://h/x/1".into()),
        workspace: None,
    });
    for told in [
        "agent-smith runs pipeline `fix-bug`: **step 2 of 3** (`./fix.sh`).\n\nStarted 20",
        " UTC, 3 min 5 s ago at ",
        "Change request: <https://h/x/1>\n\n1. `./prepare.sh`: done after 2 s\n2. `./fix.sh`: **running**\n\n",
        "To cancel it, comment `/agent-smith cancel`, remove the trigger label or close the ticket.",
        "Host `box-1`, attempt 2 of at most 3, run `017F22E2",
    ] {
        assert!(text.contains(told), "{told} is missing: {text}");
    }
    let text = running(&job, "b").comment(&Progress::default());
    assert!(text.contains("`fix-bug`: **preparing**."), "{text}");
    let steps = vec![step("a", StepState::Skipped)];
    let text = running(&job, "b").comment(&Progress { steps, change_request: None, workspace: None });
    assert!(text.contains("**1 of 3 steps** are over") && text.contains("1. `a`: skipped"), "{text}");
}

#[test]
fn what_waits_tells_its_place_and_since_when() {
    let text = queued(&job(AskedBy::Comment), (2, 7), Ways::default());
    assert!(
        text.starts_with(
            "agent-smith queued pipeline `fix-bug`: **position 2 of 7** in project `api`.\n\n\
             Claimed 2022-02-22 19:22:22 UTC.\n\nTo cancel it, close the ticket."
        ),
        "{text}"
    );
}

#[test]
fn what_is_tried_again_or_dropped_says_why() {
    let job = job(AskedBy::TriggerLabel);
    let text = running(&job, "box").failed("step 2 exited with code 1", Duration::from_secs(90));
    assert!(text.contains("**failed, tried again** at 20") && text.contains(", in 1 min 30 s."), "{text}");
    assert!(text.contains("Attempt 2 of at most 3: `step 2 exited with code 1`."), "{text}");
    assert!(running(&job, "box").put_back().contains("`fix-bug` again: the server that ran it was stopped."));
    let by = |cause| Withdrawal::new(cause, Some("ann`@all"));
    let text = cancelled_unrun(&job, &by(Cause::Cancelled), WITH_COMMANDS);
    assert!(
        text.contains("**cancelled**, because it was cancelled by ``ann`@all``.\n\nComment `/agent-smith"),
        "{text}"
    );
    let text = cancelled_unrun(&job, &by(Cause::Cancelled), Ways::default());
    assert!(text.contains("\n\nAdd the label `agent-smith:pending`"), "{text}");
    let text = dropped_unrun(&job, "the ticket was reset");
    assert!(text.contains("**dropped**, because `the ticket was reset`."), "{text}");
}

#[test]
fn a_run_that_was_just_claimed_has_no_comment_yet() {
    let pace = Pace::default();
    let now = uuid::Uuid::now_v7().to_string();
    assert!(!pace.may_have_comment(&now, Duration::ZERO) && !pace.may_have_comment(&now, Duration::from_secs(4)));
    assert!(pace.may_have_comment(&now, Duration::from_secs(5)), "the store knows better");
    assert!(pace.may_have_comment(&job(AskedBy::TriggerLabel).run_id, Duration::ZERO));
    assert!(!pace.may_have_comment("no uuid", Duration::ZERO));
    assert!(claimed_ago("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") > Duration::from_secs(86_400));
}

proptest! {
    /// Whatever a step, a host or a pipeline is called, nothing of it stands outside a code span, and no line begins
    /// with an order.
    #[test]
    fn foreign_words_stay_in_their_spans(name in "(`{1,4}|@all|\n/close|</details>|<!--|#7|[a-z ]{0,3}){0,12}") {
        let job = Job { pipeline: name.clone(), ..job(AskedBy::TriggerLabel) };
        let steps = vec![step(&name, StepState::Done), step(&name, StepState::Running)];
        let run = running(&job, &name);
        let texts = [
            run.comment(&Progress { steps, change_request: None, workspace: None }),
            run.failed(&name, Duration::ZERO),
            queued(&job, (1, 1), WITH_COMMANDS),
            cancelled_unrun(&job, &Withdrawal::new(Cause::Cancelled, Some(&name)), WITH_COMMANDS),
            dropped_unrun(&job, &name),
        ];
        for text in texts {
            prop_assert!(text.lines().all(|line| !line.starts_with('/')), "{}", text);
            let outside = outside_code(&text);
            prop_assert!(!outside.contains(['@', '<']) && !outside.contains("/close") && !outside.contains("#7"), "{}", text);
        }
    }
}

/// The text without its code spans, by the rule of CommonMark: a run of backticks is ended by the next of its length.
fn outside_code(text: &str) -> String {
    let (mut outside, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('`') {
        outside.push_str(&rest[..at]);
        let after = rest[at..].trim_start_matches('`');
        let ticks = rest.len() - at - after.len();
        let mut from = 0;
        let end = loop {
            let Some(found) = after[from..].find('`') else { break None };
            let start = from + found;
            let length = after[start..].len() - after[start..].trim_start_matches('`').len();
            if length == ticks {
                break Some(start + length);
            }
            from = start + length;
        };
        rest = end.map_or(after, |end| &after[end..]);
    }
    outside + rest
}
