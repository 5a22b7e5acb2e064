//! Pipelines: those of the file and those that come with the program.
//!
//! Called by `load`. What must stay true: a pipeline that comes with the program never pretends to have done anything.

use std::time::Duration;

use super::steps::Steps;
use super::{Spot, check_name};
use crate::config::model::{Pipeline, Retry, Secrets, Step};
use crate::config::problem::Desk;
use crate::config::raw;

/// The pipelines that come with the program, each in the syntax of the file.
const PRESETS: [(&str, &str); 3] = [
    ("fix-bug", include_str!("../../pipeline/presets/fix-bug.yml")),
    ("add-feature", include_str!("../../pipeline/presets/add-feature.yml")),
    ("security-scan", include_str!("../../pipeline/presets/security-scan.yml")),
];

/// The pipelines that come with the program, in the order the documentation lists them.
pub(in crate::config) fn presets() -> impl Iterator<Item = Pipeline> {
    PRESETS.into_iter().filter_map(|(name, text)| match serde_yaml::from_str::<raw::Pipeline>(text) {
        Ok(raw) => {
            let steps = raw.steps.iter().map(super::steps::unchecked).collect();
            Some(complete(name, &raw, steps, true))
        }
        Err(error) => {
            tracing::error!(pipeline = name, %error, "the built-in pipeline {name} cannot be read");
            None
        }
    })
}

/// One pipeline of the file.
pub(in crate::config) fn pipeline(
    name: &str,
    raw: &raw::Pipeline,
    spot: Spot<'_>,
    secrets: &Secrets,
    desk: &mut Desk<'_, '_>,
) -> Pipeline {
    check_name("pipeline", name, spot.key_span(), desk);
    let mut steps = Steps::new(secrets);
    let spots = spot.child("steps");
    let checked =
        raw.steps.iter().enumerate().map(|(index, step)| steps.check(step, spots.item(index), desk)).collect();
    complete(name, raw, checked, false)
}

fn complete(name: &str, raw: &raw::Pipeline, steps: Vec<Step>, built_in: bool) -> Pipeline {
    Pipeline {
        name: name.to_owned(),
        timeout: Duration::from_secs(raw.timeout_seconds),
        retry: match raw.retry {
            raw::Retry::OnCrash => Retry::OnCrash,
            raw::Retry::Never => Retry::Never,
        },
        steps,
        built_in,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Action;

    #[test]
    fn every_preset_can_be_read_and_fails_with_a_cure() {
        let presets: Vec<Pipeline> = presets().collect();
        assert_eq!(presets.len(), PRESETS.len());
        for preset in presets {
            let [Step { action: Action::Run { command }, .. }] = preset.steps.as_slice() else { panic!("{preset:?}") };
            let output = std::process::Command::new("sh").args(["-c", command]).output().expect("sh");
            let told = String::from_utf8(output.stderr).expect("text");
            assert_eq!(output.status.code(), Some(1), "{}", preset.name);
            assert!(told.contains(&preset.name) && told.contains("agentsmith.yml"), "{told}");
        }
    }
}
