//! Comments on issues.

use axum::Json;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::document::{self, MAX_TEXT_CHARS};
use super::face::Version;
use super::issues::parameter;
use super::json;
use super::located::Located;
use super::problem::Problem;

/// Comments on a page when the request does not say.
const DEFAULT_PAGE: usize = 50;
/// Jira's largest page.
const MAX_PAGE: usize = 5_000;

/// Oldest first unless `orderBy=-created`.
pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Response {
    let number = |name: &str| parameter(query.as_deref(), name).and_then(|text| text.parse::<usize>().ok());
    let (start, limit) = (number("startAt").unwrap_or(0), number("maxResults").unwrap_or(DEFAULT_PAGE).min(MAX_PAGE));
    let mut all = at.ticket.comments.clone();
    if parameter(query.as_deref(), "orderBy").as_deref() == Some("-created") {
        all.reverse();
    }
    let page = all.iter().skip(start).take(limit);
    let comments: Vec<Value> = page.map(|one| json::comment(one, &at.ticket, (&at.caller, &at.face))).collect();
    Json(json!({ "startAt": start, "maxResults": limit, "total": all.len(), "comments": comments })).into_response()
}

pub(super) async fn write(at: Located, body: Bytes) -> Result<Response, Problem> {
    at.admit_write()?;
    if !at.tracker.can_write {
        let message = "You do not have the permission to comment on this issue.";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let (text, tree) = said(&at, &body)?;
    let written = at.board().comment(&at.tracker.name, at.ticket.number, &text).map_err(Problem::from_board)?;
    if let Some(tree) = tree {
        at.face.documents.keep(written.id, tree);
    }
    let comment = json::comment(&written, &at.ticket, (&at.caller, &at.face));
    let location = comment["self"].as_str().unwrap_or_default().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(comment)).into_response())
}

/// One's own comment alone. Source: Atlassian, "Update comment" (permission "Edit own comments").
pub(super) async fn edit(at: Located, body: Bytes) -> Result<Response, Problem> {
    at.admit_write()?;
    let known = at.ticket.comments.iter().find(|one| Some(one.id) == at.comment);
    let Some(comment) = known else {
        let id = at.comment.unwrap_or_default();
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("Can not find a comment for the id: {id}.")));
    };
    if !at.tracker.can_write || at.caller.login.as_deref() != Some(comment.author.as_str()) {
        let message = "You do not have the permission to edit this comment.";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let (text, tree) = said(&at, &body)?;
    let edited =
        at.board().edit_comment(&at.tracker.name, at.ticket.number, comment.id, &text).map_err(Problem::from_board)?;
    if let Some(tree) = tree {
        at.face.documents.keep(edited.id, tree);
    }
    Ok(Json(json::comment(&edited, &at.ticket, (&at.caller, &at.face))).into_response())
}

/// The text of a comment in a request, and its document in version 3: that takes a document, version 2 takes a text;
/// neither takes the other.
fn said(at: &Located, body: &Bytes) -> Result<(String, Option<Value>), Problem> {
    let request: Value = serde_json::from_slice(body).map_err(|_| Problem::unreadable())?;
    let body = &request["body"];
    Ok(match (at.face.version, body) {
        (Version::Three, tree) => {
            document::check(tree)?;
            (document::to_text(tree), Some(tree.clone()))
        }
        (Version::Two, Value::String(text)) if text.chars().count() > MAX_TEXT_CHARS => {
            return Err(Problem::field(
                "comment",
                format!("The entered text is too long. It exceeds the allowed limit of {MAX_TEXT_CHARS} characters."),
            ));
        }
        (Version::Two, Value::String(text)) => (text.clone(), None),
        (Version::Two, _) => return Err(Problem::field("comment", "Comment body can not be empty!")),
    })
}
