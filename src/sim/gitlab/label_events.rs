//! Which labels came to an issue and went, and whose doing it was: oldest first, in counted pages.

use axum::extract::RawQuery;
use axum::response::Response;
use serde_json::{Value, json};

use super::json;
use super::listing::Params;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::{Event, TicketView, What};

/// Source: GitLab REST, "List project issue label events". A label that the issue was created with is an event as well.
pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let events = at.face.board.history_of(at.name(), ticket.number);
    let rendered: Vec<Value> = events.iter().filter_map(|event| render(event, &ticket, &at)).collect();
    let params = Params::parse(query.as_deref());
    Ok(params.counted(&rendered, &at.url, at.face.options.totals_up_to, Value::clone))
}

fn render(event: &Event, ticket: &TicketView, at: &Located) -> Option<Value> {
    let (action, name) = match &event.what {
        What::LabelAdded(label) => ("add", label),
        What::LabelRemoved(label) => ("remove", label),
        _ => return None,
    };
    let mut user = json::user(&event.actor, &at.caller);
    // Only a user that is asked for by name says so.
    if let Some(user) = user.as_object_mut() {
        user.remove("bot");
    }
    Some(json!({
        "id": event.seq,
        "user": user,
        "created_at": json::time(event.at),
        "resource_type": "Issue",
        "resource_id": ticket.id,
        "label": at.face.board.label(at.name(), name).map(|label| json::label(&label)),
        "action": action,
    }))
}
