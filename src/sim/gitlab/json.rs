//! The shapes of GitLab's answers, after the official description.
//!
//! Pure: from the board's views to JSON. URLs begin with what the client called this server.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::face::Kind;
use super::guard::Caller;
use super::located::Located;
use crate::sim::board::{Comment, LabelDef, TicketView};
use crate::sim::people::number_of;

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn user(login: &str, caller: &Caller) -> Value {
    json!({
        "id": number_of(login),
        "username": login,
        "name": login,
        "state": "active",
        "locked": false,
        "bot": false,
        "avatar_url": null,
        "web_url": format!("{}/{login}", caller.instance),
    })
}

pub(super) fn label(label: &LabelDef) -> Value {
    json!({
        "id": label.id,
        "name": label.name,
        "description": label.description,
        "description_html": label.description,
        "text_color": "#FFFFFF",
        "color": format!("#{}", label.color),
        "archived": false,
        "subscribed": false,
        "priority": null,
        "is_project_label": true,
    })
}

pub(super) fn issue(ticket: &TicketView, at: &Located, with_details: bool) -> Value {
    let titles = at.face.titles(ticket);
    let labels = match with_details {
        true => ticket.label_defs.iter().map(|one| label(one)).collect(),
        false => json!(titles),
    };
    let Kind { issue_type, confidential } = (at.face.options.kind_of)(ticket);
    // Everything but issues and incidents has its page among the work items.
    let below = if matches!(issue_type, "issue" | "incident") { "issues" } else { "work_items" };
    let number = ticket.number;
    json!({
        "id": ticket.id,
        "iid": number,
        "project_id": at.tracker.id,
        "title": ticket.title,
        // GitLab gives null for a description that nobody wrote.
        "description": Some(&ticket.body).filter(|body| !body.is_empty()),
        "state": if ticket.open { "opened" } else { "closed" },
        "created_at": time(ticket.created_at),
        "updated_at": time(ticket.updated_at),
        "closed_at": ticket.closed_at.map(time),
        "closed_by": null,
        "labels": labels,
        "milestone": null,
        "assignees": [],
        "assignee": null,
        "author": user(&ticket.author, &at.caller),
        "type": issue_type.to_uppercase(),
        "issue_type": issue_type,
        "user_notes_count": ticket.comments.len(),
        "merge_requests_count": 0,
        "upvotes": 0,
        "downvotes": 0,
        "due_date": null,
        "confidential": confidential,
        "discussion_locked": null,
        "web_url": format!("{}/-/{below}/{number}", at.page()),
        "references": {
            "short": format!("#{number}"),
            "relative": format!("#{number}"),
            "full": format!("{}#{number}", at.name()),
        },
        "severity": "UNKNOWN",
        "moved_to_id": null,
        "_links": {
            "self": format!("{}/projects/{}/issues/{number}", at.caller.api(), at.tracker.id),
            "notes": format!("{}/projects/{}/issues/{number}/notes", at.caller.api(), at.tracker.id),
            "project": format!("{}/projects/{}", at.caller.api(), at.tracker.id),
        },
    })
}

/// What stays behind of an issue that was moved to another project: the same, closed, with the new id.
pub(super) fn moved_issue(number: u64, target: &TicketView, at: &Located) -> Value {
    let old = TicketView {
        number,
        open: false,
        closed_at: Some(target.closed_at.unwrap_or(target.updated_at)),
        comments: Vec::new(),
        ..target.clone()
    };
    let mut left = issue(&old, at, false);
    left["id"] = json!(at.tracker.id + number);
    left["moved_to_id"] = json!(target.id);
    left
}

pub(super) fn note(comment: &Comment, ticket: &TicketView, at: &Located) -> Value {
    json!({
        "id": comment.id,
        "type": null,
        "body": comment.body,
        "author": user(&comment.author, &at.caller),
        "created_at": time(comment.at),
        "updated_at": time(comment.updated_at()),
        "system": false,
        "noteable_id": ticket.id,
        "noteable_type": "Issue",
        "project_id": at.tracker.id,
        "noteable_iid": ticket.number,
        "resolvable": false,
        "confidential": false,
        "internal": false,
        "imported": false,
        "commands_changes": {},
    })
}
