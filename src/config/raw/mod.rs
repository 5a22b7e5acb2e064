//! The file as it is written: one type per section.
//!
//! The only description of the structure: the JSON Schema is derived from it, and what passed the check against that is
//! deserialized into it by `load`. The doc comments become the descriptions that an editor shows. What must stay true: ranges and
//! required keys stand here and nowhere else.

use std::borrow::Cow;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::config::model::SourceHost;
use crate::ticket::PlatformKind;

mod budget;
mod limits;
mod pipelines;

pub(super) use budget::Budget;
pub(super) use limits::{KeepWorkspace, Limits};
pub(super) use pipelines::{
    AgentType, ChangeRequest, Checkout, CodingAgent, Commit, DefaultAgent, Pipeline, Push, Retry, Step,
};

/// The longest time that can be given, 30 days. Longer is most likely meant in milliseconds.
const MAX_SECONDS: u64 = 2_592_000;

/// Configuration of agent-smith.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    /// Projects by name: where their tickets live and which pipeline runs for which label.
    pub(super) projects: Option<IndexMap<String, Project>>,
    /// Pipelines by name. Built in are fix-bug, add-feature and security-scan; the same name here replaces one.
    pub(super) pipelines: Option<IndexMap<String, Pipeline>>,
    /// How this process works.
    pub(super) agent: Option<Agent>,
    /// How webhooks are received.
    pub(super) webhooks: Option<Webhooks>,
    /// Names for values that come from the environment.
    pub(super) secrets: Option<IndexMap<String, String>>,
}

/// One project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    /// Where the code lives.
    pub(super) source: Option<Source>,
    /// Where the tickets live.
    pub(super) tickets: Tickets,
    /// The project's default pipeline.
    pub(super) pipeline: Option<String>,
    /// Which label starts which pipeline, when the tickets live on GitHub.
    pub(super) github_trigger: Option<Trigger>,
    /// Which label starts which pipeline, when the tickets live on GitLab.
    pub(super) gitlab_trigger: Option<Trigger>,
    /// Which label starts which pipeline, when the tickets live on Azure DevOps.
    pub(super) azuredevops_trigger: Option<Trigger>,
    /// Which label starts which pipeline, when the tickets live in Jira.
    pub(super) jira_trigger: Option<Trigger>,
    /// Whether and how often the tracker is asked for tickets.
    pub(super) polling: Option<Polling>,
    /// Runs of the project that may be under way at once, in all replicas together. Default: no limit.
    // As for max_parallel_jobs: a thousand is a slip of the finger.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) concurrency: Option<u16>,
}

/// Where the code lives.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// What kind of place it is, in any case.
    #[serde(rename = "type")]
    pub(super) kind: SourceType,
    /// The repository's page; not for Local.
    pub(super) url: Option<String>,
    /// Base of the API that opens change requests, when it is not where the repository's page says; not for Local.
    pub(super) api_url: Option<String>,
    /// A directory on this machine; for Local only.
    pub(super) path: Option<String>,
    /// Where the credentials come from.
    #[expect(dead_code, reason = "there is one word and it is the default; the schema and the check need the key")]
    pub(super) auth: Option<Auth>,
}

/// Where the tickets live.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tickets {
    /// The platform, in any case.
    #[serde(rename = "type")]
    pub(super) kind: TicketsType,
    /// GitHub: the repository's page. GitLab: the instance, or the project's page. Azure DevOps: the collection. Jira:
    /// the site.
    pub(super) url: Option<String>,
    /// Where the credentials come from.
    #[expect(dead_code, reason = "there is one word and it is the default; the schema and the check need the key")]
    pub(super) auth: Option<Auth>,
    /// Overrides the base of the API calls.
    pub(super) api_url: Option<String>,
    /// GitLab: path of the project. Azure DevOps: its name. Jira: its key.
    pub(super) project: Option<String>,
    /// Azure DevOps: the organization.
    pub(super) organization: Option<String>,
    /// Azure DevOps: the states that count as open. Default: New, Active, Committed.
    #[schemars(length(min = 1))]
    pub(super) open_states: Option<Vec<String>>,
}

