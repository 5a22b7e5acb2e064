//! Issues: read and edit.
//!
//! What Jira does here that clients trip over: an edit answers with nothing; labels may hold no space; a field that is
//! not on the edit screen cannot be set; one field may not be named both in `fields` and in `update`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;
use url::form_urlencoded;

use super::changelog;
use super::document;
use super::json::{self, Wanted};
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::Edit;

pub(super) async fn read(at: Located, RawQuery(query): RawQuery) -> Response {
    let wanted = parameter(query.as_deref(), "fields").map(|names| Wanted::split(&names)).unwrap_or_default();
    let wanted = Wanted::new(wanted, "*all");
    let mut issue = json::issue(&at.tracker, &at.ticket, &wanted, (&at.caller, &at.face));
    if parameter(query.as_deref(), "expand")
        .is_some_and(|names| Wanted::split(&names).contains(&"changelog".to_owned()))
    {
        issue["changelog"] = changelog::whole(&at);
    }
    Json(issue).into_response()
}

pub(super) async fn edit(at: Located, RawQuery(query): RawQuery, body: Bytes) -> Result<Response, Problem> {
    at.admit_write()?;
    if !at.tracker.can_write {
        let message = "You do not have permission to edit issues in this project.";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let body: Value = serde_json::from_slice(&body).map_err(|_| Problem::unreadable())?;
    let (fields, update) = (object(&body, "fields")?, object(&body, "update")?);
    for name in fields.iter().chain(&update).map(|(name, _)| name.as_str()) {
        let is_known =
            matches!(name, "summary" | "description") || (name == "labels" && at.face.options.labels_on_screen);
        if !is_known {
            let reason = format!("Field '{name}' cannot be set. It is not on the appropriate screen, or unknown.");
            return Err(Problem::field(name, reason));
        }
        if fields.iter().any(|(field, _)| field == name) && update.iter().any(|(field, _)| field == name) {
            return Err(Problem::field(name, "Field with id is specified in both 'fields' and 'update'."));
        }
    }
    apply(&at, &fields, &update)?;
    if parameter(query.as_deref(), "returnIssue").as_deref() == Some("true") {
        let ticket = at.board().look(&at.tracker.name, at.ticket.number).map_err(Problem::from_board)?;
        let wanted = Wanted::new(Vec::new(), "*all");
        return Ok(Json(json::issue(&at.tracker, &ticket, &wanted, (&at.caller, &at.face))).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

type Entries = Vec<(String, Value)>;

fn object(body: &Value, name: &str) -> Result<Entries, Problem> {
    match &body[name] {
        Value::Null => Ok(Vec::new()),
        Value::Object(entries) => Ok(entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        _ => Err(Problem::unreadable()),
    }
}

fn apply(at: &Located, fields: &Entries, update: &Entries) -> Result<(), Problem> {
    let mut edit = Edit::default();
    for (name, value) in fields {
        match name.as_str() {
            "labels" => edit.labels = Some(names(value)?),
            "summary" => edit.title = Some(value.as_str().ok_or_else(Problem::unreadable)?.to_owned()),
            _ => edit.body = Some(described(value)?),
        }
    }
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for (name, operations) in update {
        for operation in operations.as_array().ok_or_else(Problem::unreadable)? {
            let (kind, value) =
                operation.as_object().and_then(|one| one.iter().next()).ok_or_else(Problem::unreadable)?;
            match (name.as_str(), kind.as_str()) {
                ("labels", "add") => add.push(label(value)?),
                ("labels", "remove") => remove.push(label(value)?),
                ("labels", "set") => edit.labels = Some(names(value)?),
                ("summary", "set") => edit.title = Some(value.as_str().ok_or_else(Problem::unreadable)?.to_owned()),
                ("description", "set") => edit.body = Some(described(value)?),
                _ => return Err(Problem::field(name, format!("Operation '{kind}' is not supported."))),
            }
        }
    }
    let (tracker, number) = (at.tracker.name.as_str(), at.ticket.number);
    at.board().edit(tracker, number, edit).map_err(Problem::from_board)?;
    at.board().change_labels(tracker, number, &add, &remove).map_err(Problem::from_board)?;
    Ok(())
}

fn names(value: &Value) -> Result<Vec<String>, Problem> {
    value.as_array().ok_or_else(Problem::unreadable)?.iter().map(label).collect()
}

fn label(value: &Value) -> Result<String, Problem> {
    let name = value.as_str().ok_or_else(|| Problem::field("labels", "string expected"))?;
    if name.contains(char::is_whitespace) {
        return Err(Problem::field("labels", format!("The label '{name}' contains spaces which is invalid.")));
    }
    Ok(name.to_owned())
}

fn described(value: &Value) -> Result<String, Problem> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        tree => document::check(tree).map(|()| document::to_text(tree)),
    }
}

/// A parameter of the query, decoded.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut all = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    all.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
