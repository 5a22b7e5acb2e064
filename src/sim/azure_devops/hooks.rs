//! The deliveries of Azure DevOps' service hooks.
//!
//! Source of the shapes: Microsoft's documentation of service hook events, resource version 1.0. A subscription is for one
//! event; a hook here stands for one on each of the five. The proof is a password or a header, never a signature, and
//! nothing but the body says what happened. Source of what follows a failure: Microsoft, "Troubleshoot service hooks".

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, Utc};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::face::Face;
use super::guard::{Caller, Version};
use super::json::{self, guid, item_url};
use super::located::Located;
use super::tags::joined;
use crate::sim::board::{Happening, TicketView, What};
use crate::sim::hooks::{Auth, Dialect, Draft, Message, Next, Sending};

/// Pauses before the retries of a failure that passes.
const PAUSES: [u64; 8] = [1, 2, 4, 8, 16, 32, 60, 60];
/// The events, in the order in which subscriptions to them are numbered.
const EVENTS: [&str; 5] =
    ["workitem.created", "workitem.updated", "workitem.commented", "workitem.deleted", "workitem.restored"];

/// How Azure DevOps speaks.
pub(super) fn dialect(face: Face) -> Dialect {
    Dialect {
        render: Box::new(move |happening, draft| render(&face, happening, draft)),
        headers,
        next: |after| match (after.status, PAUSES.get(after.retries as usize)) {
            _ if after.is_good() => Next::Rest,
            (Some(408 | 502 | 503 | 504) | None, Some(pause)) => Next::Retry(Duration::from_secs(*pause)),
            (Some(408 | 502 | 503 | 504) | None, None) => Next::Rest,
            // 410 at once and for good; everything else is probation, in which new events are lost as well.
            _ => Next::Disable,
        },
    }
}

fn headers(sending: &Sending<'_>) -> Vec<(String, String)> {
    let mut headers = HeaderMap::<String>::default();
    headers.insert("user-agent", "VSServices/20.273.0 (w3wp.exe)".to_owned());
    headers.insert("accept", "*/*".to_owned());
    if let Auth::Secret(password) = sending.auth {
        headers.insert("authorization", format!("Basic {}", STANDARD.encode(format!("hook:{password}"))));
    }
    headers.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
}

fn render(face: &Face, happening: &Happening, draft: &Draft<'_>) -> Vec<Message> {
    let ticket = &happening.ticket;
    // A pull request is not a work item.
    if ticket.is_pull_request {
        return Vec::new();
    }
    let api = format!("{}{}", draft.origin, face.prefix);
    let version = Version { number: face.newest, is_preview: false };
    let caller = Caller { api, origin: draft.origin.to_owned() };
    let at = Located::of(face.clone(), happening.tracker.clone(), caller, version);
    let event = Event { happening, draft, at: &at };
    if happening.is(&What::Opened) {
        return vec![event.message("workitem.created", event.item(None))];
    }
    if happening.is(&What::Deleted) {
        return vec![event.message("workitem.deleted", event.item(None))];
    }
    // What an edited comment brings is not documented; the worst would be the same as a new one.
    let comments = happening.comments().chain(happening.edited_comments());
    let comments = comments.filter_map(|id| ticket.comments.iter().find(|comment| comment.id == id));
    let comments = comments.map(|comment| event.message("workitem.commented", event.item(Some(&comment.body))));
    let update = event.changes();
    let update = (!update.is_empty()).then(|| event.message("workitem.updated", event.update(update)));
    update.into_iter().chain(comments).collect()
}

struct Event<'a> {
    happening: &'a Happening,
    draft: &'a Draft<'a>,
    at: &'a Located,
}

