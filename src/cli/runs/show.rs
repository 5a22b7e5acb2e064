//! One run in full: where it stands, its attempts, their steps.

use std::time::Duration;

use super::table::{paint, took, when};
use crate::claim::duration_in_words;
use crate::cli::output::{Output, shortened, takes_colour};
use crate::config::Env;
use crate::job::AskedBy;
use crate::run_record::{AttemptRecord, RunRecord, RunState, StepRecord, StepState};

/// Characters of somebody else's line.
const LINE: usize = 200;

/// Prints it.
pub(super) fn print(out: &mut Output, run: &RunRecord, env: &Env) {
    let colour = takes_colour(&std::io::stdout(), env);
    let word = |state: RunState| if colour { paint(state, state.as_str()) } else { state.as_str().to_owned() };
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            out.line(format_args!("{name:<15} {value}"));
        }
    };
    line("run", shortened(&run.run_id, LINE));
    let ticket = format!("{}#{}", shortened(&run.key.project, LINE), shortened(&run.key.ticket, LINE));
    line("ticket", format!("{ticket}  {}", shortened(&run.title, LINE)).trim_end().to_owned());
    line("page", shortened(&run.url, LINE));
    line("pipeline", format!("{}, {}", shortened(&run.pipeline, LINE), asked(run.asked_by)));
    line("state", with_reason(&word(run.state), &run.reason));
    line("queued", format!("{} UTC", when(run.queued_utc)));
    let waited = run.started_utc.map(|started| took(Some(run.queued_utc), Some(started)));
    let started = run.started_utc.map(|started| format!("{} UTC", when(started)));
    line("started", started.zip(waited).map_or(String::new(), |(at, waited)| format!("{at}, after {waited}")));
    let ended = run.ended_utc.map(|ended| format!("{} UTC", when(ended))).unwrap_or_default();
    line(
        "ended",
        if run.started_utc.is_some() && !ended.is_empty() {
            format!("{ended}, after {}", took(run.started_utc, run.ended_utc))
        } else {
            ended
        },
    );
    line("change request", shortened(run.change_request.as_deref().unwrap_or_default(), LINE));
    for attempt in &run.attempts {
        print_attempt(out, attempt, &word(attempt.state));
    }
}

fn print_attempt(out: &mut Output, attempt: &AttemptRecord, state: &str) {
    out.line("");
    let number = format!("attempt {}", attempt.attempt);
    out.line(format_args!("{number:<15} {}", with_reason(state, &attempt.reason)));
    let over = match (attempt.state, attempt.ended_utc) {
        (RunState::Running, _) => format!(", {} so far", took(Some(attempt.started_utc), None)),
        (_, Some(ended)) => format!(", {}", took(Some(attempt.started_utc), Some(ended))),
        // Nobody was left to say when it ended.
        (_, None) => String::new(),
    };
    let (host, started) = (shortened(&attempt.host, LINE), when(attempt.started_utc));
    out.line(format_args!("  on {host} since {started} UTC{over}; epoch {}", attempt.epoch));
    for (at, step) in attempt.steps.iter().enumerate() {
        out.line(format_args!("  {}", step_in_words(at + 1, step)));
    }
    if attempt.steps_left_out > 0 {
        out.line(format_args!("  {} steps between them are not recorded", attempt.steps_left_out));
    }
    if let Some(log) = &attempt.log {
        out.line(format_args!("  log {}", shortened(log, 2 * LINE)));
    }
    if let Some(workspace) = &attempt.workspace {
        out.line(format_args!("  workspace kept in {}", shortened(workspace, 2 * LINE)));
    }
}

fn step_in_words(number: usize, step: &StepRecord) -> String {
    let duration = match step.state {
        StepState::Running | StepState::Skipped | StepState::NotReached => String::new(),
        StepState::Done | StepState::Failed | StepState::Tolerated => {
            duration_in_words(Duration::from_millis(step.duration_ms))
        }
    };
    let code = step.exit_code.filter(|code| *code != 0).map_or(String::new(), |code| format!("  (exit code {code})"));
    format!("{number:>3}  {:<11} {duration:>9}  {}{code}", step.state.as_str(), shortened(&step.title, LINE))
}

fn with_reason(state: &str, reason: &str) -> String {
    match reason {
        "" => state.to_owned(),
        reason => format!("{state}: {}", shortened(reason, LINE)),
    }
}

fn asked(by: AskedBy) -> &'static str {
    match by {
        AskedBy::TriggerLabel => "asked for by a trigger label",
        AskedBy::PendingLabel => "asked for by agent-smith:pending",
        AskedBy::Assignment => "asked for by its assignment",
        AskedBy::Comment => "asked for in a comment",
        AskedBy::Operator => "asked for by an operator",
    }
}
