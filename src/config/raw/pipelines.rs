//! Pipelines and their steps as they are written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Budget, KeepWorkspace, Limits, MAX_SECONDS};
use crate::job::MAX_ATTEMPTS;

/// Steps that run for a ticket.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Pipeline {
    /// Limit for the whole run.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) timeout_seconds: u64,
    /// When a run is begun again.
    #[serde(default)]
    pub(in crate::config) retry: Retry,
    /// How often a run is begun at most.
    // Ten: a run that fails so often will not succeed the next time, and each attempt costs somebody something.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 10))]
    pub(in crate::config) attempts: u32,
    /// Pause before a failed run is begun again; doubled after each, an hour at most, and drawn anew by a fifth.
    #[serde(default = "a_minute")]
    #[schemars(range(min = 0, max = 3600))]
    pub(in crate::config) retry_backoff_seconds: u64,
    /// Runs of it that may be under way at once, of all projects and in all replicas together. Default: no limit.
    // As for max_parallel_jobs: a thousand is a slip of the finger.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::config) concurrency: Option<u16>,
    /// What its runs may spend. Default: no limit.
    pub(in crate::config) budget: Option<Budget>,
    /// What the programs of a run may use. Default: agent.limits, limit by limit.
    pub(in crate::config) limits: Option<Limits>,
    /// When the workspace of a run stays after its end, on the machine where it ran.
    #[serde(default)]
    pub(in crate::config) keep_workspace: KeepWorkspace,
    /// Run in order. After one that failed only those run whose `if` asks for failure() or always().
    // More is a program, and belongs into a script. The report of a run names every step.
    #[schemars(length(min = 1, max = 100))]
    pub(in crate::config) steps: Vec<Step>,
}

fn an_hour() -> u64 {
    3600
}

fn three() -> u32 {
    MAX_ATTEMPTS
}

fn a_minute() -> u64 {
    60
}

/// When a run is begun again.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Retry {
    /// When a crash broke it off: again from the start; the steps must be repeatable.
    #[default]
    OnCrash,
    /// Also when a step failed.
    OnFailure,
    /// Never: a run that broke off is failed.
    Never,
}

/// One step: exactly one of run, checkout, agent, commit, push, open_change_request, comment and set_status.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Step {
    /// A shell command, given to `sh -c` as it stands.
    pub(in crate::config) run: Option<String>,
    /// Puts the project's source into the workspace, on a branch of the ticket's own.
    pub(in crate::config) checkout: Option<Checkout>,
    /// Lets a coding agent work on the ticket in the workspace.
    pub(in crate::config) agent: Option<CodingAgent>,
    /// Commits everything that has changed in the workspace.
    pub(in crate::config) commit: Option<Commit>,
    /// Pushes the ticket's branch.
    pub(in crate::config) push: Option<Push>,
    /// Opens a pull or merge request for the ticket's branch, or finds the one that is open.
    pub(in crate::config) open_change_request: Option<ChangeRequest>,
    /// A comment on the ticket, in Markdown; a template.
    pub(in crate::config) comment: Option<String>,
    /// Moves the ticket to this status in the platform's own workflow.
    pub(in crate::config) set_status: Option<String>,
    /// What other steps and the report call it: small letters, digits and underscores.
    pub(in crate::config) name: Option<String>,
    /// A condition such as `"docs" in ticket.labels` or `failure()`. Without one: success().
    #[serde(rename = "if")]
    pub(in crate::config) condition: Option<String>,
    /// Limit for this step, within that of the whole run.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) timeout_seconds: Option<u64>,
    /// The run goes on, and may end as done, when this step fails.
    pub(in crate::config) continue_on_error: bool,
    /// Environment variables of this step, as they stand.
    pub(in crate::config) env: IndexMap<String, String>,
    /// Names under `secrets` whose values this step may see, as environment variables of the same name.
    pub(in crate::config) secrets: Vec<String>,
}

/// Where the work on a ticket begins.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Checkout {
    /// The branch to begin from and to merge into. Default: the repository's own.
    pub(in crate::config) base: Option<String>,
    /// Commit and push what is there when the run ends without being done, with a subject that begins with "wip:".
    pub(in crate::config) keep_work: bool,
}

/// A coding agent: one whose command line is known, or any command; without either, the one of `agent.coding`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct CodingAgent {
    /// An agent whose command line is known.
    #[serde(rename = "type")]
    pub(in crate::config) kind: Option<AgentType>,
    /// The model it is told to use, in the agent's own words.
    pub(in crate::config) model: Option<String>,
    /// More arguments for an agent whose command line is known.
    pub(in crate::config) args: Vec<String>,
    /// Any other agent: program and arguments. The prompt is its standard input.
    #[schemars(length(min = 1))]
    pub(in crate::config) command: Option<Vec<String>>,
    /// What it is told; a template. Default: title and description of the ticket, and to change files only.
    pub(in crate::config) prompt: Option<String>,
    /// A file of the workspace that it writes and that later steps find as the output `report`. It is no part of the
    /// change, and with it the agent need not change anything else.
    pub(in crate::config) report: Option<String>,
    /// It is ended when it has printed nothing for so long.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) stall_timeout_seconds: Option<u64>,
}

/// The coding agent of every `agent` step that names none.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct DefaultAgent {
    /// An agent whose command line is known.
    #[serde(rename = "type")]
    pub(in crate::config) kind: Option<AgentType>,
    /// The model it is told to use, in the agent's own words.
    pub(in crate::config) model: Option<String>,
    /// More arguments for an agent whose command line is known.
    pub(in crate::config) args: Vec<String>,
    /// Any other agent: program and arguments. The prompt is its standard input.
    #[schemars(length(min = 1))]
    pub(in crate::config) command: Option<Vec<String>>,
    /// It is ended when it has printed nothing for so long.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) stall_timeout_seconds: Option<u64>,
    /// Environment variables it gets beside those of the step.
    pub(in crate::config) env: IndexMap<String, String>,
    /// Names under `secrets` whose values it may see, as environment variables of the same name.
    pub(in crate::config) secrets: Vec<String>,
}

/// Coding agents whose command line is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum AgentType {
    /// Claude Code.
    Claude,
    /// Codex CLI.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Aider.
    Aider,
    /// OpenCode.
    OpenCode,
}

/// What is said of a change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Commit {
    /// The message; a template. Default: the ticket's title and address.
    pub(in crate::config) message: Option<String>,
}

/// A push has nothing to choose.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Push {}

/// A pull or merge request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ChangeRequest {
    /// Its title; a template. Default: the ticket's.
    pub(in crate::config) title: Option<String>,
    /// Its description; a template. What the run did is added to it.
    pub(in crate::config) body: Option<String>,
    /// Open it as a draft. It is one anyway when a step failed that the pipeline tolerates.
    pub(in crate::config) draft: bool,
}
