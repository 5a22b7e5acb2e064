//! What a ticket is, whichever platform it lives on.
//!
//! Pure vocabulary, used by every room above. Nothing here performs I/O. Labels compare without regard to case and
//! keep the spelling the platform gave them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of remote platform that holds tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlatformKind {
    /// github.com or GitHub Enterprise Server.
    GitHub,
    /// gitlab.com or a self-managed GitLab.
    GitLab,
    /// Azure DevOps Services or Server (Boards).
    AzureDevOps,
    /// Jira Cloud or Data Center.
    Jira,
}

impl PlatformKind {
    /// Every kind, in the order the documentation lists them.
    pub const ALL: [Self; 4] = [Self::GitHub, Self::GitLab, Self::AzureDevOps, Self::Jira];

    /// The word used in store keys, log fields and URLs: lower case, no separators.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::AzureDevOps => "azuredevops",
            Self::Jira => "jira",
        }
    }

    /// The name as its maker writes it, for messages to people.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::AzureDevOps => "Azure DevOps",
            Self::Jira => "Jira",
        }
    }
}

impl fmt::Display for PlatformKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PlatformKind {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownPlatform(text.to_owned()))
    }
}

/// A platform name that is none of the four.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown platform `{0}`")]
pub struct UnknownPlatform(pub String);

/// The identity of a ticket inside this installation: the same number in two projects is two tickets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TicketKey {
    /// The platform the ticket lives on.
    pub platform: PlatformKind,
    /// The project's name in `agentsmith.yml`.
    pub project: String,
    /// The platform's own identifier: a number as text, or a Jira key. Never contains a colon.
    pub ticket: String,
}

impl TicketKey {
    /// Puts the three parts together.
    pub fn new(platform: PlatformKind, project: impl Into<String>, ticket: impl Into<String>) -> Self {
        Self { platform, project: project.into(), ticket: ticket.into() }
    }
}

/// `platform:project:ticket`, the form used in store keys and logs.
impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.platform, self.project, self.ticket)
    }
}

/// The labels of one ticket, as a set that ignores case and remembers the platform's spelling and order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(Vec<String>);

impl Labels {
    /// True when a label equal to `name` without regard to case is present.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The platform's own spelling of `name`, if the label is present.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|label| same_label(label, name))
    }

    /// The labels in the platform's order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<S: Into<String>> FromIterator<S> for Labels {
    fn from_iter<I: IntoIterator<Item = S>>(labels: I) -> Self {
        let mut set = Self::default();
        for label in labels.into_iter().map(Into::into) {
            if !set.contains(&label) {
                set.0.push(label);
            }
        }
        set
    }
}

/// True when two labels are the same label: equal without regard to case.
pub fn same_label(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// A ticket as one read of the platform returned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The platform's own identifier.
    pub id: String,
    /// One line, as the author wrote it. Data, never to be trusted.
    pub title: String,
    /// The description, as the author wrote it. Data, never to be trusted.
    pub body: String,
    /// All labels, lifecycle labels included.
    pub labels: Labels,
    /// The platform's word for the state, such as `open` or `Active`.
    pub state: String,
    /// True when the platform counts the state as not finished.
    pub open: bool,
    /// The page a person opens.
    pub url: String,
}

/// Somebody with an account on a platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// What the platform tells accounts apart by: GitHub login, GitLab user number, Azure DevOps unique name or GUID,
    /// Jira account id (Cloud) or user name (Data Center).
    pub id: String,
    /// Every other name the platform shows for it: login, display name, e-mail.
    pub names: Vec<String>,
    /// True when the platform says that it is a program.
    pub is_bot: bool,
}

impl Account {
    /// True when `name` is its identifier or one of its names, without regard to case.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.id.to_lowercase() == name || self.names.iter().any(|other| other.to_lowercase() == name)
    }

    /// True when both are the same account, as far as their identifiers tell: a payload and an API call may name it by
    /// another one of its identifiers.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_called(&other.id) || other.is_called(&self.id)
    }

    /// What a person reads: the first of the other names, else the identifier.
    pub fn shown(&self) -> &str {
        self.names.iter().map(String::as_str).find(|name| !name.is_empty()).unwrap_or(&self.id)
    }
}

/// A ticket that a listing returned: found, not yet judged.
///
/// Listings lag behind writes, so a candidate says where to look and never what is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The platform's own identifier.
    pub id: String,
    /// One line, for messages.
    pub title: String,
    /// Labels at the time of the listing.
    pub labels: Labels,
    /// The platform's word for the state, such as `open` or `Active`.
    pub state: String,
    /// False when the platform counted the ticket as finished at the time of the listing. A closed ticket is listed by
    /// lifecycle label only, and never claimed.
    pub open: bool,
}

impl From<&Ticket> for Candidate {
    fn from(ticket: &Ticket) -> Self {
        Self {
            id: ticket.id.clone(),
            title: ticket.title.clone(),
            labels: ticket.labels.clone(),
            state: ticket.state.clone(),
            open: ticket.open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_ignore_case_and_keep_spelling() {
        let labels: Labels = ["Bug", "bug", "Agent-Smith"].into_iter().collect();
        assert_eq!(labels.iter().collect::<Vec<_>>(), ["Bug", "Agent-Smith"]);
        assert_eq!(labels.get("agent-smith"), Some("Agent-Smith"));
        assert!(labels.contains("BUG"));
        assert!(!labels.contains("bu"));
    }

    #[test]
    fn a_key_names_its_three_parts() {
        let key = TicketKey::new(PlatformKind::GitHub, "my-api", "42");
        assert_eq!(key.to_string(), "github:my-api:42");
        assert_ne!(key, TicketKey::new(PlatformKind::GitHub, "other", "42"));
    }

    #[test]
    fn platform_names_parse_in_any_case() {
        assert_eq!("AzureDevOps".parse(), Ok(PlatformKind::AzureDevOps));
        assert!("bitbucket".parse::<PlatformKind>().is_err());
    }
}
