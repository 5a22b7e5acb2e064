//! What the expressions and templates of a pipeline may name, as one value.
//!
//! Who calls: `sequence`, for conditions, and the steps that render a template.

use std::collections::BTreeMap;

use serde::Serialize;

use super::run::Run;
use crate::ticket::Labels;

/// What a condition or a template may name; `config::template` has the same list.
#[derive(Serialize)]
pub(super) struct Known<'a> {
    ticket: KnownTicket<'a>,
    project: KnownProject<'a>,
    run: KnownRun<'a>,
    steps: &'a BTreeMap<String, KnownStep>,
}

impl<'a> Known<'a> {
    /// As it stands between two steps.
    pub(super) fn of(run: &'a Run, steps: &'a BTreeMap<String, KnownStep>) -> Self {
        let Run { job, ticket, pipeline, .. } = run;
        Self {
            ticket: KnownTicket {
                id: &ticket.id,
                title: &ticket.title,
                body: &ticket.body,
                labels: &ticket.labels,
                state: &ticket.state,
                url: &ticket.url,
            },
            project: KnownProject { name: &job.key.project, platform: job.key.platform.as_str() },
            run: KnownRun { id: &job.run_id, attempt: run.attempt, pipeline: &pipeline.name, host: run.host() },
            steps,
        }
    }
}

#[derive(Serialize)]
struct KnownTicket<'a> {
    id: &'a str,
    title: &'a str,
    body: &'a str,
    labels: &'a Labels,
    state: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct KnownProject<'a> {
    name: &'a str,
    platform: &'static str,
}

#[derive(Serialize)]
struct KnownRun<'a> {
    id: &'a str,
    attempt: u32,
    pipeline: &'a str,
    host: &'a str,
}

/// What is known of a step that has a name.
#[derive(Debug, Default, Serialize)]
pub(super) struct KnownStep {
    /// `done`, `failed` or `skipped`.
    pub(super) outcome: &'static str,
    /// Of its command, when that ended by itself.
    pub(super) exit_code: Option<i32>,
    /// What it said to the steps after it.
    pub(super) outputs: BTreeMap<String, String>,
}
