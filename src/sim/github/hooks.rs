//! The deliveries of GitHub's webhooks.
//!
//! Source of the shapes: GitHub's description of its webhooks. One delivery per event: an issue that is opened with two
//! labels is three deliveries. GitHub tries each once and never again.

use serde_json::{Value, json};

use super::face::Face;
use super::guard::Caller;
use super::json;
use super::located::Located;
use super::repository::repository;
use crate::sim::board::{Event, Happening, What};
use crate::sim::hooks::{Auth, Dialect, Draft, Message, Next, Sending, hmac_sha256_hex};

/// How GitHub speaks.
pub(super) fn dialect(face: Face) -> Dialect {
    Dialect { render: Box::new(move |happening, draft| render(&face, happening, draft)), headers, next: |_| Next::Rest }
}

fn headers(sending: &Sending<'_>) -> Vec<(String, String)> {
    let mut headers = vec![
        ("User-Agent", "GitHub-Hookshot/5171d94".to_owned()),
        ("Accept", "*/*".to_owned()),
        ("X-GitHub-Event", sending.event.to_owned()),
        ("X-GitHub-Delivery", sending.id.to_owned()),
        ("X-GitHub-Hook-ID", sending.hook_number.to_string()),
        ("X-GitHub-Hook-Installation-Target-Type", "repository".to_owned()),
    ];
    if let Auth::Secret(secret) = sending.auth {
        headers.push(("X-Hub-Signature-256", format!("sha256={}", hmac_sha256_hex(secret, sending.body))));
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn render(face: &Face, happening: &Happening, draft: &Draft<'_>) -> Vec<Message> {
    let caller = Caller {
        login: Some(happening.actor().into()),
        api: format!("{}{}", draft.origin, face.prefix),
        origin: draft.origin.to_owned(),
    };
    let at = Located::of(happening.tracker.clone(), caller, face.board.clone());
    happening.events.iter().filter_map(|event| message(event, happening, &at)).collect()
}

fn message(event: &Event, happening: &Happening, at: &Located) -> Option<Message> {
    let ticket = &happening.ticket;
    let mut more = Vec::new();
    let action = match &event.what {
        What::Opened => "opened",
        What::LabelAdded(name) => {
            more.push(("label", label(name, at)));
            "labeled"
        }
        What::LabelRemoved(name) => {
            more.push(("label", label(name, at)));
            "unlabeled"
        }
        What::Commented(id) => {
            let comment = ticket.comments.iter().find(|comment| comment.id == *id)?;
            more.push(("comment", json::comment(comment, ticket, at)));
            "created"
        }
        What::CommentEdited(id) => {
            let comment = ticket.comments.iter().find(|comment| comment.id == *id)?;
            more.push(("comment", json::comment(comment, ticket, at)));
            more.push(("changes", json!({ "body": { "from": "what it said before" } })));
            "edited"
        }
        What::TitleSet | What::BodySet => {
            more.push(("changes", json!({})));
            "edited"
        }
        What::Closed => "closed",
        What::Reopened => "reopened",
        What::Deleted => "deleted",
        What::Transferred { to, number } => {
            let there = json!({ "number": number, "html_url": format!("{}/{to}/issues/{number}", at.caller.origin) });
            more.push(("changes", json!({ "new_issue": there, "new_repository": { "full_name": to } })));
            "transferred"
        }
        _ => return None,
    };
    let is_comment = matches!(event.what, What::Commented(_) | What::CommentEdited(_));
    if ticket.is_pull_request && !is_comment {
        // Those are events of another name, which have nothing to do with issues.
        return None;
    }
    let mut body = json!({
        "action": action,
        "issue": json::issue(ticket, at),
        "repository": repository(at),
        "sender": json::user(&event.actor, &at.caller),
    });
    for (key, value) in more {
        body[key] = value;
    }
    let event = if is_comment { "issue_comment" } else { "issues" };
    Some(Message { event: event.to_owned(), body })
}

/// As the repository defines it; GitHub leaves out what it no longer has.
fn label(name: &str, at: &Located) -> Value {
    at.board.label(at.name(), name).map_or(Value::Null, |label| json::label(&label, at))
}
