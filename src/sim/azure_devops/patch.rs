//! A JSON Patch on a work item: all of it on one revision, or nothing.
//!
//! Source: Microsoft, "Work Items - Update": `add` on `System.Tags` merges, `replace` sets; a failed `test /rev` is 412
//! (VS403351). Not documented is `replace` on a field that is absent; here it is refused, which is the strict reading
//! of JSON Patch.

use axum::Json;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::json;
use super::located::Located;
use super::problem::Problem;
use super::tags::split;
use crate::sim::board::{Edit, TicketView};
use crate::ticket::same_label;

/// Tries of a patch without `test /rev` when somebody else writes in between.
const MAX_TRIES: usize = 100;

#[derive(Debug, Deserialize)]
struct Operation {
    op: String,
    path: String,
    #[serde(default)]
    value: Value,
}

/// What a patch comes to on one revision.
#[derive(Debug, Default)]
struct Outcome {
    edit: Edit,
    comment: Option<String>,
}

pub(super) async fn update(at: Located, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json-patch+json") {
        let message = format!(
            "The request indicated a Content-Type of \"{kind}\" for method type \"PATCH\" which is not supported. \
             Valid content types for this method are: application/json-patch+json."
        );
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "VssRequestContentTypeNotSupportedException", message));
    }
    let patch: Vec<Operation> = serde_json::from_slice(&body).map_err(|_| {
        Problem::bad_request("VssPropertyValidationException", "You must pass a valid patch document in the body.")
    })?;
    for _ in 0..MAX_TRIES {
        let ticket = at.ticket()?;
        let outcome = apply(&patch, &ticket, &at)?;
        if !at.tracker.can_write {
            return Err(Problem::may_not_save());
        }
        if let Some(tags) = &outcome.edit.labels
            && !at.face.may_create_tags
            && tags.iter().any(|tag| at.face.board.label(&at.tracker.name, tag).is_none())
        {
            return Err(Problem::may_not_create_tags());
        }
        let (name, on) = (&at.tracker.name, (ticket.number, ticket.revision));
        let written = at.face.board.edit_revision(name, on, outcome.edit, outcome.comment.as_deref());
        // `None`: somebody wrote between our look and our write; with a test the next round refuses.
        if let Some(ticket) = written.map_err(Problem::from_board)? {
            return Ok(Json(json::item(&ticket, None, &at)).into_response());
        }
    }
    let message = "TF26071: This work item has been changed by someone else since you opened it.";
    Err(Problem::new(StatusCode::CONFLICT, "WorkItemRevisionMismatchException", message))
}

fn apply(patch: &[Operation], ticket: &TicketView, at: &Located) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    let mut tags: Vec<String> = ticket.labels.iter().map(str::to_owned).collect();
    for operation in patch {
        let value = || match &operation.value {
            Value::String(text) => Ok(text.clone()),
            other => Err(Problem::rule(format!("TF401320: {other} is not a valid value for {}", operation.path))),
        };
        match (operation.op.as_str(), operation.path.as_str()) {
            ("test", "/rev") => {
                let tested = operation.value.as_u64().or_else(|| operation.value.as_str()?.parse().ok());
                if tested != Some(ticket.revision) {
                    return Err(Problem::stale(ticket.revision, &operation.value));
                }
            }
            ("add", "/fields/System.Tags") => {
                let new = split(&value()?);
                tags.extend(new.into_iter().filter(|tag| !ticket.labels.contains(tag)));
            }
            ("replace" | "remove", "/fields/System.Tags") if ticket.labels.iter().next().is_none() => {
                let message = "TF51535: The field System.Tags has no value that could be replaced or removed.";
                return Err(Problem::bad_request("InvalidPatchFieldNameException", message));
            }
            ("replace", "/fields/System.Tags") => tags = split(&value()?),
            ("remove", "/fields/System.Tags") => tags.clear(),
            ("add", "/fields/System.History") => outcome.comment = Some(value()?).filter(|text| !text.is_empty()),
            ("add" | "replace", "/fields/System.Title") => outcome.edit.title = Some(value()?),
            ("add" | "replace", "/fields/System.Description") => outcome.edit.body = Some(value()?),
            ("add" | "replace", "/fields/System.State") => {
                let state = value()?;
                outcome.edit.open = Some(is_open(&state, at)?);
                outcome.edit.status = state.eq_ignore_ascii_case(ACTIVE).then(|| ACTIVE.to_owned());
            }
            (op, path) => {
                let message = format!("TF51535: Cannot find field {path} for operation {op}.");
                return Err(Problem::bad_request("InvalidPatchFieldNameException", message));
            }
        }
    }
    let mut set: Vec<String> = Vec::new();
    for tag in tags {
        if !set.iter().any(|known| same_label(known, &tag)) {
            set.push(tag);
        }
    }
    if patch.iter().any(|operation| operation.path == "/fields/System.Tags") {
        outcome.edit.labels = Some(set);
    }
    Ok(outcome)
}

/// The third state, which every process has under some name.
pub(super) const ACTIVE: &str = "Active";

/// The board knows two states, and one more by its name.
fn is_open(state: &str, at: &Located) -> Result<bool, Problem> {
    let (open, closed) = &at.face.states;
    let open_too = state.eq_ignore_ascii_case(ACTIVE);
    match (open_too || state.eq_ignore_ascii_case(open), state.eq_ignore_ascii_case(closed)) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(Problem::rule(format!(
            "TF401347: The field 'State' contains the value '{state}' that is not in the list of supported values"
        ))),
    }
}
