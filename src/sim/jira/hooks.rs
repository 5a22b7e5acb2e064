//! The deliveries of Jira's webhooks, as a person registers them in the system's settings.
//!
//! Source of the shapes: Atlassian's documentation of webhooks, and deliveries that were seen: always in the form of
//! version 2. On Cloud a new comment is an event of its own with little of its issue; on Data Center that event has no
//! issue at all and an update of the issue comes with it. What may pass is tried again five times.

use std::time::Duration;

use serde_json::{Value, json};

use super::face::{Face, Version};
use super::guard::Caller;
use super::json::{self, Wanted};
use super::options::Deployment;
use crate::clock::unix_millis;
use crate::sim::board::{Comment, Happening, What};
use crate::sim::hooks::{Auth, Dialect, Draft, Message, Next, Sending, hmac_sha256_hex};
use crate::ticket::Labels;

/// Retries of one delivery.
const MAX_RETRIES: u32 = 5;
/// The shortest pause before a retry.
const PAUSE: Duration = Duration::from_secs(300);
/// The fields of the issue that a new comment comes with on Cloud.
const OF_COMMENT: [&str; 6] = ["summary", "issuetype", "project", "assignee", "priority", "status"];

/// What a new and an edited comment are called: by the event of its own, and by the update that Data Center sends with it.
const CREATED: [&str; 2] = ["comment_created", "issue_commented"];
const EDITED: [&str; 2] = ["comment_updated", "issue_comment_edited"];

/// How Jira speaks.
pub(super) fn dialect(face: Face) -> Dialect {
    let face = Face { version: Version::Two, ..face };
    Dialect {
        render: Box::new(move |happening, draft| render(&face, happening, draft)),
        headers,
        next: |after| match after.status {
            None | Some(408 | 409 | 425 | 429 | 500..=599) if after.retries < MAX_RETRIES => Next::Retry(PAUSE),
            _ => Next::Rest,
        },
    }
}

