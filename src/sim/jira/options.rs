//! How a simulated Jira is set up.

use std::time::Duration;

/// Which Jira is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// Atlassian's own: versions 3 and 2, Basic with e-mail and token.
    Cloud,
    /// Data Center: version 2 alone, Bearer with a token, or Basic.
    DataCenter,
}

/// How a simulated Jira is set up.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Which Jira.
    pub deployment: Deployment,
    /// The account of the token, as the name in HTTP's Basic scheme.
    pub email: String,
    /// The one token that is good.
    pub token: String,
    /// The login that the token belongs to; what it writes is recorded under this name.
    pub login: String,
    /// The context path, without a slash at the end; empty for the root.
    pub prefix: String,
    /// Requests in one window; `None` shows no limits, which is what most callers see.
    pub quota: Option<u32>,
    /// How long a window is.
    pub quota_window: Duration,
    /// The field Labels is on the edit screen of every project.
    pub labels_on_screen: bool,
    /// The workflow sets a resolution when an issue is done and clears it when it is reopened; else its status alone tells.
    pub resolves: bool,
    /// The account of the token administers every project, and so may ask what others may do.
    pub administers: bool,
    /// Strangers whose token was wrong are told so in the header `X-Seraph-LoginReason`, which not every site does.
    pub tells_failed_login: bool,
}

/// Cloud at the root, without limits.
impl Default for SimOptions {
    fn default() -> Self {
        Self {
            port: 0,
            deployment: Deployment::Cloud,
            email: "smith@simulated.example".to_owned(),
            token: "simulated-jira-token".to_owned(),
            login: "smith".to_owned(),
            prefix: String::new(),
            quota: None,
            quota_window: Duration::from_secs(3_600),
            labels_on_screen: true,
            resolves: true,
            administers: true,
            tells_failed_login: false,
        }
    }
}
