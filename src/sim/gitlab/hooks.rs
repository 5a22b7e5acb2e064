//! The deliveries of GitLab's webhooks.
//!
//! Source of the shapes: GitLab's documentation of its webhook events and `web_hook_service.rb`. One delivery per write,
//! with everything that changed, and one per note. A failed one is not sent again; after four failures in a row the hook
//! is disabled.

use serde_json::{Map, Value, json};

use super::face::{Face, Kind};
use super::hook_parts::{Place, time};
use crate::clock::unix_millis;
use crate::sim::board::{Comment, Happening, What};
use crate::sim::hooks::{Auth, Dialect, Draft, Message, Next, Sending, gitlab_signature};
use crate::sim::people::number_of;

/// Failures in a row after which GitLab.com disables a hook for a while.
const MOST_FAILURES: u32 = 4;

/// How GitLab speaks.
pub(super) fn dialect(face: Face) -> Dialect {
    Dialect {
        render: Box::new(move |happening, draft| render(&face, happening, draft)),
        headers,
        next: |after| if after.failures_in_a_row >= MOST_FAILURES { Next::Disable } else { Next::Rest },
    }
}

fn headers(sending: &Sending<'_>) -> Vec<(String, String)> {
    let mut headers = vec![
        ("User-Agent", "GitLab/19.1.0".to_owned()),
        ("X-Gitlab-Event", sending.event.to_owned()),
        ("X-Gitlab-Instance", sending.origin.to_owned()),
        ("X-Gitlab-Webhook-UUID", format!("00000000-0000-4000-9000-{:012x}", sending.hook_number)),
        ("X-Gitlab-Event-UUID", sending.id.chars().rev().collect()),
        ("Idempotency-Key", sending.id.to_owned()),
    ];
    match sending.auth {
        Auth::Secret(token) => headers.push(("X-Gitlab-Token", token.clone())),
        Auth::SigningToken(token) => {
            let timestamp = (unix_millis() / 1_000).to_string();
            let signature = gitlab_signature(token, sending.id, &timestamp, sending.body).unwrap_or_default();
            headers.push(("webhook-id", sending.id.to_owned()));
            headers.push(("webhook-timestamp", timestamp));
            headers.push(("webhook-signature", signature));
        }
        Auth::None | Auth::Header { .. } => {}
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn render(face: &Face, happening: &Happening, draft: &Draft<'_>) -> Vec<Message> {
    let ticket = &happening.ticket;
    // Merge requests are events of another kind.
    if ticket.is_pull_request {
        return Vec::new();
    }
    let at = Place { face, tracker: &happening.tracker, instance: format!("{}{}", draft.origin, face.options.prefix) };
    let note = |id| ticket.comments.iter().find(|comment| comment.id == id);
    let written = happening.comments().filter_map(note).map(|comment| at.note(comment, "create", happening));
    let edited = happening.edited_comments().filter_map(note).map(|comment| at.note(comment, "update", happening));
    let notes = written.chain(edited);
    action(happening).map(|action| at.ticket(action, happening)).into_iter().chain(notes).collect()
}

/// What GitLab calls it; it has no name for a deletion.
fn action(happening: &Happening) -> Option<&'static str> {
    let is_update =
        |what: &What| matches!(what, What::LabelAdded(_) | What::LabelRemoved(_) | What::TitleSet | What::BodySet);
    if happening.is(&What::Opened) {
        Some("open")
    } else if happening.is(&What::Closed) {
        Some("close")
    } else if happening.is(&What::Reopened) {
        Some("reopen")
    } else {
        happening.events.iter().any(|event| is_update(&event.what)).then_some("update")
    }
}

impl Place<'_> {
    fn ticket(&self, action: &str, happening: &Happening) -> Message {
        let ticket = &happening.ticket;
        let Kind { issue_type, confidential } = (self.face.options.kind_of)(ticket);
        let is_issue = issue_type == "issue";
        let mut attributes = self.issue(ticket);
        attributes["action"] = json!(action);
        let body = json!({
            "object_kind": if is_issue { "issue" } else { "work_item" },
            "event_type": if confidential { "confidential_issue" } else if is_issue { "issue" } else { "work_item" },
            "user": self.user(happening.actor()),
            "project": self.project(),
            "object_attributes": attributes,
            "labels": self.labels(&ticket.label_defs),
            "changes": self.changes(action, happening),
            "repository": self.repository(),
            "assignees": [],
        });
        let event = if confidential { "Confidential Issue Hook" } else { "Issue Hook" };
        Message { event: event.to_owned(), body }
    }

    fn note(&self, comment: &Comment, action: &str, happening: &Happening) -> Message {
        let ticket = &happening.ticket;
        let confidential = (self.face.options.kind_of)(ticket).confidential;
        let url = format!("{}/-/issues/{}#note_{}", self.page(), ticket.number, comment.id);
        let body = json!({
            "object_kind": "note",
            "event_type": if confidential { "confidential_note" } else { "note" },
            "user": self.user(happening.actor()),
            "project_id": self.tracker.id,
            "project": self.project(),
            "repository": self.repository(),
            "object_attributes": {
                "id": comment.id,
                "note": comment.body,
                "description": comment.body,
                "noteable_type": "Issue",
                "noteable_id": ticket.id,
                "author_id": number_of(&comment.author),
                "project_id": self.tracker.id,
                "created_at": time(comment.at),
                "updated_at": time(comment.updated_at()),
                "system": false,
                "internal": false,
                "action": action,
                "url": url,
            },
            "issue": self.issue(ticket),
        });
        let event = if confidential { "Confidential Note Hook" } else { "Note Hook" };
        Message { event: event.to_owned(), body }
    }

    /// What changed, before and after; a new ticket changed from nothing.
    fn changes(&self, action: &str, happening: &Happening) -> Value {
        let ticket = &happening.ticket;
        let mut changes = Map::new();
        let mut change = |name: &str, previous: Value, current: Value| {
            changes.insert(name.to_owned(), json!({ "previous": previous, "current": current }));
        };
        change("updated_at", Value::Null, json!(time(ticket.updated_at)));
        match action {
            "open" => change("title", Value::Null, json!(ticket.title)),
            "close" => change("state_id", json!(1), json!(2)),
            "reopen" => change("state_id", json!(2), json!(1)),
            _ => {}
        }
        if happening.is(&What::TitleSet) {
            change("title", Value::Null, json!(ticket.title));
        }
        let before = happening.labels_before();
        if before.iter().ne(ticket.labels.iter()) {
            let before: Vec<_> =
                before.iter().filter_map(|name| self.face.board.label(&self.tracker.name, name)).collect();
            change("labels", self.labels(&before), self.labels(&ticket.label_defs));
        }
        Value::Object(changes)
    }
}
