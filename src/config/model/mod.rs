//! What `agentsmith.yml` means once it is read, checked and completed with defaults.
//!
//! Everything above works with these types and never with the raw file. Built by `load`; cheap to share.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::forge::Forge;
use super::operator::OperatorToken;
use super::webhooks::{WebhookSecrets, Webhooks};
use crate::ticket::PlatformKind;

mod budget;
mod limits;
mod pipelines;

pub use budget::Budget;
pub use limits::{KeepWorkspace, Limits};
pub use pipelines::{Action, AgentKind, AgentProgram, ChangeRequest, CodingAgent, DefaultAgent, Pipeline, Retry, Step};

/// The whole file. Projects and pipelines that contain mistakes are not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// By name, in file order.
    pub projects: IndexMap<String, Arc<Project>>,
    /// By name: the file's own and the built-in presets that it does not replace.
    pub pipelines: IndexMap<String, Arc<Pipeline>>,
    /// How this process works.
    pub agent: Agent,
    /// How webhooks are received.
    pub webhooks: Webhooks,
    /// Values from the environment that a step may ask for by name.
    pub secrets: Secrets,
    /// What operators prove themselves with; without one they must come from this machine.
    pub operator_token: Option<OperatorToken>,
}

/// Values from the environment by the names the file gives them. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Secrets(IndexMap<String, SecretString>);

impl Secrets {
    /// The value of a name under `secrets`.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// The names, in file order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All values, for masking.
    pub fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.0.values()
    }
}

impl FromIterator<(String, SecretString)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (String, SecretString)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        let same = |(name, value): (&String, &SecretString)| {
            other.get(name).is_some_and(|other| other.expose_secret() == value.expose_secret())
        };
        self.0.len() == other.0.len() && self.0.iter().all(same)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// One project: where its tickets and its source are, and which pipeline runs for which label.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its name in the file.
    pub name: String,
    /// Where the code lives, if the project says so.
    pub source: Option<Source>,
    /// Where the tickets live.
    pub tracker: Tracker,
    /// The project's default pipeline.
    pub pipeline: Option<String>,
    /// Which label starts which pipeline.
    pub trigger: Trigger,
    /// What deliveries of this tracker alone are verified with, beside the environment's secrets.
    pub webhook_secrets: WebhookSecrets,
    /// Whether and how often the tracker is polled.
    pub polling: Polling,
    /// Runs of it that may be under way at once, in all replicas together; `None`: no limit.
    pub concurrency: Option<NonZeroUsize>,
}

/// Where a project's code lives.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A repository on one of the hosts.
    Remote {
        /// Which host.
        host: SourceHost,
        /// The repository's page.
        url: Url,
        /// What git is called with over http; `None` when the environment does not have it, and for ssh.
        credentials: Option<Credentials>,
        /// Where its change requests are opened; `None` when the address is not the page of a repository.
        forge: Option<Box<Forge>>,
    },
    /// A repository on this machine.
    Local(PathBuf),
}

/// Hosts of repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceHost {
    /// GitHub.
    GitHub,
    /// GitLab.
    GitLab,
    /// Azure Repos.
    AzureRepos,
}

impl SourceHost {
    /// The environment variable with its token.
    pub fn token_variable(self) -> &'static str {
        match self {
            Self::GitHub => "GITHUB_TOKEN",
            Self::GitLab => "GITLAB_TOKEN",
            Self::AzureRepos => "AZURE_DEVOPS_TOKEN",
        }
    }

    /// The platform whose trackers take the same token.
    pub fn platform(self) -> PlatformKind {
        match self {
            Self::GitHub => PlatformKind::GitHub,
            Self::GitLab => PlatformKind::GitLab,
            Self::AzureRepos => PlatformKind::AzureDevOps,
        }
    }
}

/// One configured instance of a platform. Two equal trackers may share a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracker {
    /// Base of the API calls, without a trailing slash.
    pub api_url: Url,
    /// The page of the tracker that a person opens, without a trailing slash.
    pub web_url: Url,
    /// What names the tracker below the API base.
    pub place: Place,
    /// The credentials; `None` when the environment does not have them.
    pub credentials: Option<Credentials>,
}

impl Tracker {
    /// The platform it is an instance of.
    pub fn platform(&self) -> PlatformKind {
        match self.place {
            Place::GitHub { .. } => PlatformKind::GitHub,
            Place::GitLab { .. } => PlatformKind::GitLab,
            Place::AzureDevOps { .. } => PlatformKind::AzureDevOps,
            Place::Jira { .. } => PlatformKind::Jira,
        }
    }
}

