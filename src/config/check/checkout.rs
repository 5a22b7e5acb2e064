//! Whether a project has the source that its pipelines check out.
//!
//! Called by the check of a project. What must stay true: a pipeline that a project names and could never run is an error.
//! One that nothing in the project names, which only a label by hand or somebody's order starts, is refused when it runs.

use super::Spot;
use super::project::Context;
use super::trigger::section_of;
use crate::config::model::{Action, Trigger};
use crate::config::problem::Desk;
use crate::ticket::PlatformKind;

/// Reports pipelines with a `checkout` step, each once, unless the project has a `source`, right or wrong.
pub(super) fn check_checkouts(
    (pipeline, trigger): (Option<&str>, &Trigger),
    platform: PlatformKind,
    spot: Spot<'_>,
    context: &Context<'_>,
    desk: &mut Desk<'_, '_>,
) {
    if spot.child("source").exists() {
        return;
    }
    let checks_out = |name: &str| {
        let steps = context.good_pipelines.get(name).into_iter().flat_map(|pipeline| &pipeline.steps);
        steps.into_iter().any(|step| matches!(step.action, Action::Checkout { .. }))
    };
    let section = spot.child(section_of(platform));
    let default = trigger.default_pipeline.as_deref();
    let labels = section.child("pipeline_from_label");
    let by_label = trigger.pipeline_from_label.iter().map(|(label, name)| (name.as_str(), labels.child(label)));
    let defaults = [(pipeline, spot.child("pipeline")), (default, section.child("default_pipeline"))];
    let defaults = defaults.into_iter().filter_map(|(name, place)| Some((name?, place)));
    let mut told: Vec<&str> = Vec::new();
    for (name, place) in defaults.chain(by_label) {
        if checks_out(name) && !told.contains(&name) {
            told.push(name);
            let message = format!(
                "pipeline `{name}` has a `checkout` step, and this project has no `source`: say where its code lives, \
                 or name another pipeline"
            );
            desk.error(place.span(), message);
        }
    }
}