impl Event<'_> {
    fn message(&self, event_type: &str, resource: Value) -> Message {
        let resource = match self.draft.hook.is_minimal {
            true => minimal(&resource),
            false => resource,
        };
        let (happening, collection) = (self.happening, self.at.collection());
        let kind = EVENTS.iter().position(|known| *known == event_type).unwrap_or_default() as u64;
        let text = format!("Issue #{} ({}) changed", happening.ticket.number, happening.ticket.title);
        let container = |id: u64| json!({ "id": guid(id), "baseUrl": format!("{collection}/") });
        let body = json!({
            "subscriptionId": format!("b3d4c5e6-0000-4000-8000-{:012x}", self.draft.hook_number * 10 + kind),
            "notificationId": self.draft.sent_before + 1,
            "id": uuid::Uuid::now_v7().to_string(),
            "eventType": event_type,
            "publisherId": "tfs",
            "message": { "text": text, "html": text, "markdown": text },
            "detailedMessage": { "text": text, "html": text, "markdown": text },
            "resource": resource,
            "resourceVersion": "1.0",
            "resourceContainers": {
                "collection": container(1),
                "account": container(2),
                "project": container(happening.tracker.id),
            },
            "createdDate": Utc::now().to_rfc3339_opts(SecondsFormat::Nanos, true),
        });
        Message { event: event_type.to_owned(), body }
    }

    /// The work item as it is, with the comment that an event is about.
    fn item(&self, comment: Option<&str>) -> Value {
        let mut fields = self.fields();
        if let Some(comment) = comment {
            fields.insert("System.History".to_owned(), json!(comment));
        }
        let ticket = &self.happening.ticket;
        let url = item_url(self.at, ticket.number);
        let links = json!({ "self": { "href": url }, "workItemUpdates": { "href": format!("{url}/updates") } });
        json!({ "id": ticket.number, "rev": ticket.revision, "fields": fields, "_links": links, "url": url })
    }

    fn update(&self, changes: Map<String, Value>) -> Value {
        let ticket = &self.happening.ticket;
        let item = item_url(self.at, ticket.number);
        let url = format!("{item}/updates/{}", ticket.revision);
        json!({
            "id": ticket.revision,
            "workItemId": ticket.number,
            "rev": ticket.revision,
            "revisedBy": json::identity(self.happening.actor(), &self.at.collection()),
            "revisedDate": json::time(ticket.updated_at),
            "fields": changes,
            "_links": { "self": { "href": url }, "parent": { "href": item } },
            "url": url,
            "revision": { "id": ticket.number, "rev": ticket.revision, "fields": self.fields(), "url": url },
        })
    }

    fn fields(&self) -> Map<String, Value> {
        let mut fields = json::fields(&self.happening.ticket, self.at);
        let by = json::identity(self.happening.actor(), &self.at.collection());
        fields.insert("System.ChangedBy".to_owned(), by);
        fields
    }

    /// Only fields that changed; where there was or is no value, that side is left out.
    fn changes(&self) -> Map<String, Value> {
        let (happening, ticket) = (self.happening, &self.happening.ticket);
        let mut changes = Map::new();
        let mut change = |field: &str, old: Option<Value>, new: Option<Value>| {
            let sides = [("oldValue", old), ("newValue", new)];
            let sides = sides.into_iter().filter_map(|(side, value)| Some((side.to_owned(), value?)));
            changes.insert(field.to_owned(), Value::Object(sides.collect()));
        };
        if happening.is(&What::Closed) || happening.is(&What::Reopened) {
            let before = TicketView { open: !ticket.open, ..ticket.clone() };
            let state = |ticket: &TicketView| Some(json!(self.at.face.state(ticket)));
            change("System.State", state(&before), state(ticket));
        }
        let before = TicketView { labels: happening.labels_before(), ..ticket.clone() };
        if joined(&before) != joined(ticket) {
            change("System.Tags", joined(&before).map(Value::from), joined(ticket).map(Value::from));
        }
        if happening.is(&What::TitleSet) {
            change("System.Title", None, Some(json!(ticket.title)));
        }
        if happening.is(&What::BodySet) {
            change("System.Description", None, Some(json!(ticket.body)));
        }
        for id in happening.comments() {
            let comment = ticket.comments.iter().find(|comment| comment.id == id);
            change("System.History", None, comment.map(|comment| json!(comment.body)));
        }
        changes
    }
}

/// What is left of a resource with resource details set to "Minimal".
fn minimal(resource: &Value) -> Value {
    let kept = ["id", "workItemId", "rev", "url"].into_iter();
    kept.filter_map(|key| Some((key.to_owned(), resource.get(key)?.clone()))).collect()
}
