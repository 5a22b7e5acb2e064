//! What a ticket is told about its run, in Markdown: here the result, in [`live`] what comes before it.
//!
//! Pure. Who calls: the consumer, for the comment that goes with the result. What must stay true: whatever a step
//! printed is inert on every platform: it stands in a code fence longer than any run of backticks in it, so that no
//! mention, quick action, link or markup of it takes effect; a known secret never appears; the text stays below
//! [`MAX_CHARS`]. Converters to other formats must honour fences and code spans of more than the usual backticks.

use super::capture::readable;
use super::mask::Mask;
use super::outcome::{
    ChangeRequestLink, FailureCause, Kept, Outcome, RunReport, StepOutcome, StepReport, StopReason, cause_in_words,
    duration_in_words,
};
use crate::job::{Cause, Withdrawal};
use crate::lifecycle::Lifecycle;

pub mod live;

/// Upper bound of a comment. GitHub takes 65,536 characters, Jira 32,767 per text node, the others more.
pub const MAX_CHARS: usize = 60_000;
/// Lines of output shown. One screen.
const TAIL_LINES: usize = 40;
/// Characters of output shown, for lines that are long. Three times this, for two fences of nothing but backticks,
/// is far below [`MAX_CHARS`].
const TAIL_CHARS: usize = 8 * 1024;
/// Characters of any other text that is not ours: the first line of a command, a name, an error.
const INLINE_CHARS: usize = 300;
/// Characters of a step's title in the list of steps. A hundred, the most that a pipeline has, of three times this, for
/// titles of nothing but backticks, are half of [`MAX_CHARS`].
const TITLE_CHARS: usize = 80;
/// Notes shown. A pipeline has a status or two.
const MOST_NOTES: usize = 5;

/// How people reach us on a tracker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// Commands in comments are heard, because webhooks arrive.
    pub commands: bool,
}

/// The comment for a run that has ended. What `mask` knows is masked wherever it appears in foreign text.
pub fn comment(report: &RunReport, mask: &Mask, ways: Ways) -> String {
    let span = |text: &str| code_span(&mask.apply(&readable(text)));
    let word = match report.outcome {
        Outcome::Done => "done",
        Outcome::Failed(_) => "failed",
        Outcome::Stopped(_) => "cancelled",
    };
    let mut parts = vec![format!(
        "agent-smith ran pipeline {}: **{word}** after {}.",
        span(&report.pipeline),
        duration_in_words(report.duration)
    )];
    match &report.outcome {
        Outcome::Done => {}
        Outcome::Stopped(StopReason::Withdrawn(withdrawal)) => {
            parts.push(format!("Stopped because {}.", withdrawal.in_words(span)));
        }
        Outcome::Stopped(reason) => parts.push(format!("Stopped because {reason}.")),
        Outcome::Failed(failure) => {
            let place = match &failure.step {
                Some((index, line)) => format!("Step {} of {} ({})", index + 1, report.steps.len(), span(line)),
                None => "The run".to_owned(),
            };
            parts.push(match &failure.cause {
                FailureCause::NotStarted(why) => format!("{place} could not be started: {}", span(why)),
                FailureCause::Refused(why) => format!("{place} could not be done: {}", span(why)),
                cause => format!("{place} {}.", cause_in_words(cause)),
            });
        }
    }
    if let Some(ChangeRequestLink { url, number }) = &report.change_request {
        parts.push(format!("Change request {number}: <{}>", plain_url(&mask.apply(url))));
    }
    parts.extend(report.notes.iter().take(MOST_NOTES).map(|note| mask.apply(note)));
    parts.extend(kept(&report.kept, span));
    if report.steps.len() > 1 {
        parts.push(step_list(&report.steps, span));
    }
    if report.left_behind > 0 {
        let count = report.left_behind;
        parts.push(format!("**{count} of its processes could not be ended** and may still run on the host."));
    }
    let tail = shown_tail(&mask.apply(&report.tail));
    if tail.is_empty() {
        parts.push(format!("{} printed nothing.", whose_tail(report)));
    } else {
        parts.push(folded("Last lines of the output", &fence(&tail)));
    }
    match &report.outcome {
        Outcome::Failed(_) => parts.push(how_to_ask_again(ways)),
        Outcome::Stopped(StopReason::Withdrawn(withdrawal)) => {
            parts.push(after_withdrawal(withdrawal, ways).to_owned())
        }
        Outcome::Done | Outcome::Stopped(_) => {}
    }
    let (host, run) = (span(&report.host), span(&report.run_id));
    parts.push(format!("Host {host}, attempt {} of at most {}, run {run}.", report.attempt, report.attempts));
    bounded(parts.join("\n\n"))
}

