//! Comments on issues. Quick actions in them are carried out and taken out of the text.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::fields::Fields;
use super::issues::change_labels;
use super::json;
use super::listing::Params;
use super::located::Located;
use super::orders::{Order, extract};
use super::problem::Problem;
use crate::sim::board::TicketView;

/// Newest first, unless asked otherwise.
pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let params = Params::parse(query.as_deref());
    let mut comments = ticket.comments.clone();
    if !params.ascending() {
        comments.reverse();
    }
    let render = |comment: &_| json::note(comment, &ticket, &at);
    Ok(params.counted(&comments, &at.url, at.face.options.totals_up_to, |comment| render(comment)))
}

/// Anybody who can see the ticket may comment; orders need the right to write. A note of nothing but orders is not kept.
pub(super) async fn write(at: Located, fields: Fields) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let Some(body) = fields.text("body") else { return Err(Problem::bad_request("body is missing")) };
    let (text, orders) = extract(&body);
    for order in orders.iter().filter(|_| at.tracker.can_write) {
        carry_out(&at, &ticket, order)?;
    }
    if text.is_empty() && !orders.is_empty() {
        let summary = format!("Applied {} quick actions.", orders.len());
        return Ok(
            (StatusCode::ACCEPTED, Json(json!({ "commands_changes": {}, "summary": [summary] }))).into_response()
        );
    }
    let comment = at.face.board.comment(at.name(), ticket.number, &text).map_err(Problem::from_board)?;
    Ok((StatusCode::CREATED, Json(json::note(&comment, &ticket, &at))).into_response())
}

/// One's own note, or with the right to write anybody's. Orders in the new text are carried out as well.
/// (GitLab, `app/services/notes/update_service.rb`.)
pub(super) async fn edit(at: Located, fields: Fields) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let number = at.param("note").parse().ok();
    let note = ticket.comments.iter().find(|one| Some(one.id) == number).ok_or_else(Problem::not_found)?;
    if !at.tracker.can_write && at.caller.login.as_deref() != Some(note.author.as_str()) {
        return Err(Problem::forbidden());
    }
    let Some(body) = fields.text("body") else { return Err(Problem::bad_request("body is missing")) };
    let (text, orders) = extract(&body);
    for order in orders.iter().filter(|_| at.tracker.can_write) {
        carry_out(&at, &ticket, order)?;
    }
    let board = &at.face.board;
    let edited = board.edit_comment(at.name(), ticket.number, note.id, &text).map_err(Problem::from_board)?;
    Ok(Json(json::note(&edited, &ticket, &at)).into_response())
}

/// Anybody who can see the ticket may react, once with each emoji. Source: GitLab REST, "Add an emoji reaction to a
/// comment"; what is said of the second is what the application says.
pub(super) async fn award(at: Located, fields: Fields) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let Some(name) = fields.text("name") else { return Err(Problem::bad_request("name is missing")) };
    let note = at.param("note").parse().ok().filter(|note| ticket.comments.iter().any(|one| one.id == *note));
    let note: u64 = note.ok_or_else(Problem::not_found)?;
    if !at.face.board.react(at.name(), note, &name).map_err(Problem::from_board)? {
        let message = "404 Award Emoji Name has already been taken Not Found";
        return Err(Problem::message(StatusCode::NOT_FOUND, message));
    }
    let by = at.caller.login.clone().unwrap_or_default();
    let award = json!({
        "id": note,
        "name": name,
        "user": json::user(&by, &at.caller),
        "created_at": json::time(chrono::Utc::now()),
        "awardable_id": note,
        "awardable_type": "Note",
        "url": null,
    });
    Ok((StatusCode::CREATED, Json(award)).into_response())
}

fn carry_out(at: &Located, ticket: &TicketView, order: &Order) -> Result<(), Problem> {
    let board = &at.face.board;
    match order {
        Order::Close => board.close(at.name(), ticket.number).map_err(Problem::from_board),
        Order::Reopen => board.reopen(at.name(), ticket.number).map_err(Problem::from_board),
        Order::Label(names) => change_labels(at, ticket, names, &[]),
        Order::Unlabel(names) => change_labels(at, ticket, &[], names),
    }
}
