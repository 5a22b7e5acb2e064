//! Work items: read one, read many.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json;
use super::located::{Located, Organization};
use super::problem::Problem;
use crate::sim::board::BoardError;

/// Source: Microsoft, "Work Items - Get Work Items Batch": at most 200.
const MAX_BATCH: usize = 200;

type Params = Query<HashMap<String, String>>;

pub(super) async fn read(at: Located, Query(params): Params) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let only = only(&params)?;
    Ok(Json(json::item(&ticket, only.as_deref(), &at)).into_response())
}

/// Without a project in the path: wherever the work item is now.
pub(super) async fn read_anywhere(organization: Organization, Query(params): Params) -> Result<Response, Problem> {
    let number = organization.param("number");
    let Ok(wanted) = number.parse::<u64>() else { return Err(Problem::no_item(number)) };
    let only = only(&params)?;
    let board = &organization.face.board;
    let mut here = Vec::new();
    for tracker in organization.trackers() {
        match board.look(&tracker.name, wanted) {
            Ok(ticket) => here.push((tracker.name, ticket)),
            // The number here is the board's; Azure DevOps would keep the old one, and so does the answer.
            Err(BoardError::Transferred { tracker, number }) => {
                if board.tracker(&tracker).is_none_or(|there| there.hidden) {
                    return Err(Problem::no_item(wanted));
                }
                let ticket = board.look(&tracker, number).map_err(Problem::from_board)?;
                here = vec![(tracker, crate::sim::board::TicketView { number: wanted, ..ticket })];
                break;
            }
            Err(BoardError::Deleted { .. }) => return Err(Problem::no_item(wanted)),
            Err(_) => {}
        }
    }
    let (name, ticket) = here.pop().filter(|(_, ticket)| !ticket.is_pull_request).ok_or(Problem::no_item(wanted))?;
    let at = organization.at(&name).ok_or(Problem::no_item(wanted))?;
    Ok(Json(json::item(&ticket, only.as_deref(), &at)).into_response())
}

/// The fields in `?fields=a,b`; together with `$expand` they are refused.
fn only(params: &HashMap<String, String>) -> Result<Option<Vec<String>>, Problem> {
    let fields = params.get("fields").map(|fields| fields.split(',').map(|name| name.trim().to_owned()).collect());
    let expands = params.get("$expand").is_some_and(|expand| !expand.eq_ignore_ascii_case("none"));
    match (&fields, expands) {
        (Some(_), true) => Err(both()),
        _ => Ok(fields),
    }
}

fn both() -> Problem {
    Problem::bad_request(
        "ConflictingParametersException",
        "The expand parameter can not be used with the fields parameter.",
    )
}

/// A batch as it is asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wanted {
    #[serde(default)]
    ids: Vec<u64>,
    #[serde(default)]
    fields: Option<Vec<String>>,
    #[serde(default, rename = "$expand")]
    expand: Option<String>,
    #[serde(default)]
    error_policy: Option<String>,
}

/// What is missing fails the batch, unless the caller asks for nulls.
pub(super) async fn batch(at: Located, Json(wanted): Json<Wanted>) -> Result<Response, Problem> {
    let invalid = |message: String| Problem::bad_request("VssPropertyValidationException", message);
    if wanted.ids.is_empty() {
        return Err(invalid("VS403474: The parameter ids is required.".to_owned()));
    }
    if wanted.ids.len() > MAX_BATCH {
        let count = wanted.ids.len();
        return Err(invalid(format!("VS403474: You requested {count} work items, the limit is {MAX_BATCH}.")));
    }
    if wanted.fields.is_some() && wanted.expand.is_some_and(|expand| !expand.eq_ignore_ascii_case("none")) {
        return Err(both());
    }
    let omits = wanted.error_policy.is_some_and(|policy| policy.eq_ignore_ascii_case("omit"));
    let mut value = Vec::with_capacity(wanted.ids.len());
    for number in wanted.ids {
        match at.look(number) {
            Ok(ticket) => value.push(json::item(&ticket, wanted.fields.as_deref(), &at)),
            Err(_) if omits => value.push(Value::Null),
            Err(problem) => return Err(problem),
        }
    }
    Ok(Json(json!({ "count": value.len(), "value": value })).into_response())
}

/// The states of a type. Source: Microsoft, "Work Item Type States - List".
pub(super) async fn states(at: Located) -> Response {
    let (open, closed) = &at.face.states;
    let state = |name: &str, category: &str| json!({ "name": name, "color": "b2b2b2", "category": category });
    let states = [state(open, "Proposed"), state(super::patch::ACTIVE, "InProgress"), state(closed, "Completed")];
    Json(json!({ "count": states.len(), "value": states })).into_response()
}
