//! What we read of GitLab's JSON: nothing that we do not use. Source of the shapes: GitLab's OpenAPI description.
//!
//! The `gitlab` crate has no models for answers, on purpose of its own: each instance may be older or newer.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::account::is_program;
use crate::platform::http::Answer;
use crate::platform::{Error, Result};
use crate::ticket::Account;

/// An element of a listing. The description is left out: it is the bulk of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct ListedIssue {
    pub(super) iid: u64,
    pub(super) title: String,
    /// Titles. A label may be there twice.
    pub(super) labels: Vec<String>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) created_at: Option<DateTime<Utc>>,
}

/// One issue, incident, task or ticket.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub(super) iid: u64,
    pub(super) title: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    /// Titles. A label may be there twice.
    pub(super) labels: Vec<String>,
    pub(super) state: String,
    pub(super) web_url: String,
    /// What it is called on the whole instance since it was moved to another project. The old one stays, closed.
    #[serde(default)]
    pub(super) moved_to_id: Option<u64>,
}

impl Issue {
    /// The state that counts as not finished; GitLab has this one and `closed`.
    pub(super) fn is_open(&self) -> bool {
        is_open(&self.state)
    }
}

/// True for `opened`, and for `reopened`, which servers before 9.5 had.
pub(super) fn is_open(state: &str) -> bool {
    matches!(state, "opened" | "reopened")
}

/// Somebody with an account.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) bot: bool,
}

impl User {
    pub(super) fn account(self) -> Account {
        let is_bot = self.bot || is_program(&self.username);
        Account { id: self.id.to_string(), names: vec![self.username, self.name], is_bot }
    }
}

/// That a label came or went. Identifiers rise.
#[derive(Debug, Deserialize)]
pub(super) struct LabelEvent {
    pub(super) id: u64,
    /// `add` or `remove`.
    pub(super) action: String,
    #[serde(default)]
    pub(super) user: Option<User>,
    /// Null for a label that was deleted meanwhile.
    #[serde(default)]
    pub(super) label: Option<Label>,
}

/// An issue of which only its author matters.
#[derive(Debug, Deserialize)]
pub(super) struct Authored {
    #[serde(default)]
    pub(super) author: Option<User>,
}

/// Somebody with a role in a project.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub(super) access_level: u64,
}

/// A comment.
#[derive(Debug, Deserialize)]
pub(super) struct Note {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) body: String,
}

/// A label as the project or one of its groups defines it.
#[derive(Debug, Deserialize)]
pub(super) struct Label {
    pub(super) name: String,
}

/// A project. Old servers and small roles leave much of it out.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) path_with_namespace: String,
    #[serde(default)]
    pub(super) web_url: String,
    #[serde(default)]
    pub(super) archived: bool,
    /// `enabled`, `private` or `disabled`.
    #[serde(default)]
    pub(super) issues_access_level: Option<String>,
    #[serde(default)]
    pub(super) permissions: Option<Permissions>,
}

/// What the owner of the token may do in a project, by their role in it and in its group.
#[derive(Debug, Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    project_access: Option<Role>,
    #[serde(default)]
    group_access: Option<Role>,
}

#[derive(Debug, Deserialize)]
struct Role {
    access_level: u64,
}

impl Permissions {
    /// The larger of the two; `None` for somebody whose role comes from elsewhere, such as an administrator.
    pub(super) fn access_level(&self) -> Option<u64> {
        [&self.project_access, &self.group_access].into_iter().flatten().map(|role| role.access_level).max()
    }
}

/// Reads a successful answer.
///
/// # Errors
/// `Malformed` when it is not the JSON that is documented.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(what: &str, answer: &Answer) -> Result<T> {
    serde_json::from_slice(&answer.body).map_err(|error| unreadable(what, &answer.body, &error.to_string()))
}

/// The error for a body that is not what was expected; `detail` counts when the body is JSON after all.
pub(super) fn unreadable(what: &str, body: &[u8], detail: &str) -> Error {
    let detail = match body.trim_ascii_start().first() {
        Some(b'<') => "a page instead of JSON; is there a proxy or a sign-in in between?".to_owned(),
        Some(_) => detail.chars().take(200).collect(),
        None => "nothing at all".to_owned(),
    };
    Error::Malformed { what: what.to_owned(), detail }
}
