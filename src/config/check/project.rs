//! One project: its name and its pipeline; `trigger`, `tracker` and `source` have the rest.
//!
//! Called by `load` for each project. What must stay true: a project that comes out without an error can run.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::checkout::check_checkouts;
use super::source::source;
use super::trigger::{check_pipeline, check_statuses, trigger};
use super::{Spot, check_name, tracker};
use crate::config::env::Env;
use crate::config::model::{Pipeline, Polling, Project};
use crate::config::problem::Desk;
use crate::config::raw;

/// What a project is checked against.
pub(in crate::config) struct Context<'c> {
    pub(in crate::config) env: &'c Env,
    /// Names of all pipelines, also of those with mistakes.
    pub(in crate::config) pipelines: &'c [String],
    /// Those without mistakes.
    pub(in crate::config) good_pipelines: &'c IndexMap<String, Arc<Pipeline>>,
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
        check_pipeline(pipeline, platform, spot.child("pipeline"), context, desk);
    }
    let (trigger, webhook_secrets) = trigger(&mut raw, platform, spot, context, desk);
    check_checkouts((raw.pipeline.as_deref(), &trigger), platform, spot, context, desk);
    let source = raw.source.take().and_then(|raw| source(raw, platform, spot.child("source"), context.env, desk));
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
        concurrency: raw.concurrency.and_then(|most| NonZeroUsize::new(most.into())),
    })
}
