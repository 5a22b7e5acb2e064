//! Labels of issues and of repositories.
//!
//! What GitHub does here that clients trip over: adding creates a missing label; names are one label whatever their
//! case, and the first spelling stays; removing an absent one is 404; without push access a write is answered with
//! 200 and the labels as they were.

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
use crate::sim::board::{BoardError, TicketView};

/// The label names in a body that is `{"labels": …}` or the array alone.
fn names_in_body(body: &Value) -> Result<Vec<String>, Problem> {
    names_in(if body.is_array() { body } else { &body["labels"] })
}

pub(super) async fn of_issue(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let path = format!("{}/issues/{}/labels", at.by_id(), ticket.number);
    let params = Params::parse(query.as_deref());
    Ok(params.counted_page(&ticket.label_defs, &path, |label| json::label(label, &at)))
}

pub(super) async fn add(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let names = names_in_body(&body)?;
    if names.is_empty() {
        return Err(Problem::invalid_request("No subschema in \"anyOf\" matched: labels needs at least one item."));
    }
    write(&at, |number| at.board.add_labels(at.name(), number, &names))
}

pub(super) async fn replace(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let names = names_in_body(&body)?;
    write(&at, |number| at.board.set_labels(at.name(), number, &names))
}

pub(super) async fn remove(at: Located) -> Result<Response, Problem> {
    write(&at, |number| at.board.remove_label(at.name(), number, at.param("name")))
}

pub(super) async fn remove_all(at: Located) -> Result<StatusCode, Problem> {
    write(&at, |number| at.board.set_labels(at.name(), number, &[]))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Does `act` if the caller may, and answers with the labels as they are afterwards either way.
fn write(at: &Located, act: impl FnOnce(u64) -> Result<TicketView, BoardError>) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let ticket = if at.tracker.can_write { act(ticket.number).map_err(|error| at.problem(error))? } else { ticket };
    Ok(Json(json::labels(&ticket.label_defs, at)).into_response())
}

pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Response {
    let labels = at.board.labels(at.name());
    let path = format!("{}/labels", at.by_id());
    Params::parse(query.as_deref()).counted_page(&labels, &path, |label| json::label(label, &at))
}

pub(super) async fn read(at: Located) -> Result<Response, Problem> {
    let label = at.board.label(at.name(), at.param("name")).ok_or_else(Problem::not_found)?;
    Ok(Json(json::label(&label, &at)).into_response())
}

/// Without push access the operation does not exist.
pub(super) async fn create(at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    if !at.tracker.can_write {
        return Err(Problem::not_found());
    }
    let Some(name) = text(&body, "name")? else {
        return Err(Problem::invalid_field("Label", "name", "missing_field"));
    };
    let color = text(&body, "color")?.unwrap_or_else(|| "ededed".to_owned());
    let description = text(&body, "description")?;
    let label = at.board.create_label(at.name(), &name, &color, description).map_err(|error| at.problem(error))?;
    let label = json::label(&label, &at);
    let location = label["url"].as_str().unwrap_or_default().to_owned();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(label)).into_response())
}
