//! Pipelines and their steps as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::MAX_SECONDS;

/// Steps that run for a ticket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Pipeline {
    /// Limit for the whole run.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) timeout_seconds: u64,
    /// What happens to a run that a crash broke off.
    #[serde(default)]
    pub(in crate::config) retry: Retry,
    /// Run in order. After one that failed only those run whose `if` asks for failure() or always().
    // More is a program, and belongs into a script. The report of a run names every step.
    #[schemars(length(min = 1, max = 100))]
    pub(in crate::config) steps: Vec<Step>,
}

fn an_hour() -> u64 {
    3600
}

/// What happens to a run that a crash broke off.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Retry {
    /// Run it again from the start; the steps must be repeatable.
    #[default]
    OnCrash,
    /// Fail it and say why.
    Never,
}

/// One step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Step {
    /// A shell command, given to `sh -c` as it stands.
    pub(in crate::config) run: String,
    /// What other steps and the report call it: small letters, digits and underscores.
    pub(in crate::config) name: Option<String>,
    /// A condition such as `ticket.labels is containing("docs")` or `failure()`. Without one: success().
    #[serde(rename = "if")]
    pub(in crate::config) condition: Option<String>,
    /// Limit for this step, within that of the whole run.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) timeout_seconds: Option<u64>,
    /// The run goes on, and may end as done, when this step fails.
    #[serde(default)]
    pub(in crate::config) continue_on_error: bool,
    /// Environment variables of this step, as they stand.
    #[serde(default)]
    pub(in crate::config) env: IndexMap<String, String>,
    /// Names under `secrets` whose values this step may see, as environment variables of the same name.
    #[serde(default)]
    pub(in crate::config) secrets: Vec<String>,
}