fn headers(sending: &Sending<'_>) -> Vec<(String, String)> {
    let mut headers = vec![
        ("User-Agent", "Atlassian Webhook HTTP Client".to_owned()),
        ("X-Atlassian-Webhook-Identifier", sending.id.to_owned()),
        ("X-Atlassian-Webhook-Flow", "Primary".to_owned()),
    ];
    if sending.retries > 0 {
        headers.push(("X-Atlassian-Webhook-Retry", sending.retries.to_string()));
    }
    if let Auth::Secret(secret) = sending.auth {
        headers.push(("X-Hub-Signature", format!("sha256={}", hmac_sha256_hex(secret, sending.body))));
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn render(face: &Face, happening: &Happening, draft: &Draft<'_>) -> Vec<Message> {
    let ticket = &happening.ticket;
    // Jira has none.
    if ticket.is_pull_request {
        return Vec::new();
    }
    let site = format!("{}{}", draft.origin, face.options.prefix);
    let caller = Caller { login: None, api: format!("{site}/rest/api/2"), site };
    let event = Event { face, happening, caller: &caller };
    if happening.is(&What::Deleted) {
        return vec![event.of_issue("jira:issue_deleted", "issue_generic", Value::Null)];
    }
    let items = event.changes();
    let comment = |id| ticket.comments.iter().find(|comment| comment.id == id);
    let created = happening.comments().filter_map(comment).flat_map(|one| event.of_comment(one, &CREATED));
    let edited = happening.edited_comments().filter_map(comment).flat_map(|one| event.of_comment(one, &EDITED));
    let comments = created.chain(edited);
    let change = if happening.is(&What::Opened) {
        Some(event.of_issue("jira:issue_created", "issue_created", json!(items)))
    } else {
        let name = if happening.is(&What::Closed) || happening.is(&What::Reopened) {
            "issue_generic"
        } else {
            "issue_updated"
        };
        (!items.is_empty()).then(|| event.of_issue("jira:issue_updated", name, json!(items)))
    };
    change.into_iter().chain(comments).collect()
}

struct Event<'a> {
    face: &'a Face,
    happening: &'a Happening,
    caller: &'a Caller,
}

impl Event<'_> {
    fn of_issue(&self, name: &str, kind: &str, items: Value) -> Message {
        let happening = self.happening;
        let mut body = json!({
            "timestamp": unix_millis(),
            "webhookEvent": name,
            "issue_event_type_name": kind,
            "user": json::user(happening.actor(), self.caller, self.face),
            "issue": self.issue(&["*all"]),
        });
        if items.is_array() {
            body["changelog"] = json!({ "id": happening.ticket.revision.to_string(), "items": items });
        }
        Message { event: name.to_owned(), body }
    }

    fn of_comment(&self, comment: &Comment, [name, with_issue]: &[&str; 2]) -> Vec<Message> {
        let written = json::comment(comment, &self.happening.ticket, (self.caller, self.face));
        let mut created = json!({
            "timestamp": unix_millis(),
            "webhookEvent": name,
            "comment": written,
        });
        let name = (*name).to_owned();
        match self.face.options.deployment {
            Deployment::Cloud => {
                created["issue"] = self.issue(&OF_COMMENT);
                vec![Message { event: name, body: created }]
            }
            Deployment::DataCenter => {
                let mut update = self.of_issue("jira:issue_updated", with_issue, Value::Null);
                update.body["comment"] = written;
                vec![Message { event: name, body: created }, update]
            }
        }
    }

    fn issue(&self, fields: &[&str]) -> Value {
        let wanted = Wanted::new(fields.iter().map(|name| (*name).to_owned()).collect(), "*all");
        let (tracker, ticket) = (&self.happening.tracker, &self.happening.ticket);
        let mut issue = json::issue(tracker, ticket, &wanted, (self.caller, self.face));
        if let Some(issue) = issue.as_object_mut() {
            issue.remove("expand");
        }
        issue
    }

    /// The change log: each value as an identifier and as people see it.
    fn changes(&self) -> Vec<Value> {
        let (happening, ticket) = (self.happening, &self.happening.ticket);
        let item = |field: &str, [from, to]: [Value; 2], [from_text, to_text]: [Value; 2]| {
            json!({
                "field": field,
                "fieldtype": "jira",
                "fieldId": field,
                "from": from,
                "fromString": from_text,
                "to": to,
                "toString": to_text,
            })
        };
        let texts = |from: Value, to: Value| ([Value::Null, Value::Null], [from, to]);
        let mut items = Vec::new();
        let mut add = |field: &str, (ids, texts): ([Value; 2], [Value; 2])| items.push(item(field, ids, texts));
        if happening.is(&What::Closed) || happening.is(&What::Reopened) {
            let (done, to_do) = ((json!("10002"), json!("Done")), (json!("10000"), json!("To Do")));
            let resolved = (json!("10000"), json!("Done"));
            let none = (Value::Null, Value::Null);
            let [status, resolution] = match ticket.open {
                true => [(done, to_do), (resolved, none)],
                false => [(to_do, done), (none, resolved)],
            };
            let resolution = self.face.options.resolves.then_some(("resolution", resolution));
            for (field, (from, to)) in resolution.into_iter().chain([("status", status)]) {
                add(field, ([from.0, to.0], [from.1, to.1]));
            }
        }
        let before = happening.labels_before();
        if before.iter().ne(ticket.labels.iter()) {
            add("labels", texts(spaced(&before), spaced(&ticket.labels)));
        }
        if happening.is(&What::TitleSet) || happening.is(&What::Opened) {
            add("summary", texts(Value::Null, json!(ticket.title)));
        }
        if happening.is(&What::BodySet) {
            add("description", texts(Value::Null, json!(ticket.body)));
        }
        items
    }
}

/// All labels in one text.
fn spaced(labels: &Labels) -> Value {
    json!(labels.iter().collect::<Vec<_>>().join(" "))
}
