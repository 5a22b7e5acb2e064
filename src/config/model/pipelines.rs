//! Pipelines and their steps as they are meant.
//!
//! Built by `check`; read by the claim (which pipelines there are), by the pipeline room (what to do).

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;

use super::Budget;
use super::limits::{KeepWorkspace, Limits};
use crate::config::template::{Condition, Template};

/// Steps that run for a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// Limit for the whole run.
    pub timeout: Duration,
    /// When a run is begun again.
    pub retry: Retry,
    /// How often it is begun at most.
    pub attempts: u32,
    /// Pause before a failed run is begun again, before it is doubled and drawn.
    pub backoff: Duration,
    /// Runs of it that may be under way at once, of all projects and in all replicas together; `None`: no limit.
    pub concurrency: Option<NonZeroUsize>,
    /// What its runs may spend.
    pub budget: Budget,
    /// What its programs may use, those limits included that hold for all pipelines.
    pub limits: Limits,
    /// When the workspace of a run stays after its end.
    pub keep_workspace: KeepWorkspace,
    /// In order; the first failure ends the run.
    pub steps: Vec<Step>,
    /// True for a pipeline that comes with the program.
    pub built_in: bool,
}

/// When a run is begun again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Retry {
    /// When a crash broke it off; the steps must be idempotent.
    #[default]
    OnCrash,
    /// Also when a step failed.
    OnFailure,
    /// A run that broke off is failed.
    Never,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// What other steps call it; unique in its pipeline.
    pub name: Option<String>,
    /// Whether it runs; `None` is success().
    pub condition: Option<Condition>,
    /// Limit for this step alone.
    pub timeout: Option<Duration>,
    /// The run goes on when it fails.
    pub continue_on_error: bool,
    /// Environment variables beside the documented ones.
    pub env: IndexMap<String, String>,
    /// Names of [`crate::config::Config::secrets`] that it may see.
    pub secrets: Vec<String>,
}

impl Step {
    /// A step that does this, without any option.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            name: None,
            condition: None,
            timeout: None,
            continue_on_error: false,
            env: IndexMap::new(),
            secrets: Vec::new(),
        }
    }
}

/// Its name, else what it does.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => self.action.fmt(f),
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A shell command.
    Run {
        /// Given to `sh -c` as it stands; nothing is substituted.
        command: String,
    },
    /// Puts the project's source into the workspace, on the ticket's branch.
    Checkout {
        /// The branch to begin from; `None` is the repository's own.
        base: Option<String>,
        /// What is there when the run ends without being done is committed and pushed.
        keep_work: bool,
    },
    /// Lets a coding agent work in the workspace.
    Agent(CodingAgent),
    /// Commits everything that has changed.
    Commit {
        /// The message; `None` is the usual one.
        message: Option<Template>,
    },
    /// Pushes the ticket's branch.
    Push,
    /// Opens a change request for the branch, or finds the one that is open.
    OpenChangeRequest(ChangeRequest),
    /// Writes a comment on the ticket.
    Comment(Template),
    /// Moves the ticket in the platform's own workflow.
    SetStatus(String),
}

/// A coding agent and what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodingAgent {
    /// How it is started.
    pub program: AgentProgram,
    /// What it is told; `None` is the usual prompt.
    pub prompt: Option<Template>,
    /// A file of the workspace that it writes for later steps, and that is no part of the change.
    pub report: Option<PathBuf>,
    /// It is ended when it has printed nothing for so long.
    pub stall_timeout: Duration,
}

/// How a coding agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentProgram {
    /// One whose command line is known.
    Known {
        /// Which.
        kind: AgentKind,
        /// The model it is told to use.
        model: Option<String>,
        /// More arguments.
        args: Vec<String>,
    },
    /// Program and arguments; the prompt is its standard input.
    Command(Vec<String>),
    /// The step leaves it to `agent.coding`, and that is not there. Only in pipelines that come with the program: those
    /// of the file are refused.
    NotConfigured,
}

/// The coding agent of every step that names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultAgent {
    /// How it is started.
    pub program: AgentProgram,
    /// It is ended when it has printed nothing for so long; `None` is the usual limit.
    pub stall_timeout: Option<Duration>,
    /// Environment variables beside those of the step.
    pub env: IndexMap<String, String>,
    /// Names of [`crate::config::Config::secrets`] beside those of the step.
    pub secrets: Vec<String>,
}

/// Coding agents whose command line is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentKind {
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

/// A pull or merge request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Its title; `None` is the ticket's.
    pub title: Option<Template>,
    /// Its description; `None` is the usual one.
    pub body: Option<Template>,
    /// Always a draft.
    pub draft: bool,
}

/// A command's first line; the key of any other step.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run { command } => command.lines().next().unwrap_or_default(),
            Self::Checkout { .. } => "checkout",
            Self::Agent(_) => "agent",
            Self::Commit { .. } => "commit",
            Self::Push => "push",
            Self::OpenChangeRequest(_) => "open_change_request",
            Self::Comment(_) => "comment",
            Self::SetStatus(_) => "set_status",
        })
    }
}
