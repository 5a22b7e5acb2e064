//! Two projects that watch one tracker and want the same labels.
//!
//! Called by `load` once all projects are known. A warning only: each of them runs, and so does each ticket, twice.

use super::Spot;
use crate::config::model::{Place, Project, Tracker};
use crate::config::problem::{About, Report};
use crate::ticket::same_label;

/// Reports each trigger label that an earlier project on the same tracker has too.
pub(in crate::config) fn warn_of_overlaps(projects: &[&Project], root: Spot<'_>, report: &mut Report<'_>) {
    for (index, later) in projects.iter().enumerate() {
        for earlier in projects[..index].iter().filter(|earlier| share_tickets(&earlier.tracker, &later.tracker)) {
            let shared =
                |label: &String| earlier.trigger.pipeline_from_label.keys().any(|other| same_label(other, label));
            let labels: Vec<&str> =
                later.trigger.pipeline_from_label.keys().filter(|label| shared(label)).map(String::as_str).collect();
            let Some(first) = labels.first() else { continue };
            let section = root.child("projects").child(&later.name);
            let key = section.keys().find(|key| key.ends_with("_trigger")).unwrap_or_default();
            let span = section.child(key).child("pipeline_from_label").child(first).key_span();
            let message = format!(
                "project `{}` watches the same tracker for `{}`: such a ticket runs in both projects",
                earlier.name,
                labels.join("`, `")
            );
            report.warn(&About::Project(later.name.clone()), span, message);
        }
    }
}

/// True when a ticket can belong to both.
fn share_tickets(a: &Tracker, b: &Tracker) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let places = match (&a.place, &b.place) {
        (Place::GitHub { owner, repo }, Place::GitHub { owner: owner_b, repo: repo_b }) => {
            same(owner, owner_b) && same(repo, repo_b)
        }
        (Place::GitLab { path }, Place::GitLab { path: path_b }) => same(path, path_b),
        (Place::AzureDevOps { project, .. }, Place::AzureDevOps { project: project_b, .. }) => same(project, project_b),
        (Place::Jira { project: Some(key) }, Place::Jira { project: Some(key_b) }) => key == key_b,
        (Place::Jira { .. }, Place::Jira { .. }) => true,
        _ => false,
    };
    places && same(a.api_url.as_str(), b.api_url.as_str())
}
