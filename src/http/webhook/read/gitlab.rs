//! GitLab's issue, work item and note deliveries, of gitlab.com and of self-managed servers.
//!
//! Source of the shapes: GitLab's documentation of its webhook events. `object_kind` in the body tells them apart; the
//! header does not: confidential tickets have one of their own, and tasks and incidents come as `work_item` under the
//! header of issues. What must stay true: a note that GitLab itself wrote, or that somebody edited, is no comment.

use http::HeaderMap;
use serde::Deserialize;

use super::json::{account, id_header, label_changes, need, parse, web_url, word};
use crate::http::webhook::event::{Change, CommentSeen, Event, Reading, Seen, TrackerNamed, Unreadable};
use crate::platform::gitlab::is_program;
use crate::ticket::Account;

#[derive(Deserialize)]
struct Kind {
    object_kind: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {
    object_kind: Option<String>,
    object_attributes: Option<Attributes>,
    /// Where a note has its ticket.
    #[serde(alias = "work_item")]
    issue: Option<Issue>,
    labels: Option<Vec<Label>>,
    changes: Option<Changes>,
    project: Option<Project>,
    user: Option<User>,
}

/// Of the ticket in a delivery about a ticket, of the note in one about a note.
#[derive(Deserialize)]
struct Attributes {
    id: Option<u64>,
    iid: Option<u64>,
    state: Option<String>,
    action: Option<String>,
    labels: Option<Vec<Label>>,
    note: Option<String>,
    noteable_type: Option<String>,
    system: Option<bool>,
}

#[derive(Deserialize)]
struct Issue {
    iid: u64,
    state: Option<String>,
    labels: Option<Vec<Label>>,
}

#[derive(Deserialize)]
struct Changes {
    labels: Option<LabelChange>,
}

#[derive(Deserialize)]
struct LabelChange {
    previous: Option<Vec<Label>>,
    current: Option<Vec<Label>>,
}

#[derive(Deserialize)]
struct Label {
    title: String,
}

#[derive(Deserialize)]
struct Project {
    web_url: String,
    path_with_namespace: String,
}

#[derive(Deserialize)]
struct User {
    id: Option<u64>,
    username: Option<String>,
    name: Option<String>,
}

/// What the delivery says.
///
/// # Errors
/// When the body has no kind, or one that matters is not what GitLab documents.
pub fn read(_headers: &HeaderMap, body: &[u8]) -> Result<Reading, Unreadable> {
    let delivery: Delivery = match parse(body) {
        Ok(delivery) => delivery,
        // Other kinds have other shapes under the same names.
        Err(unreadable) => return parse::<Kind>(body).ok().and_then(of_no_use).ok_or(unreadable),
    };
    match delivery.object_kind.as_deref() {
        // A group has work items of its own, which have no project and are in nobody's configuration.
        Some("work_item") if delivery.project.is_none() => {
            Ok(Reading::Nothing("a work item of a group belongs to no project".to_owned()))
        }
        Some("issue" | "work_item") => about_ticket(delivery),
        Some("note") => about_note(delivery),
        Some(other) => Ok(nothing_in(other)),
        None => Err(Unreadable("`object_kind`: missing or null, expected `issue`, `work_item` or `note`".to_owned())),
    }
}

/// `webhook-id`, or `Idempotency-Key`, which is the same: stays the same when the delivery is sent again. GitLab before
/// 17.4 gives a delivery no such name.
pub fn delivery_id(headers: &HeaderMap, _body: &[u8]) -> Option<String> {
    id_header(headers, &["webhook-id", "idempotency-key"])
}

fn of_no_use(kind: Kind) -> Option<Reading> {
    kind.object_kind
        .filter(|kind| !matches!(kind.as_str(), "issue" | "work_item" | "note"))
        .map(|kind| nothing_in(&kind))
}

fn nothing_in(kind: &str) -> Reading {
    Reading::Nothing(format!("{} events say nothing of tickets", word(kind)))
}

fn about_ticket(delivery: Delivery) -> Result<Reading, Unreadable> {
    let mut attributes = need(delivery.object_attributes, "object_attributes", "an object")?;
    let Some(action) = attributes.action.take() else {
        return Ok(Reading::Nothing("no action: a delivery sent by a test button".to_owned()));
    };
    let mut changes = match action.as_str() {
        "open" => vec![Change::Opened],
        "reopen" => vec![Change::Reopened],
        "close" => vec![Change::Closed],
        "update" => Vec::new(),
        other => return Ok(Reading::Nothing(format!("nothing to do for action {}", word(other)))),
    };
    // A new ticket has its labels from the start: nothing was added to it.
    if action != "open" {
        changes
            .extend(delivery.changes.and_then(|changes| changes.labels).map(LabelChange::changes).unwrap_or_default());
    }
    if changes.is_empty() {
        return Ok(Reading::Nothing("an update of neither the labels nor the state".to_owned()));
    }
    let ticket = Issue {
        iid: need(attributes.iid, "object_attributes.iid", "a number")?,
        state: attributes.state,
        labels: delivery.labels.or(attributes.labels),
    };
    event(ticket, delivery.project, delivery.user, changes)
}

fn about_note(delivery: Delivery) -> Result<Reading, Unreadable> {
    let note = need(delivery.object_attributes, "object_attributes", "an object")?;
    let on = need(note.noteable_type, "object_attributes.noteable_type", "the kind of what was commented on")?;
    if !matches!(on.as_str(), "Issue" | "WorkItem") {
        return Ok(Reading::Nothing(format!("a note on a {} is not on a ticket", word(&on))));
    }
    if note.system == Some(true) {
        return Ok(Reading::Nothing("a note that GitLab itself wrote".to_owned()));
    }
    // GitLab before 16.11 reports new notes only, and without an action.
    if let Some(action) = note.action.filter(|action| action != "create") {
        return Ok(Reading::Nothing(format!("nothing to do for action {} of a note", word(&action))));
    }
    let body = need(note.note, "object_attributes.note", "a text")?;
    let seen = CommentSeen { id: note.id.map(|id| id.to_string()), body };
    let ticket = need(delivery.issue, "issue", "an object")?;
    event(ticket, delivery.project, delivery.user, vec![Change::Commented(seen)])
}

fn event(
    ticket: Issue,
    project: Option<Project>,
    user: Option<User>,
    changes: Vec<Change>,
) -> Result<Reading, Unreadable> {
    let project = need(project, "project", "an object")?;
    let web_url = web_url(&project.web_url, "project.web_url")?;
    let open = match ticket.state.as_deref() {
        Some("opened" | "reopened") => Some(true),
        Some("closed") => Some(false),
        _ => None,
    };
    let labels = ticket.labels.map(|labels| titles(labels).into_iter().collect());
    Ok(Reading::Event(Box::new(Event {
        tracker: TrackerNamed::GitLab { web_url, path: project.path_with_namespace },
        ticket: ticket.iid.to_string(),
        changes,
        actor: user.and_then(User::account),
        seen: Seen { labels, open, status: ticket.state },
    })))
}

fn titles(labels: Vec<Label>) -> Vec<String> {
    labels.into_iter().map(|label| label.title).collect()
}

impl LabelChange {
    fn changes(self) -> Vec<Change> {
        let [before, after] = [self.previous, self.current].map(|labels| titles(labels.unwrap_or_default()));
        label_changes(&before, &after)
    }
}

impl User {
    fn account(self) -> Option<Account> {
        let is_bot = self.username.as_deref().is_some_and(is_program);
        account([self.id.map(|id| id.to_string())], [self.username, self.name], is_bot)
    }
}
