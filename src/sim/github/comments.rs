//! Comments on issues and pull requests.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use super::body::{JsonBody, text};
use super::json;
use super::listing::Params;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::{Comment, TicketView};

/// Oldest first.
pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let params = Params::parse(query.as_deref());
    let since = params.since()?;
    let mut comments = ticket.comments.clone();
    comments.retain(|comment| since.is_none_or(|since| comment.at >= since));
    let path = format!("{}/issues/{}/comments", at.by_id(), ticket.number);
    Ok(params.counted_page(&comments, &path, |comment| json::comment(comment, &ticket, &at)))
}

/// The reactions that there are. Source: GitHub REST, "Create reaction for an issue comment".
const REACTIONS: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

/// 200 when the caller has reacted so before.
pub(super) async fn react(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let content = text(&body, "content")?.unwrap_or_default();
    if !REACTIONS.contains(&content.as_str()) {
        return Err(Problem::invalid_field("Reaction", "content", "invalid"));
    }
    let comment: u64 = at.param("comment").parse().map_err(|_| Problem::not_found())?;
    let is_new = at.board.react(at.name(), comment, &content).map_err(|_| Problem::not_found())?;
    let by = at.caller.login.clone().unwrap_or_default();
    let reaction = serde_json::json!({
        "id": comment,
        "node_id": json::node_id("REA", comment),
        "user": json::user(&by, &at.caller),
        "content": content,
        "created_at": json::time(chrono::Utc::now()),
    });
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(reaction)).into_response())
}

/// One's own comment, or with the right to write anybody's. The address does not name the ticket.
pub(super) async fn edit(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let comment: u64 = at.param("comment").parse().map_err(|_| Problem::not_found())?;
    let has_it = |ticket: &TicketView| ticket.comments.iter().any(|one| one.id == comment);
    let ticket = at.board.tickets(at.name()).into_iter().find(has_it).ok_or_else(Problem::not_found)?;
    let is_own = |one: &Comment| at.caller.login.as_deref() == Some(one.author.as_str());
    if !at.tracker.can_write && !ticket.comments.iter().any(|one| one.id == comment && is_own(one)) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "Must have admin rights to Repository."));
    }
    let Some(text) = text(&body, "body")? else {
        return Err(Problem::invalid_field("IssueComment", "body", "missing_field"));
    };
    let edited = at.board.edit_comment(at.name(), ticket.number, comment, &text).map_err(|error| at.problem(error))?;
    Ok(Json(json::comment(&edited, &ticket, &at)).into_response())
}

/// Anybody who can see the ticket may comment.
pub(super) async fn write(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let Some(text) = text(&body, "body")? else {
        return Err(Problem::invalid_field("IssueComment", "body", "missing_field"));
    };
    let comment = at.board.comment(at.name(), ticket.number, &text).map_err(|error| at.problem(error))?;
    let comment = json::comment(&comment, &ticket, &at);
    let location = comment["url"].as_str().unwrap_or_default().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(comment)).into_response())
}
