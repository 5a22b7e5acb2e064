//! Comments on work items.
//!
//! Comments want a preview version also where everything else is released; before 5.1 they could not be written.
//! Source: Microsoft, "Comments - Add", "Comments - Get Comments".

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::json::{self, item_url};
use super::located::Located;
use super::problem::Problem;

/// Comments on a page when nothing else is asked for, and the most.
pub(super) const MAX_PAGE: usize = 200;
/// The first version in which comments can be written.
const FIRST: (u32, u32) = (5, 1);

type Params = Query<HashMap<String, String>>;

/// Only as a preview, and not on an old server.
fn admit(at: &Located) -> Result<(), Problem> {
    if at.face.newest < FIRST {
        return Err(Problem::no_route());
    }
    if !at.version.is_preview || at.version.number < FIRST {
        let (a, b) = at.version.number;
        let message = format!(
            "The requested version \"{a}.{b}\" of the resource is under preview. The -preview flag must be supplied in \
             the api-version for such requests. For example: \"{a}.{b}-preview\""
        );
        return Err(Problem::bad_request("VssInvalidPreviewVersionException", message));
    }
    Ok(())
}

/// Oldest first unless asked otherwise.
pub(super) async fn list(at: Located, Query(params): Params) -> Result<Response, Problem> {
    admit(&at)?;
    let ticket = at.ticket()?;
    let size = number(&params, "$top")?.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let start = number(&params, "continuationToken")?.unwrap_or(0);
    let mut comments = ticket.comments.clone();
    if params.get("order").is_some_and(|order| order.eq_ignore_ascii_case("desc")) {
        comments.reverse();
    }
    let page: Vec<Value> =
        comments.iter().skip(start).take(size).map(|comment| json::comment(comment, &ticket, &at)).collect();
    let mut list = json!({
        "totalCount": comments.len(),
        "count": page.len(),
        "comments": page,
        "url": format!("{}/comments", item_url(&at, ticket.number)),
    });
    if start + size < comments.len() {
        let next = start + size;
        list["continuationToken"] = json!(next.to_string());
        list["nextPage"] = json!(format!("{}/comments?continuationToken={next}", item_url(&at, ticket.number)));
    }
    Ok(Json(list).into_response())
}

pub(super) async fn write(at: Located, Query(params): Params, Json(body): Json<Value>) -> Result<Response, Problem> {
    admit(&at)?;
    let ticket = at.ticket()?;
    if let Some(format) = params.get("format")
        && !["html", "markdown"].contains(&format.to_lowercase().as_str())
    {
        return Err(Problem::bad_request("VssPropertyValidationException", format!("format {format} is not valid")));
    }
    let Some(text) = body["text"].as_str().filter(|text| !text.trim().is_empty()) else {
        return Err(Problem::bad_request("VssPropertyValidationException", "Parameter name: text is required"));
    };
    if !at.tracker.can_write {
        return Err(Problem::may_not_save());
    }
    let comment = at.face.board.comment(&at.tracker.name, ticket.number, text).map_err(Problem::from_board)?;
    Ok(Json(json::comment(&comment, &ticket, &at)).into_response())
}

/// One's own comment alone. Source: Microsoft, "Comments - Update".
pub(super) async fn edit(at: Located, Json(body): Json<Value>) -> Result<Response, Problem> {
    admit(&at)?;
    let ticket = at.ticket()?;
    let asked = at.param("comment");
    let known = ticket.comments.iter().find(|one| one.id.to_string() == asked);
    let Some(comment) = known else {
        let message = format!("Comment {asked} of work item {} does not exist.", ticket.number);
        return Err(Problem::new(StatusCode::NOT_FOUND, "WorkItemCommentNotFoundException", message));
    };
    let Some(text) = body["text"].as_str().filter(|text| !text.trim().is_empty()) else {
        return Err(Problem::bad_request("VssPropertyValidationException", "Parameter name: text is required"));
    };
    if !at.tracker.can_write || *comment.author != *at.face.login {
        return Err(Problem::may_not_save());
    }
    let board = &at.face.board;
    let edited = board.edit_comment(&at.tracker.name, ticket.number, comment.id, text).map_err(Problem::from_board)?;
    Ok(Json(json::comment(&edited, &ticket, &at)).into_response())
}

/// A parameter that is a number.
pub(super) fn number(params: &HashMap<String, String>, name: &str) -> Result<Option<usize>, Problem> {
    let parse = |text: &String| {
        text.parse().map_err(|_| Problem::bad_request("VssPropertyValidationException", format!("{name} is no number")))
    };
    params.get(name).map(parse).transpose()
}