/// Where credentials come from.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(super) enum Auth {
    /// From the environment: GITHUB_TOKEN, GITLAB_TOKEN, AZURE_DEVOPS_TOKEN, or JIRA_EMAIL and JIRA_TOKEN.
    #[serde(rename = "token")]
    Token,
}

/// Which label starts which pipeline.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Trigger {
    /// The pipeline for tickets none of whose labels is below.
    pub(super) default_pipeline: Option<String>,
    /// Label to pipeline. The order matters: the first label that the ticket carries wins.
    pub(super) pipeline_from_label: Option<IndexMap<String, String>>,
    /// Jira: a ticket that is assigned to this account asks for a run.
    pub(super) assignee_name: Option<String>,
    /// The statuses in which a ticket may start a run. Default: any open one.
    #[schemars(length(min = 1))]
    pub(super) trigger_statuses: Option<Vec<String>>,
    /// The status that a ticket is moved to once its run is done. GitHub and GitLab: `open` or `closed`. Default: none.
    #[schemars(length(min = 1))]
    pub(super) done_status: Option<String>,
    /// A comment that contains this, by somebody who may write to the tracker, asks for a run.
    pub(super) comment_keyword: Option<String>,
    /// The accounts that may start runs, with a label, a command or a keyword, by the identifier that the platform tells
    /// accounts apart by; `"*"`: everybody, bots too. Default: whoever may write to the tracker, and no bots.
    pub(super) allowed_actors: Option<Vec<String>>,
    /// What deliveries of this tracker are verified with, as `${NAME}`.
    pub(super) webhook_secret: Option<String>,
    /// The secret before webhook_secret, for as long as senders still use it, as `${NAME}`.
    pub(super) webhook_secret_previous: Option<String>,
}

/// Whether and how often a tracker is asked for tickets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Polling {
    /// Off unless this says true.
    pub(super) enabled: bool,
    /// Pause between two polls.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(super) interval_seconds: u64,
    /// How far each pause is stretched or shortened at random.
    #[schemars(range(min = 0, max = 100))]
    pub(super) jitter_percent: u8,
}

impl Default for Polling {
    fn default() -> Self {
        Self { enabled: false, interval_seconds: 60, jitter_percent: 10 }
    }
}

/// How this process works.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Agent {
    /// The queue consumer.
    pub(super) queue: Option<Queue>,
    /// The leases of poller and housekeeping.
    pub(super) leader: Option<Leader>,
    /// Heartbeats and reconcilers.
    pub(super) lifecycle: Option<LifecycleTimes>,
    /// Root of workspaces and run logs. Default: $STATE_DIRECTORY, else $XDG_STATE_HOME/agent-smith, else
    /// $HOME/.local/state/agent-smith, else /var/lib/agent-smith.
    pub(super) data_dir: Option<String>,
    /// The coding agent of every `agent` step that names none, also of the built-in pipelines.
    pub(super) coding: Option<DefaultAgent>,
    /// What the programs of a run may use; each limit of a pipeline's own wins over the one here.
    pub(super) limits: Option<Limits>,
}

/// The queue consumer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Queue {
    /// Jobs this process runs at once.
    // Each is a process tree; a thousand on one machine is a slip of the finger.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) max_parallel_jobs: u16,
    /// Longest single wait on an empty queue.
    // A wait holds a connection; beyond an hour, a connection that died in silence would not be noticed.
    #[schemars(range(min = 1, max = 3600))]
    pub(super) consume_block_seconds: u64,
    /// How long running jobs may go on after a stop was asked for.
    #[schemars(range(min = 0, max = MAX_SECONDS))]
    pub(super) shutdown_grace_seconds: u64,
    /// Pause between attempts to reach a Redis that is away.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(super) redis_retry_interval_seconds: u64,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            max_parallel_jobs: 4,
            consume_block_seconds: 5,
            shutdown_grace_seconds: 30,
            redis_retry_interval_seconds: 30,
        }
    }
}

