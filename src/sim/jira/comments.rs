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

/// Version 3 takes a document, version 2 a text; neither takes the other.
pub(super) async fn write(at: Located, body: Bytes) -> Result<Response, Problem> {
    at.admit_write()?;
    if !at.tracker.can_write {
        let message = "You do not have the permission to comment on this issue.";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let request: Value = serde_json::from_slice(&body).map_err(|_| Problem::unreadable())?;
    let body = &request["body"];
    let (text, tree) = match (at.face.version, body) {
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
    };
    let written = at.board().comment(&at.tracker.name, at.ticket.number, &text).map_err(Problem::from_board)?;
    if let Some(tree) = tree {
        at.face.documents.keep(written.id, tree);
    }
    let comment = json::comment(&written, &at.ticket, (&at.caller, &at.face));
    let location = comment["self"].as_str().unwrap_or_default().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(comment)).into_response())
}
