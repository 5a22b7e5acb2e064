//! What the change log of a `jira:issue_updated` says.
//!
//! Who calls: `jira.rs`, nobody else. Each item holds one field's value before and after, as an identifier (`from`,
//! `to`) and as people see it (`fromString`, `toString`). Fields that matter have texts there; what fields of
//! extensions have is not looked at.

use serde::Deserialize;
use serde_json::Value;

use super::jira::{Fields, User};
use super::json::{account, label_changes};
use crate::http::webhook::event::{Change, Unreadable};
use crate::ticket::Account;

/// What changed in one go.
#[derive(Default, Deserialize)]
pub(super) struct ChangeLog {
    #[serde(default)]
    items: Vec<Item>,
}

/// The change of one field.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    field: Option<String>,
    field_id: Option<String>,
    #[serde(default)]
    from: Value,
    #[serde(default)]
    from_string: Value,
    #[serde(default)]
    to: Value,
    #[serde(default)]
    to_string: Value,
    /// The account id where `to` is the old name of a user.
    #[serde(default)]
    tmp_to_account_id: Value,
}

/// The changes in the order of the log; `fields` and `open` are the issue after them.
///
/// # Errors
/// When a value of a field that matters is no text.
pub(super) fn changes(log: &ChangeLog, fields: &Fields, open: Option<bool>) -> Result<Vec<Change>, Unreadable> {
    let mut all = Vec::new();
    for (at, item) in log.items.iter().enumerate() {
        if item.is("labels") {
            all.extend(item.labels(at)?);
        } else if item.is("assignee") {
            all.extend(item.assignee(at, fields)?.map(Change::Assigned));
        } else if item.is("status") {
            let status = text(&item.to_string, at, "toString")?;
            all.extend(status.map(|status| Change::StatusChanged(status.to_owned())));
            all.extend((open == Some(false)).then_some(Change::Closed));
        } else if item.is("resolution") {
            all.extend(item.resolution(open));
        }
    }
    Ok(all)
}

impl Item {
    /// Data Center names only the field, in the spelling of its own version.
    fn is(&self, name: &str) -> bool {
        match (&self.field_id, &self.field) {
            (Some(id), _) => id == name,
            (None, Some(field)) => field.eq_ignore_ascii_case(name),
            (None, None) => false,
        }
    }

    /// All labels are one text: labels have no spaces.
    fn labels(&self, at: usize) -> Result<Vec<Change>, Unreadable> {
        let split = |labels: Option<&str>| -> Vec<String> {
            labels.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let before = split(text(&self.from_string, at, "fromString")?);
        let after = split(text(&self.to_string, at, "toString")?);
        Ok(label_changes(&before, &after))
    }

    /// The issue shows more of the account than the log; it is believed where both mean the same one.
    fn assignee(&self, at: usize, fields: &Fields) -> Result<Option<Account>, Unreadable> {
        let id = text(&self.tmp_to_account_id, at, "tmpToAccountId")?;
        let known: Vec<&str> = id.into_iter().chain(text(&self.to, at, "to")?).collect();
        let shown = fields.assignee.clone().and_then(User::account);
        if let Some(account) = shown.filter(|account| known.iter().any(|id| account.is_called(id))) {
            return Ok(Some(account));
        }
        let name = text(&self.to_string, at, "toString")?;
        Ok(account(known.into_iter().map(|id| Some(id.to_owned())), [name.map(str::to_owned)], false))
    }

    /// A resolution that goes reopens the issue, one that comes ends it, unless the status says otherwise.
    fn resolution(&self, open: Option<bool>) -> Option<Change> {
        match (self.from.is_null(), self.to.is_null()) {
            (false, true) if open != Some(false) => Some(Change::Reopened),
            (true, false) if open != Some(true) => Some(Change::Closed),
            _ => None,
        }
    }
}

fn text<'a>(value: &'a Value, at: usize, field: &str) -> Result<Option<&'a str>, Unreadable> {
    let there = match value {
        Value::Null => return Ok(None),
        Value::String(text) => return Ok(Some(text)),
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Err(Unreadable(format!("`changelog.items[{at}].{field}`: {there}, expected a text or null")))
}
