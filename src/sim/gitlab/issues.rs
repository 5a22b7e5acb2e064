//! Issues: list, open, read, edit.
//!
//! What GitLab does here that clients trip over: a project's listing is of all states unless it is told otherwise; labels
//! in one call must all be present, in their exact spelling; labels are added and removed by name, an absent one without
//! a word, a missing one is created; somebody who may edit an issue and not label it is answered 200 with the labels as
//! they were; an issue that was moved stays behind, closed.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::fields::Fields;
use super::json;
use super::listing::Params;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::{BoardError, Edit, NewTicket, Query, Sort, StateFilter, TicketView};

/// The fields that an edit takes; GitLab wants one of them at least.
const EDITS: [&str; 6] = ["title", "description", "labels", "add_labels", "remove_labels", "state_event"];

pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let params = Params::parse(query.as_deref());
    let mut found = at.face.board.list(at.name(), &board_query(&params)?).map_err(Problem::from_board)?.items;
    let wanted_bare = [("any", false), ("none", true)].into_iter().find(|(word, _)| has_word(&params, word));
    let without = params.names("not[labels]");
    found.retain(|ticket| {
        let is_excluded = ticket.label_defs.iter().any(|label| without.contains(&label.name.as_str()));
        let is_bare_enough = wanted_bare.is_none_or(|(_, bare)| ticket.label_defs.is_empty() == bare);
        let is_wanted_type =
            params.get("issue_type").is_none_or(|wanted| wanted == (at.face.options.kind_of)(ticket).issue_type);
        at.shows(ticket) && !is_excluded && is_bare_enough && is_wanted_type
    });
    let with_details = params.get("with_labels_details") == Some("true");
    let render = |ticket: &TicketView| json::issue(ticket, &at, with_details);
    if at.face.options.cursors && params.get("pagination") == Some("keyset") {
        return Ok(params.behind_cursor(&found, &at.url, |ticket| ticket.id, render));
    }
    Ok(params.counted(&found, &at.url, at.face.options.totals_up_to, render))
}

/// `labels=None` and `labels=Any`, in any case, are no names.
fn has_word(params: &Params, word: &str) -> bool {
    params.names("labels").iter().any(|name| name.eq_ignore_ascii_case(word))
}

fn board_query(params: &Params) -> Result<Query, Problem> {
    let state = match params.get("state") {
        None | Some("all") => StateFilter::All,
        Some("opened") => StateFilter::Open,
        Some("closed") => StateFilter::Closed,
        Some(_) => return Err(Problem::bad_request("state does not have a valid value")),
    };
    let sort = match params.get("order_by") {
        None | Some("created_at") => Sort::Created,
        Some("updated_at") => Sort::Updated,
        Some(_) => return Err(Problem::bad_request("order_by does not have a valid value")),
    };
    let is_name = |name: &&&str| !name.eq_ignore_ascii_case("any") && !name.eq_ignore_ascii_case("none");
    let labels = params.names("labels").iter().filter(is_name).map(|name| (*name).to_owned()).collect();
    Ok(Query { state, labels, sort, ascending: params.ascending(), ..Query::default() })
}

pub(super) async fn read(at: Located) -> Result<Response, Problem> {
    let number = at.number()?;
    match at.face.board.look(at.name(), number) {
        Err(BoardError::Transferred { tracker, number: there }) => {
            let target = at.face.board.look(&tracker, there).map_err(Problem::from_board)?;
            Ok(Json(json::moved_issue(number, &target, &at)).into_response())
        }
        _ => Ok(Json(json::issue(&at.ticket()?, &at, false)).into_response()),
    }
}

/// Everybody who can see the project may open an issue; labels of a guest are dropped.
pub(super) async fn open(at: Located, fields: Fields) -> Result<Response, Problem> {
    let Some(title) = fields.text("title") else { return Err(Problem::bad_request("title is missing")) };
    let labels = fields.names("labels").filter(|_| at.tracker.can_write).unwrap_or_default();
    let new = NewTicket { title, body: fields.text("description").unwrap_or_default(), labels };
    let number = at.face.board.open_ticket(at.name(), new).map_err(Problem::from_board)?;
    let ticket = at.face.board.look(at.name(), number).map_err(Problem::from_board)?;
    Ok((StatusCode::CREATED, Json(json::issue(&ticket, &at, false))).into_response())
}

pub(super) async fn edit(at: Located, fields: Fields) -> Result<Response, Problem> {
    if EDITS.iter().all(|name| fields.names(name).is_none()) {
        let names = EDITS.join(", ");
        return Err(Problem::bad_request(&format!("{names} are missing, at least one parameter must be provided")));
    }
    if let Err(BoardError::Transferred { .. }) = at.face.board.look(at.name(), at.number()?) {
        return read(at).await;
    }
    let ticket = at.ticket()?;
    if !at.tracker.can_write && !at.is_author(&ticket) {
        return Err(Problem::forbidden());
    }
    let open = match fields.text("state_event").as_deref() {
        None => None,
        Some("close") => Some(false),
        Some("reopen") => Some(true),
        Some(_) => return Err(Problem::bad_request("state_event does not have a valid value")),
    };
    let labels = fields.names("labels").filter(|_| at.tracker.can_write);
    let edit = Edit { title: fields.text("title"), body: fields.text("description"), labels, open, ..Edit::default() };
    at.face.board.edit(at.name(), ticket.number, edit).map_err(Problem::from_board)?;
    if at.tracker.can_write {
        let names = |field: &str| fields.names(field).unwrap_or_default();
        change_labels(&at, &ticket, &names("add_labels"), &names("remove_labels"))?;
    }
    Ok(Json(json::issue(&at.ticket()?, &at, false)).into_response())
}

/// Adds and removes by name; no other label is looked at.
pub(super) fn change_labels(
    at: &Located,
    ticket: &TicketView,
    add: &[String],
    remove: &[String],
) -> Result<(), Problem> {
    if at.face.options.doubles_labels {
        let there = |name: &&String| ticket.label_defs.iter().any(|label| label.name == **name);
        add.iter().filter(there).for_each(|name| at.face.double(ticket.id, name));
    }
    at.face.board.add_labels(at.name(), ticket.number, add).map_err(Problem::from_board)?;
    for name in remove {
        match at.face.board.remove_label(at.name(), ticket.number, name) {
            Ok(_) | Err(BoardError::NoLabel(_)) => at.face.undouble(ticket.id, name),
            Err(error) => return Err(Problem::from_board(error)),
        }
    }
    Ok(())
}
