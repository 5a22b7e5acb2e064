//! Issues: list, open, read, edit.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::Value;

use super::body::{JsonBody, names_in, text};
use super::json;
use super::listing::Params;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::{Edit, NewTicket};

/// Issues and pull requests, mixed.
pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref());
    let page = at.board.list(at.name(), &params.issue_query()?).map_err(Problem::from_board)?;
    let items: Value = page.items.iter().map(|ticket| json::issue(ticket, &at)).collect();
    Ok(params.answer(items, &format!("{}/issues", at.by_id()), page.next, page.next.is_some()))
}

pub(super) async fn read(at: Located) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    Ok(Json(json::issue(&ticket, &at)).into_response())
}

/// Anybody who can see the repository may open an issue; labels of somebody without push access are dropped.
pub(super) async fn open(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let Some(title) = text(&body, "title")? else {
        return Err(Problem::invalid_field("Issue", "title", "missing_field"));
    };
    let labels = body.get("labels").map(names_in).transpose()?.unwrap_or_default();
    let labels = if at.tracker.can_write { labels } else { Vec::new() };
    let new = NewTicket { title, body: text(&body, "body")?.unwrap_or_default(), labels };
    let number = at.board.open_ticket(at.name(), new).map_err(|error| at.problem(error))?;
    let ticket = at.board.look(at.name(), number).map_err(|error| at.problem(error))?;
    let issue = json::issue(&ticket, &at);
    let location = issue["url"].as_str().unwrap_or_default().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(issue)).into_response())
}

/// Without push access labels are dropped without a word; other changes are refused.
pub(super) async fn edit(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let open = match text(&body, "state")?.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(Problem::invalid_field("Issue", "state", "invalid")),
    };
    let mut edit = Edit {
        title: text(&body, "title")?,
        body: match body.get("body") {
            Some(Value::Null) => Some(String::new()),
            _ => text(&body, "body")?,
        },
        labels: body.get("labels").map(names_in).transpose()?,
        open,
        status: None,
    };
    if !at.tracker.can_write {
        at.ticket()?;
        edit.labels = None;
        if edit.title.is_some() || edit.body.is_some() || edit.open.is_some() {
            return Err(Problem::new(StatusCode::FORBIDDEN, "Must have admin rights to Repository."));
        }
    }
    let ticket = at.board.edit(at.name(), at.number()?, edit).map_err(|error| at.problem(error))?;
    Ok(Json(json::issue(&ticket, &at)).into_response())
}