/// What names a tracker on its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A repository.
    GitHub {
        /// User or organization.
        owner: String,
        /// Name without `.git`.
        repo: String,
    },
    /// A project by its full path.
    GitLab {
        /// `group/sub/name`.
        path: String,
    },
    /// A project of an organization or collection; `api_url` is the collection.
    AzureDevOps {
        /// Name of the project.
        project: String,
        /// States that count as open.
        open_states: Vec<String>,
    },
    /// A site, or one project of it.
    Jira {
        /// Key of the project; `None` for the whole site.
        project: Option<String>,
    },
}

/// What a tracker or a source is called with. Never printed.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account, where the platform wants one (Jira: the e-mail).
    pub user: Option<String>,
    /// The token: trimmed, not empty, visible ASCII.
    pub token: SecretString,
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user && self.token.expose_secret() == other.token.expose_secret()
    }
}

/// Which label starts which pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Used when no label matches.
    pub default_pipeline: Option<String>,
    /// Trigger label to pipeline, in file order; the first that the ticket carries wins.
    pub pipeline_from_label: IndexMap<String, String>,
    /// A ticket that is assigned to this account asks for a run. Jira only.
    pub assignee_name: Option<String>,
    /// Statuses in which a ticket may start a run; none: in any open one.
    pub statuses: Vec<String>,
    /// The status that a ticket is moved to once its run is done.
    pub done_status: Option<String>,
    /// A comment that contains this asks for a run.
    pub comment_keyword: Option<String>,
    /// The accounts whose labels, commands and keywords count, [`ANYBODY`] for all; `None`: those who may write to the
    /// tracker.
    pub allowed_actors: Option<Vec<String>>,
}

/// Stands in `allowed_actors` for every account, programs included.
pub const ANYBODY: &str = "*";

impl Trigger {
    /// The trigger labels, in file order.
    pub fn labels(&self) -> Vec<String> {
        self.pipeline_from_label.keys().cloned().collect()
    }

    /// True when a ticket with this status may start a run.
    pub fn takes_status(&self, status: &str) -> bool {
        let status = status.to_lowercase();
        self.statuses.is_empty() || self.statuses.iter().any(|taken| taken.to_lowercase() == status)
    }

    /// True when `allowed_actors` names the account with this identifier. The identifier alone counts: the other
    /// names of an account are what people chose to be called.
    pub fn lists(&self, id: &str) -> bool {
        let named = |name: &String| !id.is_empty() && name.eq_ignore_ascii_case(id);
        self.allowed_actors.as_ref().is_some_and(|allowed| allowed.iter().any(named))
    }

    /// True when `allowed_actors` lets everybody in.
    pub fn lists_anybody(&self) -> bool {
        self.lists(ANYBODY)
    }
}

/// Whether and how often a tracker is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// Off by default: an operator decides who spends quota.
    pub enabled: bool,
    /// Pause between two polls, before jitter.
    pub interval: Duration,
    /// How far a pause may be stretched or shortened at random, 0 to 100.
    pub jitter_percent: u8,
}

/// How this process works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The queue consumer.
    pub queue: Queue,
    /// Both leader leases.
    pub leader: Leader,
    /// Heartbeats and reconcilers.
    pub lifecycle: LifecycleTimes,
    /// Root of workspaces and run logs.
    pub data_dir: PathBuf,
    /// The coding agent of every step that names none.
    pub coding: Option<DefaultAgent>,
    /// What the programs of a run may use whose pipeline does not say it.
    pub limits: Limits,
}

/// The queue consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Jobs this process runs at once.
    pub max_parallel_jobs: NonZeroUsize,
    /// Longest single wait on an empty queue.
    pub consume_block: Duration,
    /// How long running jobs may go on after a stop was asked for.
    pub shutdown_grace: Duration,
    /// Pause between attempts to reach a Redis that is away.
    pub redis_retry_interval: Duration,
}

/// Leader leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// How long a lease lasts.
    pub lease: Duration,
    /// How often it is renewed; less than half of `lease`.
    pub renew: Duration,
}

/// Heartbeats and reconcilers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleTimes {
    /// How long a running job counts as alive after a heartbeat.
    pub heartbeat_ttl: Duration,
    /// How often the heartbeat is sent; less than half of `heartbeat_ttl`.
    pub heartbeat_renew: Duration,
    /// Pause between two scans for stale jobs.
    pub stale_scan: Duration,
    /// Pause between two passes of the enqueued reconciler.
    pub reconcile_interval: Duration,
}
