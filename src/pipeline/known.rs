//! What the expressions and templates of a pipeline may name, as one value.
//!
//! Who calls: `sequence`, for conditions, and the steps that render a template.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

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

    /// The same with the texts that somebody else wrote made harmless: those of the ticket, and what steps have said.
    pub(super) fn with_texts(&self, ticket: fn(&str) -> String, said: fn(&str) -> String) -> Result<Value, String> {
        let mut known = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for name in ["title", "body"] {
            if let Some(Value::String(text)) = known["ticket"].get_mut(name) {
                *text = ticket(text);
            }
        }
        for label in known["ticket"]["labels"].as_array_mut().into_iter().flatten() {
            *label = Value::String(ticket(label.as_str().unwrap_or_default()));
        }
        for step in known["steps"].as_object_mut().into_iter().flat_map(|steps| steps.values_mut()) {
            for output in step["outputs"].as_object_mut().into_iter().flat_map(|outputs| outputs.values_mut()) {
                *output = Value::String(said(output.as_str().unwrap_or_default()));
            }
        }
        Ok(known)
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
