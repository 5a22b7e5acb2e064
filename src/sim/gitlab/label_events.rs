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
    let mut events = at.face.board.history_of(at.name(), ticket.number);
    events.retain(|event| parts(event).is_some());
    let params = Params::parse(query.as_deref());
    Ok(params.counted(&events, &at.url, at.face.options.totals_up_to, |event| render(event, &ticket, &at)))
}

/// The action and the label; `None` for what is not about labels.
fn parts(event: &Event) -> Option<(&'static str, &str)> {
    match &event.what {
        What::LabelAdded(label) => Some(("add", label)),
        What::LabelRemoved(label) => Some(("remove", label)),
        _ => None,
    }
}

fn render(event: &Event, ticket: &TicketView, at: &Located) -> Value {
    let (action, name) = parts(event).unzip();
    let mut user = json::user(&event.actor, &at.caller);
    // Only a user that is asked for by name says so.
    if let Some(user) = user.as_object_mut() {
        user.remove("bot");
    }
    json!({
        "id": event.seq,
        "user": user,
        "created_at": json::time(event.at),
        "resource_type": "Issue",
        "resource_id": ticket.id,
        "label": name.and_then(|name| at.face.board.label(at.name(), name)).map(|label| json::label(&label)),
        "action": action,
    })
}
