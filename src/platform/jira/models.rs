//! What we read of Jira's JSON: nothing that we do not use. Source of the shapes: Atlassian's OpenAPI description of
//! version 3, and the documentation of version 2 for Data Center.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::platform::http::Answer;
use crate::platform::{Error, Result};

/// Somebody with an account. Cloud tells accounts apart by `accountId`, Data Center by `name`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    #[serde(default)]
    pub(super) account_id: Option<String>,
    /// `atlassian`, `customer`, or `app` for a program.
    #[serde(default)]
    pub(super) account_type: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) display_name: Option<String>,
    #[serde(default)]
    pub(super) email_address: Option<String>,
}

/// A page of a search in version 3. The last one has no token; `isLast` is known to lie and is not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchPage {
    pub(super) issues: Vec<Issue>,
    #[serde(default)]
    pub(super) next_page_token: Option<String>,
}

/// A page of a search in version 2.
#[derive(Debug, Deserialize)]
pub(super) struct CountedPage {
    pub(super) issues: Vec<Issue>,
    pub(super) total: usize,
}

/// An issue with the fields that were asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub(super) key: String,
    pub(super) fields: Fields,
}

/// The fields of an issue. A field that the project hides is absent.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    pub(super) summary: Option<String>,
    /// A document tree in version 3, a text in version 2.
    #[serde(default)]
    pub(super) description: Option<Value>,
    pub(super) status: Status,
    #[serde(default)]
    pub(super) labels: Option<Vec<String>>,
    #[serde(default)]
    pub(super) created: Option<String>,
}

/// An issue of which only the labels were asked for.
#[derive(Debug, Deserialize)]
pub(super) struct LabelledIssue {
    pub(super) key: String,
    pub(super) fields: LabelFields,
}

/// The labels of an issue.
#[derive(Debug, Deserialize)]
pub(super) struct LabelFields {
    #[serde(default)]
    pub(super) labels: Option<Vec<String>>,
}

/// Where an issue stands in its workflow.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) status_category: StatusCategory,
}

impl Status {
    /// Every status belongs to `new`, `indeterminate`, `done` or `undefined`.
    pub(super) fn is_open(&self) -> bool {
        self.status_category.key != "done"
    }
}

/// What a status means, whatever it is called.
#[derive(Debug, Deserialize)]
pub(super) struct StatusCategory {
    pub(super) key: String,
}

/// A page of the comments of an issue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommentPage {
    pub(super) comments: Vec<Comment>,
    #[serde(default)]
    pub(super) start_at: usize,
    #[serde(default)]
    pub(super) total: usize,
}

/// A comment; the body is a document tree in version 3 and a text in version 2.
#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) body: Value,
}

/// A page of the changes of an issue in version 3.
#[derive(Debug, Deserialize)]
pub(super) struct ChangelogPage {
    #[serde(default)]
    pub(super) values: Vec<History>,
    #[serde(default)]
    pub(super) total: usize,
}

/// An issue of which its creator and, in version 2, its changes were asked for.
#[derive(Debug, Deserialize)]
pub(super) struct IssueHistory {
    pub(super) key: String,
    pub(super) fields: CreatorField,
    #[serde(default)]
    pub(super) changelog: Option<Changelog>,
}

/// Who created an issue.
#[derive(Debug, Deserialize)]
pub(super) struct CreatorField {
    #[serde(default)]
    pub(super) creator: Option<User>,
}

/// All changes of an issue in version 2.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Changelog {
    #[serde(default)]
    pub(super) histories: Vec<History>,
}

/// What somebody changed in one go.
#[derive(Debug, Deserialize)]
pub(super) struct History {
    #[serde(default)]
    pub(super) author: Option<User>,
    #[serde(default)]
    pub(super) items: Vec<HistoryItem>,
}

/// The change of one field, as people see it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryItem {
    #[serde(default)]
    pub(super) field: Option<String>,
    /// Cloud alone names the field so.
    #[serde(default)]
    pub(super) field_id: Option<String>,
    /// A text for every field that matters; those of extensions may hold anything.
    #[serde(default)]
    pub(super) from_string: Value,
    #[serde(default)]
    pub(super) to_string: Value,
}

/// What the token may do, by the key of the permission.
#[derive(Debug, Deserialize)]
pub(super) struct Permissions {
    pub(super) permissions: HashMap<String, Permission>,
}

/// Whether the token has a permission.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Permission {
    pub(super) have_permission: bool,
}

/// A project.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) key: String,
}

/// What a site says of itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerInfo {
    #[serde(default)]
    pub(super) deployment_type: Option<String>,
}

/// Jira writes `2019-02-15T19:01:52.971-0800`, which is not quite RFC 3339.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    let jira = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z");
    jira.or_else(|_| DateTime::parse_from_rfc3339(text)).ok().map(|time| time.to_utc())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_with_both_kinds_of_offset() {
        let seconds = |text| time(text).map(|time| time.timestamp_millis());
        assert_eq!(seconds("2001-09-09T03:46:40.500+0200"), Some(1_000_000_000_500));
        assert_eq!(seconds("2001-09-09T01:46:40Z"), Some(1_000_000_000_000));
        assert_eq!(seconds("yesterday"), None);
    }
}
