//! What we read of GitHub's JSON: nothing that we do not use. Source of the shapes: GitHub's OpenAPI description.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::super::http::Answer;
use crate::platform::{Error, Result};
use crate::ticket::{Account, Labels};

/// An element of a listing. The body is left out: it is the bulk of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct ListedIssue {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) labels: Vec<Label>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) created_at: Option<DateTime<Utc>>,
    /// Present only on pull requests.
    #[serde(default)]
    pub(super) pull_request: Option<IgnoredAny>,
}

/// One issue.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: Option<String>,
    pub(super) labels: Vec<Label>,
    pub(super) state: String,
    pub(super) html_url: String,
    /// Present only on pull requests.
    #[serde(default)]
    pub(super) pull_request: Option<IgnoredAny>,
}

/// A label of an issue: documented as an object or its bare name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Label {
    Object { name: String },
    Name(String),
}

impl Label {
    fn into_name(self) -> String {
        match self {
            Self::Object { name } | Self::Name(name) => name,
        }
    }
}

/// The labels as a set.
pub(super) fn label_set(labels: Vec<Label>) -> Labels {
    labels.into_iter().map(Label::into_name).collect()
}

/// Somebody with an account.
#[derive(Debug, Deserialize)]
pub(super) struct Login {
    pub(super) login: String,
    /// `User`, `Bot`, and for others who cannot have a token.
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

impl Login {
    pub(super) fn account(self) -> Account {
        Account { id: self.login, names: Vec::new(), is_bot: self.kind == "Bot" }
    }
}

/// Something that happened to an issue. Identifiers rise.
#[derive(Debug, Deserialize)]
pub(super) struct IssueEvent {
    pub(super) id: u64,
    pub(super) event: String,
    #[serde(default)]
    pub(super) actor: Option<Login>,
    /// Of `labeled` and `unlabeled`.
    #[serde(default)]
    pub(super) label: Option<EventLabel>,
}

/// The label that came or went.
#[derive(Debug, Deserialize)]
pub(super) struct EventLabel {
    pub(super) name: String,
}

/// An issue of which only its author matters.
#[derive(Debug, Deserialize)]
pub(super) struct Authored {
    #[serde(default)]
    pub(super) user: Option<Login>,
}

/// What somebody may do in a repository.
#[derive(Debug, Deserialize)]
pub(super) struct Role {
    pub(super) permission: String,
}

/// A comment. GitHub omits nothing, but an empty body may be null.
#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) body: Option<String>,
}

/// A repository. Old servers and anonymous calls leave `permissions` out.
#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) full_name: String,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) has_issues: Option<bool>,
    #[serde(default)]
    pub(super) permissions: Option<Permissions>,
}

/// What the owner of the token may do in a repository.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Permissions {
    pub(super) pull: bool,
    pub(super) triage: bool,
    pub(super) push: bool,
    pub(super) maintain: bool,
    pub(super) admin: bool,
}

/// Anything with a page for people.
#[derive(Debug, Deserialize)]
pub(super) struct Located {
    pub(super) html_url: String,
}

/// Reads a successful answer.
///
/// # Errors
/// `Malformed` when it is not the JSON that is documented.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(what: &str, answer: &Answer) -> Result<T> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        let detail = match answer.body.trim_ascii_start().first() {
            Some(b'<') => "a page instead of JSON; is there a proxy or a sign-in in between?".to_owned(),
            Some(_) => error.to_string().chars().take(200).collect(),
            None => "nothing at all".to_owned(),
        };
        Error::Malformed { what: what.to_owned(), detail }
    })
}
