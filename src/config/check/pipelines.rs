//! Pipelines: those of the file and those that come with the program.
//!
//! Called by `load`. What must stay true: a pipeline that comes with the program means the same when
//! it is copied into the file.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::budget::budget;
use super::steps::Steps;
use super::{Spot, check_name, limits};
use crate::config::model::{DefaultAgent, Limits, Pipeline, Retry, Secrets};
use crate::config::problem::{About, Desk, Report};
use crate::config::source::Source;
use crate::config::{raw, tree};

/// The pipelines that come with the program, each in the syntax of the file.
const PRESETS: [(&str, &str); 3] = [
    ("fix-bug", include_str!("../../pipeline/presets/fix-bug.yml")),
    ("add-feature", include_str!("../../pipeline/presets/add-feature.yml")),
    ("security-scan", include_str!("../../pipeline/presets/security-scan.yml")),
];

/// What a pipeline needs that is not its own.
#[derive(Clone, Copy)]
pub(in crate::config) struct Means<'a> {
    /// What its steps may ask for by name.
    pub(in crate::config) secrets: &'a Secrets,
    /// The coding agent of steps that name none.
    pub(in crate::config) agent: Option<&'a DefaultAgent>,
    /// What its programs may use where it does not say it.
    pub(in crate::config) limits: Limits,
}

/// The names of the pipelines that come with the program, each with its text in the syntax of the file.
pub fn built_in() -> &'static [(&'static str, &'static str)] {
    &PRESETS
}

/// The pipelines that come with the program, in the order the documentation lists them.
pub(in crate::config) fn presets(means: Means<'_>) -> impl Iterator<Item = Pipeline> {
    PRESETS.into_iter().filter_map(move |(name, text)| {
        let preset = preset(name, text, means);
        if let Err(error) = &preset {
            tracing::error!(pipeline = name, %error, "the built-in pipeline {name} cannot be read");
        }
        preset.ok()
    })
}

/// Read and checked as if it stood in the file.
fn preset(name: &str, text: &str, means: Means<'_>) -> anyhow::Result<Pipeline> {
    let raw: raw::Pipeline = serde_yaml::from_str(text)?;
    let tree = tree::parse(text).map_err(|not_yaml| anyhow::anyhow!(not_yaml.message))?;
    let (source, about) = (Source::new(name, text), About::Pipeline(name.to_owned()));
    let mut report = Report::new(&source);
    let mut desk = Desk { report: &mut report, about: about.clone() };
    let steps = Steps::new(means.secrets, means.agent, true);
    let checked = checked(name, raw, Spot::root(&tree), (steps, means.limits), &mut desk);
    anyhow::ensure!(!report.has_error(&about), "it has mistakes: {:?}", report.into_sorted());
    Ok(Pipeline { built_in: true, ..checked })
}

/// One pipeline of the file.
pub(in crate::config) fn pipeline(
    name: &str,
    raw: raw::Pipeline,
    spot: Spot<'_>,
    means: Means<'_>,
    desk: &mut Desk<'_, '_>,
) -> Pipeline {
    checked(name, raw, spot, (Steps::new(means.secrets, means.agent, false), means.limits), desk)
}

fn checked(
    name: &str,
    raw: raw::Pipeline,
    spot: Spot<'_>,
    (mut steps, of_all): (Steps<'_>, Limits),
    desk: &mut Desk<'_, '_>,
) -> Pipeline {
    check_name("pipeline", name, spot.key_span(), desk);
    let spots = spot.child("steps");
    let written = raw.steps.into_iter().enumerate();
    let checked = written.filter_map(|(index, step)| steps.check(step, spots.item(index), desk)).collect();
    Pipeline {
        name: name.to_owned(),
        timeout: Duration::from_secs(raw.timeout_seconds),
        retry: match raw.retry {
            raw::Retry::OnCrash => Retry::OnCrash,
            raw::Retry::OnFailure => Retry::OnFailure,
            raw::Retry::Never => Retry::Never,
        },
        attempts: raw.attempts,
        backoff: Duration::from_secs(raw.retry_backoff_seconds),
        concurrency: raw.concurrency.and_then(|most| NonZeroUsize::new(most.into())),
        budget: budget(raw.budget, spot.child("budget"), desk),
        limits: limits::limits(raw.limits).or(of_all),
        keep_workspace: limits::keep_workspace(raw.keep_workspace),
        steps: checked,
        built_in: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Action, AgentProgram};

    #[test]
    fn every_preset_can_be_read_and_says_what_it_lacks() {
        let presets: Vec<Pipeline> =
            presets(Means { secrets: &Secrets::default(), agent: None, limits: Limits::default() }).collect();
        assert_eq!(presets.len(), PRESETS.len());
        for preset in presets {
            let does: Vec<String> = preset.steps.iter().map(|step| step.action.to_string()).collect();
            let expected: &[&str] = match preset.name.as_str() {
                "security-scan" => &["checkout", "agent", "comment"],
                _ => &["checkout", "agent", "commit", "push", "open_change_request"],
            };
            assert_eq!(does, expected, "{}", preset.name);
            let Action::Agent(agent) = &preset.steps[1].action else { panic!("{preset:?}") };
            assert_eq!(agent.program, AgentProgram::NotConfigured);
        }
    }
}
