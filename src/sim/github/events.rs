//! What happened to an issue, as GitHub lists it: oldest first, in counted pages.

use axum::extract::RawQuery;
use axum::response::Response;
use serde_json::{Value, json};

use super::json;
use super::listing::Params;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::{Event, What};

/// Source: GitHub REST, "List issue events". Opening and comments are none; a label that the issue was opened with is one.
pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let ticket = at.ticket()?;
    let path = format!("{}/issues/{}/events", at.by_id(), ticket.number);
    let mut events = at.board.history_of(at.name(), ticket.number);
    events.retain(|event| name_of(event).is_some());
    Ok(Params::parse(query.as_deref()).counted_page(&events, &path, |event| render(event, &at)))
}

/// `None` for what is no event on GitHub.
fn name_of(event: &Event) -> Option<&'static str> {
    match event.what {
        What::LabelAdded(_) => Some("labeled"),
        What::LabelRemoved(_) => Some("unlabeled"),
        What::Closed => Some("closed"),
        What::Reopened => Some("reopened"),
        What::TitleSet => Some("renamed"),
        _ => None,
    }
}

fn render(event: &Event, at: &Located) -> Value {
    let mut rendered = json!({
        "id": event.seq,
        "node_id": json::node_id("LE", event.seq),
        "url": format!("{}/issues/events/{}", json::repo_url(at), event.seq),
        "actor": json::user(&event.actor, &at.caller),
        "event": name_of(event),
        "commit_id": null,
        "commit_url": null,
        "created_at": json::time(event.at),
        "performed_via_github_app": null,
    });
    if let What::LabelAdded(label) | What::LabelRemoved(label) = &event.what {
        let color = at.board.label(at.name(), label).map(|known| known.color.clone());
        rendered["label"] = json!({ "name": label, "color": color });
    }
    rendered
}
