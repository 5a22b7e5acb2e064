//! One project: its name, its pipelines, its trigger section and its source.
//!
//! Called by `load` for each project. What must stay true: a project that comes out without an error can run.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::{Spot, check_name, labels, tracker};
use crate::config::env::Env;
use crate::config::model::{Polling, Project, Source, Trigger};
use crate::config::nearest;
use crate::config::problem::Desk;
use crate::config::raw;
use crate::ticket::{PlatformKind, same_label};

/// What a project is checked against.
pub(in crate::config) struct Context<'c> {
    pub(in crate::config) env: &'c Env,
    /// Names of all pipelines, also of those with mistakes.
    pub(in crate::config) pipelines: &'c [String],
}

/// One project of the file; `None` when its tracker cannot be named.
pub(in crate::config) fn project(
    name: &str,
    mut raw: raw::Project,
    spot: Spot<'_>,
    context: &Context<'_>,
    desk: &mut Desk<'_, '_>,
) -> Option<Project> {
    check_name("project", name, spot.key_span(), desk);
    let platform = raw.tickets.kind.0;
    if let Some(pipeline) = &raw.pipeline {
        check_pipeline(pipeline, spot.child("pipeline"), context, desk);
    }
    let trigger = trigger(&mut raw, platform, spot, context, desk);
    let source = raw.source.take().and_then(|source| check_source(source, spot.child("source"), desk));
    let tracker = tracker::tracker(&raw.tickets, spot.child("tickets"), context.env, desk);
    let polling = raw.polling.unwrap_or_default();
    Some(Project {
        name: name.to_owned(),
        source,
        tracker: tracker?,
        pipeline: raw.pipeline,
        trigger,
        polling: Polling {
            enabled: polling.enabled,
            interval: Duration::from_secs(polling.interval_seconds),
            jitter_percent: polling.jitter_percent,
        },
    })
}

fn check_pipeline(name: &str, spot: Spot<'_>, context: &Context<'_>, desk: &mut Desk<'_, '_>) {
    if !context.pipelines.iter().any(|known| known == name) {
        let hint = nearest::hint(name, context.pipelines.iter().map(String::as_str));
        desk.error(spot.span(), format!("unknown pipeline {}{hint}", spot.quoted()));
    }
}

/// The key of the trigger section that belongs to a platform.
fn section_of(platform: PlatformKind) -> &'static str {
    match platform {
        PlatformKind::GitHub => "github_trigger",
        PlatformKind::GitLab => "gitlab_trigger",
        PlatformKind::AzureDevOps => "azuredevops_trigger",
        PlatformKind::Jira => "jira_trigger",
    }
}

fn trigger(
    raw: &mut raw::Project,
    platform: PlatformKind,
    spot: Spot<'_>,
    context: &Context<'_>,
    desk: &mut Desk<'_, '_>,
) -> Trigger {
    let own = section_of(platform);
    let mut found = Trigger::default();
    for kind in PlatformKind::ALL {
        let section = match kind {
            PlatformKind::GitHub => raw.github_trigger.take(),
            PlatformKind::GitLab => raw.gitlab_trigger.take(),
            PlatformKind::AzureDevOps => raw.azuredevops_trigger.take(),
            PlatformKind::Jira => raw.jira_trigger.take(),
        };
        let (Some(section), key) = (section, section_of(kind)) else { continue };
        let place = spot.child(key);
        if kind != platform {
            let cure = if spot.child(own).exists() {
                format!("a project has one trigger section, `{own}`; remove this one")
            } else {
                format!("rename it to `{own}`")
            };
            let name = platform.display_name();
            desk.error(place.key_span(), format!("`{key}` does not belong to tickets of type {name}: {cure}"));
        }
        let checked = check_trigger(section, platform, place, context, desk);
        if kind == platform {
            found = checked;
        }
    }
    found
}

fn check_trigger(
    raw: raw::Trigger,
    platform: PlatformKind,
    spot: Spot<'_>,
    context: &Context<'_>,
    desk: &mut Desk<'_, '_>,
) -> Trigger {
    if let Some(pipeline) = &raw.default_pipeline {
        check_pipeline(pipeline, spot.child("default_pipeline"), context, desk);
    }
    let map = spot.child("pipeline_from_label");
    let mut pipeline_from_label: IndexMap<String, String> = IndexMap::new();
    for (label, pipeline) in raw.pipeline_from_label.unwrap_or_default() {
        let place = map.child(&label);
        check_pipeline(&pipeline, place, context, desk);
        if let Some(reason) = labels::why_not(&label, platform) {
            desk.error(place.key_span(), format!("trigger label `{}`: {reason}", label.escape_debug()));
        }
        if let Some(first) = pipeline_from_label.keys().find(|first| same_label(first, &label)) {
            let message = format!("trigger label `{label}` is the same label as `{first}`: case does not matter");
            desk.error(place.key_span(), message);
        }
        pipeline_from_label.insert(label, pipeline);
    }
    Trigger { default_pipeline: raw.default_pipeline, pipeline_from_label }
}

fn check_source(raw: raw::Source, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Source> {
    let (url, path) = (spot.child("url"), spot.child("path"));
    let (wanted, other) = if raw.kind.0.is_some() { (url, path) } else { (path, url) };
    let (wanted_key, other_key) = if raw.kind.0.is_some() { ("url", "path") } else { ("path", "url") };
    if other.exists() {
        let message = format!("`{other_key}` does not belong to a source of this type; give `{wanted_key}` only");
        desk.error(other.key_span(), message);
    }
    if !wanted.exists() {
        desk.error(spot.key_span(), format!("`{wanted_key}` is missing in `source`"));
        return None;
    }
    match raw.kind.0 {
        Some(host) => {
            let url = tracker::parse_url(&raw.url?, url, &["http", "https", "ssh"], desk)?;
            Some(Source::Remote { host, url })
        }
        None => {
            let written = raw.path?;
            if written.trim().is_empty() || written.starts_with('~') || written.contains('\0') {
                desk.error(path.span(), "`path` must be a directory; `~` is not expanded, write `${HOME}`");
                return None;
            }
            let path = PathBuf::from(written);
            Some(Source::Local(std::path::absolute(&path).unwrap_or(path)))
        }
    }
}
