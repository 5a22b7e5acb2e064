//! One project: its name, its pipeline and its source; `trigger` and `tracker` have the rest.
//!
//! Called by `load` for each project. What must stay true: a project that comes out without an error can run.

use std::path::PathBuf;
use std::time::Duration;

use super::trigger::{check_pipeline, check_statuses, trigger};
use super::{Spot, check_name, tracker};
use crate::config::env::Env;
use crate::config::model::{Polling, Project, Source};
use crate::config::problem::Desk;
use crate::config::raw;

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
    let (trigger, webhook_secrets) = trigger(&mut raw, platform, spot, context, desk);
    let source = raw.source.take().and_then(|source| check_source(source, spot.child("source"), desk));
    let tracker = tracker::tracker(&raw.tickets, spot.child("tickets"), context.env, desk);
    if let Some(tracker) = &tracker {
        check_statuses(&trigger, tracker, spot, desk);
    }
    let polling = raw.polling.unwrap_or_default();
    Some(Project {
        name: name.to_owned(),
        source,
        tracker: tracker?,
        pipeline: raw.pipeline,
        trigger,
        webhook_secrets,
        polling: Polling {
            enabled: polling.enabled,
            interval: Duration::from_secs(polling.interval_seconds),
            jitter_percent: polling.jitter_percent,
        },
    })
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
