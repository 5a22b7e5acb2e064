//! What was changed on an issue, and whose doing it was.
//!
//! Cloud gives it in pages, the oldest first, at most a hundred on one; Data Center gives all of it with the issue, on
//! request. What an issue was created with is no change. Sources: Jira Cloud REST, "Get changelogs"; Jira Data Center REST,
//! "Get issue", `expand=changelog`.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::issues::parameter;
use super::json;
use super::located::Located;
use super::options::Deployment;
use crate::sim::board::{Event, What};

/// Cloud's largest page, and the usual one.
const MAX_PAGE: usize = 100;

pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Response {
    let number = |name: &str| parameter(query.as_deref(), name).and_then(|text| text.parse::<usize>().ok());
    let (start, limit) = (number("startAt").unwrap_or(0), number("maxResults").unwrap_or(MAX_PAGE).min(MAX_PAGE));
    let all = changes(&at);
    let page: Vec<Value> = all.iter().skip(start).take(limit).map(|change| history(&at, change)).collect();
    let page = json!({
        "self": format!("{}/issue/{}/changelog", at.caller.api, at.ticket.id),
        "startAt": start,
        "maxResults": limit,
        "total": all.len(),
        "isLast": start + page.len() >= all.len(),
        "values": page,
    });
    Json(page).into_response()
}

/// As Data Center puts it into the issue.
pub(super) fn whole(at: &Located) -> Value {
    let all: Vec<Value> = changes(at).iter().map(|change| history(at, change)).collect();
    json!({ "startAt": 0, "maxResults": all.len(), "total": all.len(), "histories": all })
}

/// What happened, and the item that says what changed by it.
type Change = (Event, Value);

fn changes(at: &Located) -> Vec<Change> {
    let events = at.board().history_of(&at.tracker.name, at.ticket.number);
    let mut labels: Vec<String> = Vec::new();
    let mut changes = Vec::new();
    let mut being_created = false;
    for event in events {
        being_created = match &event.what {
            What::Opened => true,
            // On the board the labels of a new issue are events of their own.
            What::LabelAdded(_) => being_created && event.actor == at.ticket.author,
            _ => false,
        };
        let before = labels.join(" ");
        match &event.what {
            What::LabelAdded(label) => labels.push(label.clone()),
            What::LabelRemoved(label) => labels.retain(|one| one != label),
            _ => {}
        }
        let item = match &event.what {
            What::LabelAdded(_) | What::LabelRemoved(_) => {
                json!({ "fromString": before, "toString": labels.join(" ") })
            }
            What::Closed => json!({ "from": "10000", "fromString": "To Do", "to": "10002", "toString": "Done" }),
            What::Reopened => json!({ "from": "10002", "fromString": "Done", "to": "10000", "toString": "To Do" }),
            What::TitleSet => json!({ "fromString": "", "toString": at.ticket.title }),
            _ => continue,
        };
        if !being_created {
            changes.push((event, item));
        }
    }
    changes
}

fn history(at: &Located, (event, item): &Change) -> Value {
    let mut item = item.clone();
    let field = match event.what {
        What::TitleSet => "summary",
        What::Closed | What::Reopened => "status",
        _ => "labels",
    };
    item["field"] = json!(field);
    item["fieldtype"] = json!("jira");
    for side in ["from", "to"] {
        if item[side].is_null() {
            item[side] = Value::Null;
        }
    }
    if at.face.options.deployment == Deployment::Cloud {
        item["fieldId"] = json!(field);
    }
    json!({
        "id": event.seq.to_string(),
        "author": json::user(&event.actor, &at.caller, &at.face),
        "created": json::time(event.at),
        "items": [item],
    })
}
