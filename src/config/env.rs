//! The environment, read once and passed on.
//!
//! Only `config` and `cli` know it. `cli` takes the snapshot, `load` expands `${NAME}` and finds credentials in it,
//! `cli` asks it for the Redis URL. What must stay true: a value is never printed.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use crate::ticket::PlatformKind;

/// A snapshot of the environment variables. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// The environment of this process. Variables that are not UTF-8 count as not set.
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value as it is, also when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value without white space around it; an empty one counts as not set.
    pub fn trimmed(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The names of all variables, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// `REDIS_URL`. May hold a password: not for logs.
    pub fn redis_url(&self) -> Option<&str> {
        self.trimmed("REDIS_URL")
    }

    /// Where the configuration is when the command line does not say: `$AGENTSMITH_CONFIG`, else `agentsmith.yml`.
    pub fn config_path(&self) -> PathBuf {
        PathBuf::from(self.trimmed("AGENTSMITH_CONFIG").unwrap_or("agentsmith.yml"))
    }
}

/// The variable that holds the webhook secret of a platform, for messages.
pub fn webhook_secret_name(platform: PlatformKind) -> &'static str {
    match platform {
        PlatformKind::GitHub => "GITHUB_WEBHOOK_SECRET",
        PlatformKind::GitLab => "GITLAB_WEBHOOK_TOKEN",
        PlatformKind::AzureDevOps => "AZDO_WEBHOOK_SECRET",
        PlatformKind::Jira => "JIRA_WEBHOOK_SECRET",
    }
}

/// The variable that holds the secret before it, for as long as senders still use that.
pub(super) fn previous_webhook_secret_name(platform: PlatformKind) -> &'static str {
    match platform {
        PlatformKind::GitHub => "GITHUB_WEBHOOK_SECRET_PREVIOUS",
        PlatformKind::GitLab => "GITLAB_WEBHOOK_TOKEN_PREVIOUS",
        PlatformKind::AzureDevOps => "AZDO_WEBHOOK_SECRET_PREVIOUS",
        PlatformKind::Jira => "JIRA_WEBHOOK_SECRET_PREVIOUS",
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        f.debug_tuple("Env").field(&names).finish()
    }
}
