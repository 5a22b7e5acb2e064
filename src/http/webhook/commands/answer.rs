//! What is said to somebody who gave a command: short, in Markdown.
//!
//! Pure. What must stay true: no line begins with a command, so that no answer is one; whatever others wrote stands in
//! code spans.

use crate::claim::{Rejection, duration_in_words, inline_code};
use crate::job::{JobState, Verdict};
use crate::store::{JobView, LastRun};

/// Names that are listed; more would not be read.
const MOST_NAMES: usize = 20;

const HELP: &str = "Known are `/agent-smith run [pipeline]`, `/agent-smith cancel`, `/agent-smith retry` and \
                    `/agent-smith status`, each at the start of a line.";
/// Added when there were several commands.
pub(super) const FIRST_ONLY: &str = "Only the first command of a comment counts.";
/// How to ask again after a cancel.
pub(super) const ASK_AGAIN: &str = "To run it, comment `/agent-smith run`, or add the label `agent-smith:pending`.";

pub(super) fn unknown(written: &str) -> String {
    match written {
        "" | "help" => HELP.to_owned(),
        other => format!("{} is not a command. {HELP}", inline_code(other)),
    }
}

pub(super) fn unknown_pipeline<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> String {
    let mut names: Vec<String> = known.take(MOST_NAMES + 1).map(|name| inline_code(name)).collect();
    if names.len() > MOST_NAMES {
        names[MOST_NAMES] = "…".to_owned();
    }
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("There is no pipeline {}. Known: {known}.", inline_code(name))
}

pub(super) fn queued(pipeline: &str) -> String {
    format!("Queued for pipeline {}.", inline_code(pipeline))
}

pub(super) fn not_started(why: &str) -> String {
    format!("Nothing was started: {}.", inline_code(why))
}

pub(super) fn rejected(rejection: &Rejection) -> String {
    not_started(&rejection.to_string())
}

pub(super) fn over(verdict: Verdict) -> String {
    format!("It is over already: **{}**.", word(verdict))
}

/// How it stands.
pub(super) fn status(job: Option<&JobView>, last: Option<&LastRun>, shown: Option<Verdict>) -> String {
    let last = last.map(|last| {
        let (ago, pipeline) = (duration_in_words(whole_seconds(last.ended)), inline_code(&last.pipeline));
        format!("The last run, of pipeline {pipeline}, ended **{}** {ago} ago.", word(last.verdict))
    });
    let Some(job) = job else {
        let shown = shown.map(|verdict| format!("The last run ended **{}**.", word(verdict)));
        return last.or(shown).unwrap_or_else(|| "Nothing of this ticket waits, runs or ran lately.".to_owned());
    };
    let (pipeline, since) = (inline_code(&job.job.pipeline), duration_in_words(whole_seconds(job.since)));
    let mut text = match (job.state, job.ahead) {
        (JobState::Claiming, _) => format!("It is just being claimed for pipeline {pipeline}."),
        (JobState::Queued, Some(0)) => format!("It waits for pipeline {pipeline} since {since}, next of its project."),
        (JobState::Queued, Some(ahead)) => {
            format!("It waits for pipeline {pipeline} since {since}, behind {ahead} others of its project.")
        }
        (JobState::Queued, None) => format!("It waits to be tried again, for pipeline {pipeline} since {since}."),
        (JobState::Running, _) => {
            let consumer = inline_code(job.consumer.as_deref().unwrap_or("unknown"));
            format!("Pipeline {pipeline} **runs** for {since} on {consumer}, attempt {}.", job.attempt)
        }
    };
    if job.stop_asked.is_some() {
        text.push_str(" It was asked to stop.");
    }
    last.map_or_else(|| text.clone(), |last| format!("{text}\n\n{last}"))
}

fn whole_seconds(duration: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(duration.as_secs())
}

pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Failed => "failed",
        Verdict::Cancelled => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::webhook::commands::listen;
    use crate::job::{AskedBy, Cause, Job, Withdrawal};
    use crate::store::UnderWay;
    use crate::ticket::{PlatformKind, TicketKey};

    fn view(state: JobState, ahead: Option<u64>) -> JobView {
        let key = TicketKey::new(PlatformKind::GitHub, "p", "1");
        JobView {
            job: Job::new(key, "fix-bug", AskedBy::Comment),
            state,
            since: Duration::from_millis(185_400),
            ahead,
            beside: UnderWay::default(),
            attempt: 2,
            consumer: (state == JobState::Running).then(|| "box-1-77".to_owned()),
            stop_asked: None,
        }
    }

    #[test]
    fn a_status_says_what_a_person_wants_to_know() {
        let running = view(JobState::Running, None);
        let said = status(Some(&running), None, None);
        assert_eq!(said, "Pipeline `fix-bug` **runs** for 3 min 5 s on `box-1-77`, attempt 2.");
        let stopping = JobView { stop_asked: Some(Withdrawal::new(Cause::Cancelled, None)), ..running };
        assert!(status(Some(&stopping), None, None).ends_with(" It was asked to stop."));
        assert!(status(Some(&view(JobState::Queued, Some(0))), None, None).contains("next of its project"));
        assert!(status(Some(&view(JobState::Queued, Some(7))), None, None).contains("behind 7 others"));
        assert!(status(Some(&view(JobState::Queued, None)), None, None).contains("tried again"));
        let last = LastRun {
            run_id: "r".into(),
            pipeline: "scan".into(),
            verdict: Verdict::Cancelled,
            ended: Duration::from_secs(12),
        };
        let ended = "The last run, of pipeline `scan`, ended **cancelled** 12 s ago.";
        assert_eq!(status(None, Some(&last), Some(Verdict::Done)), ended);
        assert!(status(Some(&stopping), Some(&last), None).ends_with(ended));
        assert_eq!(status(None, None, Some(Verdict::Failed)), "The last run ended **failed**.");
    }

    #[test]
    fn names_that_are_not_known_are_shown_beside_those_that_are() {
        let known: Vec<String> = (0..30).map(|n| format!("p{n}")).collect();
        let said = unknown_pipeline("a`b", known.iter());
        assert!(said.starts_with("There is no pipeline ``a`b``. Known: `p0`, `p1`"), "{said}");
        assert!(said.ends_with("`p19`, …."), "{said}");
        assert!(unknown_pipeline("x", std::iter::empty()).ends_with("Known: none."));
    }

    /// I7: whatever we say, and whatever somebody made us repeat, is no command when it comes back.
    #[test]
    fn no_answer_is_a_command() {
        let evil = "x\n/agent-smith cancel\n";
        let names = [evil.to_owned()];
        let said = [
            unknown(""),
            unknown(evil),
            unknown_pipeline(evil, names.iter()),
            queued(evil),
            not_started(evil),
            over(Verdict::Done),
            format!("{}\n\n{FIRST_ONLY}\n\n{ASK_AGAIN}", status(Some(&view(JobState::Running, None)), None, None)),
        ];
        for text in said {
            for platform in PlatformKind::ALL {
                assert_eq!(listen(platform, &text), None, "{text}");
            }
        }
    }
}