/// Leader leases.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Leader {
    /// How long a lease lasts.
    #[schemars(range(min = 3, max = MAX_SECONDS))]
    pub(super) lease_seconds: u64,
    /// How often it is renewed; less than half of lease_seconds.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(super) renew_seconds: u64,
}

impl Default for Leader {
    fn default() -> Self {
        Self { lease_seconds: 30, renew_seconds: 10 }
    }
}

/// Heartbeats and reconcilers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LifecycleTimes {
    /// How long a running job counts as alive after a heartbeat.
    #[schemars(range(min = 3, max = MAX_SECONDS))]
    pub(super) heartbeat_ttl_seconds: u64,
    /// How often the heartbeat is sent; less than half of heartbeat_ttl_seconds.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(super) heartbeat_renew_seconds: u64,
    /// Pause between two scans for stale jobs.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(super) stale_scan_seconds: u64,
    /// Pause between two passes of the enqueued reconciler.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(super) reconcile_interval_seconds: u64,
}

impl Default for LifecycleTimes {
    fn default() -> Self {
        Self {
            heartbeat_ttl_seconds: 120,
            heartbeat_renew_seconds: 30,
            stale_scan_seconds: 60,
            reconcile_interval_seconds: 600,
        }
    }
}

/// How webhooks are received.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Webhooks {
    /// Accept deliveries of a platform for which no secret is configured.
    pub(super) allow_unsigned: bool,
    /// The largest body of a delivery that is read.
    // Below the least no delivery would fit; above the most none is sent: GitHub, GitLab and Jira drop theirs at 25 MB.
    #[schemars(range(min = 1024, max = 25_000_000))]
    pub(super) max_body_bytes: usize,
}

impl Default for Webhooks {
    /// Azure DevOps' own limit; a delivery about a ticket has some 25 kB, and ten times that with the longest texts.
    fn default() -> Self {
        Self { allow_unsigned: false, max_body_bytes: 2 * 1024 * 1024 }
    }
}

/// The platform of a tracker, in any case.
#[derive(Debug, Clone, Copy)]
pub(super) struct TicketsType(pub(super) PlatformKind);

const TICKETS_WORDS: [&str; 4] = ["GitHub", "GitLab", "AzureDevOps", "Jira"];

impl<'de> Deserialize<'de> for TicketsType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for TicketsType {
    fn schema_name() -> Cow<'static, str> {
        "TicketsType".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        words_schema(&TICKETS_WORDS)
    }
}

/// The kind of place that code lives in, in any case; `None` is Local.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceType(pub(super) Option<SourceHost>);

const SOURCE_WORDS: [&str; 4] = ["GitHub", "GitLab", "AzureRepos", "Local"];

impl<'de> Deserialize<'de> for SourceType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.to_ascii_lowercase().as_str() {
            "github" => Ok(Self(Some(SourceHost::GitHub))),
            "gitlab" => Ok(Self(Some(SourceHost::GitLab))),
            "azurerepos" => Ok(Self(Some(SourceHost::AzureRepos))),
            "local" => Ok(Self(None)),
            _ => Err(D::Error::custom("unknown type of source")),
        }
    }
}

impl JsonSchema for SourceType {
    fn schema_name() -> Cow<'static, str> {
        "SourceType".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        words_schema(&SOURCE_WORDS)
    }
}

/// Words in any case: the list is what an editor offers, the pattern what it accepts.
fn words_schema(words: &[&str]) -> Schema {
    let any_case = |word: &&str| -> String {
        word.chars().map(|c| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase())).collect()
    };
    let patterns: Vec<String> = words.iter().map(any_case).collect();
    json_schema!({
        "anyOf": [
            { "enum": words },
            { "type": "string", "pattern": format!("^({})$", patterns.join("|")) },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_in_the_schema_is_understood() {
        for word in TICKETS_WORDS {
            assert!(serde_json::from_value::<TicketsType>(word.to_lowercase().into()).is_ok());
        }
        for word in SOURCE_WORDS {
            assert!(serde_json::from_value::<SourceType>(word.to_uppercase().into()).is_ok());
        }
    }
}