/// Where a person finds what is left of a run.
fn kept(kept: &Kept, span: impl Fn(&str) -> String) -> Option<String> {
    let branch = kept.branch.as_ref().map(|branch| format!("Its unfinished work is on branch {}.", span(branch)));
    let workspace = kept
        .workspace
        .as_ref()
        .map(|path| format!("Its workspace is kept on the host, in {}.", span(&path.display().to_string())));
    let told: Vec<String> = branch.into_iter().chain(workspace).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

/// One line for each step.
fn step_list(steps: &[StepReport], span: impl Fn(&str) -> String) -> String {
    let lines = steps.iter().enumerate().map(|(index, step)| {
        let how = match &step.outcome {
            StepOutcome::Done => format!("done after {}", duration_in_words(step.duration)),
            StepOutcome::Failed => format!("**failed** after {}", duration_in_words(step.duration)),
            StepOutcome::Tolerated => {
                format!("failed after {}, which the pipeline tolerates", duration_in_words(step.duration))
            }
            StepOutcome::Skipped => "skipped".to_owned(),
            StepOutcome::NotReached => "not reached".to_owned(),
        };
        format!("{}. {}: {how}", index + 1, span(&cut_middle(&step.title, TITLE_CHARS)))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// An address as a platform gave it, with nothing in it that could end the link.
pub(super) fn plain_url(url: &str) -> String {
    url.chars().filter(|c| c.is_ascii_graphic() && !"<>`\"\\".contains(*c)).take(INLINE_CHARS).collect()
}

/// The note for a ticket that is not where it was to be moved.
pub fn not_moved(status: &str, why: &str) -> String {
    format!("The ticket could not be moved to {}: {}", inline_code(status), inline_code(why))
}

fn whose_tail(report: &RunReport) -> &'static str {
    if matches!(report.outcome, Outcome::Failed(_)) { "The step" } else { "The last step" }
}

/// The comment for a ticket whose runs broke off `attempts` times without a result.
pub fn gave_up(pipeline: &str, attempts: u32, ways: Ways) -> String {
    let said = format!(
        "agent-smith gave up on pipeline {}: **failed**. The run broke off {attempts} times without a result, \
         most likely because the machine or the agent-smith process that ran it died.",
        code_span(pipeline)
    );
    ours(&said, ways)
}

/// The comment for a run that broke off once and whose pipeline says `retry: never`.
pub fn not_retried(pipeline: &str, attempt: u32, ways: Ways) -> String {
    let said = format!(
        "agent-smith did not repeat pipeline {}: **failed**. Attempt {attempt} broke off without a result, and the \
         pipeline says `retry: never`. Check what the attempt has already done.",
        code_span(pipeline)
    );
    ours(&said, ways)
}

/// The comment for a run that its pipeline's budget does not let begin; `why` is a clause of ours.
pub fn not_begun(pipeline: &str, why: &str, ways: Ways) -> String {
    ours(&format!("agent-smith did not begin pipeline {}: **failed**, because {why}.", code_span(pipeline)), ways)
}

/// What is added to the comment of a run that failed and whose pipeline's budget does not let it begin again.
pub fn not_begun_again(why: &str) -> String {
    format!("It is not begun again, because {why}.")
}

/// The comment for a job whose pipeline the configuration does not know.
pub fn unknown_pipeline(pipeline: &str, ways: Ways) -> String {
    let said = format!(
        "agent-smith does not know pipeline {}: **failed**. Nothing was run. Add it under `pipelines` in \
         `agentsmith.yml`, or correct the name where the project refers to it.",
        code_span(pipeline)
    );
    ours(&said, ways)
}

/// The comment for a job whose request was taken back while it ran, and whose process ended before it could say so.
pub fn cancelled_unfinished(pipeline: &str, withdrawal: &Withdrawal, ways: Ways) -> String {
    let span = |text: &str| code_span(&readable(text));
    bounded(format!(
        "agent-smith ran pipeline {}: **cancelled**. The run broke off without a result, and it is not repeated \
         because {}.\n\n{}",
        code_span(pipeline),
        withdrawal.in_words(span),
        after_withdrawal(withdrawal, ways)
    ))
}

/// How to ask again for a run that was taken back.
fn after_withdrawal(withdrawal: &Withdrawal, ways: Ways) -> &'static str {
    match withdrawal.cause {
        Cause::TicketClosed => "Reopen the ticket to ask for another run.",
        Cause::TriggerRemoved => "Add a trigger label to ask for another run.",
        Cause::TicketGone => "Nothing more is done for it.",
        Cause::Cancelled if !ways.commands => "Add the label `agent-smith:pending` to ask for another run.",
        Cause::Cancelled => {
            "Comment `/agent-smith run`, or add the label `agent-smith:pending`, to ask for another run."
        }
    }
}

fn ours(text: &str, ways: Ways) -> String {
    bounded(format!("{text}\n\n{}", how_to_ask_again(ways)))
}

fn how_to_ask_again(ways: Ways) -> String {
    let command = if ways.commands { ", or comment `/agent-smith retry`," } else { "" };
    format!("Remove the label `{}`{command} to ask for another run.", Lifecycle::Failed)
}

/// Folded away below a title of ours, where the platform can. The empty lines make what is inside Markdown again.
fn folded(title: &str, inside: &str) -> String {
    format!("<details>\n<summary>{title}</summary>\n\n{inside}\n\n</details>")
}

/// The last lines, without blank ones around them, cut in the middle when they are long.
fn shown_tail(text: &str) -> String {
    let text = text.trim_end();
    let start = text.rmatch_indices('\n').nth(TAIL_LINES - 1).map_or(0, |(at, _)| at + 1);
    cut_middle(text[start..].trim_start_matches('\n'), TAIL_CHARS)
}

/// Takes out the middle of a text that has more than `limit` characters, and says how much that was.
fn cut_middle(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit {
        return text.to_owned();
    }
    // A third of the beginning, two thirds of the end: errors are told last.
    let (head, tail) = (limit / 3, limit - limit / 3);
    let begin: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{begin}[... {} characters left out ...]{end}", count - limit)
}

/// A fenced block that its content cannot end.
fn fence(content: &str) -> String {
    let fence = "`".repeat(longest_run(content).max(2) + 1);
    format!("{fence}text\n{content}\n{fence}")
}

/// Foreign text in a line of a comment: a code span that its content cannot end.
pub fn inline_code(text: &str) -> String {
    code_span(&readable(text))
}

/// A code span that its content cannot end; one line.
fn code_span(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = cut_middle(if line.is_empty() { "(empty)" } else { &line }, INLINE_CHARS);
    let ticks = "`".repeat(longest_run(&line) + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{line}{pad}{ticks}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A last guard: every part has its own bound and their sum is below this one.
pub(super) fn bounded(text: String) -> String {
    if text.chars().count() < MAX_CHARS { text } else { cut_middle(&text, MAX_CHARS - 100) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
