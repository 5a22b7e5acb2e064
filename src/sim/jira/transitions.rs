//! The transitions of an issue: which statuses it may be moved to, and the move.
//!
//! Source: Jira REST, "Get transitions" and "Transition issue". The workflow: to the next status or one back, and from
//! anywhere but the first to the last.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::json::{self, STATUSES};
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::Edit;

pub(super) async fn list(at: Located) -> Response {
    let transitions: Vec<Value> = possible(&at)
        .map(|index| {
            let status = STATUSES[index];
            json!({
                "id": (index + 11).to_string(),
                "name": format!("Move to {}", status.1),
                "to": json::status(status, &at.caller),
                "hasScreen": false,
                "isGlobal": false,
                "isInitial": false,
                "isAvailable": true,
                "isConditional": false,
                "isLooped": false,
            })
        })
        .collect();
    Json(json!({ "expand": "transitions", "transitions": transitions })).into_response()
}

pub(super) async fn carry_out(at: Located, Json(body): Json<Value>) -> Result<Response, Problem> {
    at.admit_write()?;
    let asked = body["transition"]["id"].as_str().and_then(|id| id.parse::<usize>().ok());
    let Some(index) = asked.and_then(|id| possible(&at).find(|index| index + 11 == id)) else {
        let message = "It seems that you have tried to perform an illegal workflow operation.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, message));
    };
    let (_, name, _, category, _) = STATUSES[index];
    let status = ["In Progress", "In Review"].contains(&name).then(|| name.to_owned());
    let edit = Edit { open: Some(category != "done"), status, ..Edit::default() };
    at.board().edit(&at.tracker.name, at.ticket.number, edit).map_err(Problem::from_board)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where the issue may go; nowhere for whoever may not write.
fn possible(at: &Located) -> impl Iterator<Item = usize> {
    let usual = if at.ticket.open { "To Do" } else { "Done" };
    let name = at.ticket.status.as_deref().unwrap_or(usual);
    let here = STATUSES.iter().position(|(_, known, ..)| *known == name).unwrap_or(0);
    let may = at.tracker.can_write;
    let last = STATUSES.len() - 1;
    (0..STATUSES.len()).filter(move |&to| may && to != here && (to.abs_diff(here) == 1 || (here > 0 && to == last)))
}
