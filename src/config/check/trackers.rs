//! Two projects that watch the same tickets and want the same labels.
//!
//! Called by `load` once all projects are known. A warning only: each of them runs, and each ticket in one of them.

use super::Spot;
use crate::config::model::Project;
use crate::config::problem::{About, Report};
use crate::ticket::same_label;

/// Reports each trigger label that an earlier project on the same tracker has too.
pub(in crate::config) fn warn_of_overlaps(projects: &[&Project], root: Spot<'_>, report: &mut Report<'_>) {
    for (index, later) in projects.iter().enumerate() {
        for earlier in projects[..index].iter().filter(|one| one.tracker.shares_tickets_with(&later.tracker)) {
            let shared =
                |label: &String| earlier.trigger.pipeline_from_label.keys().any(|other| same_label(other, label));
            let labels: Vec<&str> =
                later.trigger.pipeline_from_label.keys().filter(|label| shared(label)).map(String::as_str).collect();
            let Some(first) = labels.first() else { continue };
            let section = root.child("projects").child(&later.name);
            let key = section.keys().find(|key| key.ends_with("_trigger")).unwrap_or_default();
            let span = section.child(key).child("pipeline_from_label").child(first).key_span();
            let message = format!(
                "project `{name}` watches the same tickets for `{}`: one that both find runs in `{name}`, which comes \
                 first in the file",
                labels.join("`, `"),
                name = earlier.name,
            );
            report.warn(&About::Project(later.name.clone()), span, message);
        }
    }
}
