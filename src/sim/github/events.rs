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
    let events = at.board.history_of(at.name(), ticket.number);
    let rendered: Vec<Value> = events.iter().filter_map(|event| render(event, &at)).collect();
    Ok(Params::parse(query.as_deref()).counted_page(&rendered, &path, Value::clone))
}

fn render(event: &Event, at: &Located) -> Option<Value> {
    let (name, label) = match &event.what {
        What::LabelAdded(label) => ("labeled", Some(label)),
        What::LabelRemoved(label) => ("unlabeled", Some(label)),
        What::Closed => ("closed", None),
        What::Reopened => ("reopened", None),
        What::TitleSet => ("renamed", None),
        _ => return None,
    };
    let mut rendered = json!({
        "id": event.seq,
        "node_id": json::node_id("LE", event.seq),
        "url": format!("{}/issues/events/{}", json::repo_url(at), event.seq),
        "actor": json::user(&event.actor, &at.caller),
        "event": name,
        "commit_id": null,
        "commit_url": null,
        "created_at": json::time(event.at),
        "performed_via_github_app": null,
    });
    if let Some(label) = label {
        let color = at.board.label(at.name(), label).map(|known| known.color.clone());
        rendered["label"] = json!({ "name": label, "color": color });
    }
    Some(rendered)
}
