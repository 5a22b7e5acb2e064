//! A record stays within its bounds and says what became of a run.

use super::*;
use crate::ticket::PlatformKind;

fn attempt(number: u32, epoch: u64, state: RunState) -> AttemptRecord {
    AttemptRecord {
        attempt: number,
        epoch,
        host: "box".to_owned(),
        state,
        reason: String::new(),
        started_utc: at_millis(u64::from(number)),
        ended_utc: None,
        steps: Vec::new(),
        steps_left_out: 0,
        log: None,
        workspace: None,
    }
}

fn record() -> RunRecord {
    let key = TicketKey::new(PlatformKind::GitHub, "api", "7");
    RunRecord::of_job(&Job::new(key, "fix-bug", AskedBy::TriggerLabel), at_millis(1))
}

fn note(attempt: AttemptRecord) -> RunNote {
    RunNote { title: "t".to_owned(), url: "u".to_owned(), change_request: None, attempt }
}

#[test]
fn an_attempt_that_nobody_works_on_has_broken_off() {
    let mut record = record();
    record.note(note(attempt(1, 10, RunState::Running)));
    let states = |record: &RunRecord| record.attempts.iter().map(|one| one.state).collect::<Vec<_>>();
    let live = |state, epoch| Some(LiveRun { state, epoch, stop_asked: None });

    let running = record.clone().settled(live(JobState::Running, 10).as_ref());
    assert_eq!((running.state, states(&running)), (RunState::Running, vec![RunState::Running]));
    let waits = record.clone().settled(live(JobState::Queued, 10).as_ref());
    assert_eq!((waits.state, states(&waits)), (RunState::Queued, vec![RunState::BrokenOff]));
    let gone = record.clone().settled(None);
    assert_eq!((gone.state, states(&gone)), (RunState::BrokenOff, vec![RunState::BrokenOff]));

    record.note(note(attempt(2, 11, RunState::Running)));
    let again = record.settled(live(JobState::Running, 11).as_ref());
    assert_eq!(states(&again), [RunState::BrokenOff, RunState::Running]);
}

#[test]
fn a_result_stands_and_takes_its_reason_from_the_last_attempt() {
    let mut record = record();
    let failed = AttemptRecord { reason: "step 1 exited with code 3".to_owned(), ..attempt(1, 5, RunState::Failed) };
    record.note(note(failed));
    record.state = RunState::Failed;
    let settled = record.settled(None);
    assert_eq!((settled.state, settled.reason.as_str()), (RunState::Failed, "step 1 exited with code 3"));
}

#[test]
fn a_record_stays_within_its_bounds_whatever_it_is_given() {
    let step = StepRecord {
        title: "\"\\ü\n".repeat(4_000),
        state: StepState::Done,
        started_utc: Some(at_millis(1)),
        duration_ms: u64::MAX,
        exit_code: Some(i32::MIN),
    };
    let mut record = record();
    for number in 1..=9 {
        let mut attempt = attempt(number, u64::MAX, RunState::Failed);
        (attempt.reason, attempt.host) = ("\u{7}\"".repeat(9_000), "h".repeat(9_000));
        (attempt.log, attempt.workspace) = (Some("/".repeat(9_000)), Some("/".repeat(9_000)));
        attempt.steps = vec![step.clone(); 300];
        attempt.steps[299].title = "the last".to_owned();
        let title = "ü".repeat(9_000);
        record.note(RunNote { title, url: "u".repeat(9_000), change_request: None, attempt }.bounded());
    }
    assert_eq!(record.attempts.iter().map(|one| one.attempt).collect::<Vec<_>>(), [6, 7, 8, 9]);
    let last = record.attempts.last().map(|one| (one.steps.len() + one.steps_left_out, one.steps.last()));
    assert!(matches!(last, Some((300, Some(step))) if step.title == "the last"), "{last:?}");
    let bytes = serde_json::to_vec(&record).map(|json| json.len());
    assert!(bytes.as_ref().is_ok_and(|bytes| *bytes <= MAX_RECORD_BYTES), "{bytes:?}");
}
