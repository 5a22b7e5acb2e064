//! GitHub's `issues` and `issue_comment` deliveries, of github.com and of Enterprise Server.
//!
//! Source of the shapes: GitHub's description of its webhooks. The event's name is a header; the body holds `action`,
//! `issue`, `repository`, `sender` and, by the action, `label` or `comment`. What must stay true: what happens to a pull
//! request never becomes an event, though GitHub reports its comments as comments on an issue.

use http::HeaderMap;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::json::{id_header, need, parse, web_url, word};
use crate::http::webhook::event::{Change, CommentSeen, Event, Reading, Seen, TrackerNamed, Unreadable};
use crate::ticket::Account;

#[derive(Deserialize)]
struct Delivery {
    action: Option<String>,
    issue: Option<Issue>,
    label: Option<Label>,
    comment: Option<Comment>,
    repository: Option<Repository>,
    sender: Option<User>,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    state: Option<String>,
    labels: Option<Vec<Label>>,
    pull_request: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct Comment {
    id: Option<u64>,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    html_url: String,
}

#[derive(Deserialize)]
struct User {
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// What the delivery says.
///
/// # Errors
/// When the event's header is missing, or the body of an event that matters is not what GitHub documents.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Reading, Unreadable> {
    let event = headers.get("x-github-event").and_then(|event| event.to_str().ok()).map(str::trim);
    match event {
        Some("issues") => about_issue(parse(body)?),
        Some("issue_comment") => about_comment(parse(body)?),
        Some("ping") => Ok(Reading::Nothing("ping".to_owned())),
        Some(other) => Ok(Reading::Nothing(format!("{} events say nothing of tickets", word(other)))),
        None => Err(Unreadable("header `X-GitHub-Event`: missing, expected the name of the event".to_owned())),
    }
}

/// `X-GitHub-Delivery`: a GUID that stays the same when the delivery is sent again.
pub fn delivery_id(headers: &HeaderMap, _body: &[u8]) -> Option<String> {
    id_header(headers, &["x-github-delivery"])
}

fn about_issue(mut delivery: Delivery) -> Result<Reading, Unreadable> {
    let action = need(delivery.action.take(), "action", "the name of an action")?;
    let change = match action.as_str() {
        "opened" => Change::Opened,
        "reopened" => Change::Reopened,
        "closed" => Change::Closed,
        "deleted" | "transferred" => Change::Deleted,
        // GitHub leaves the label out when it was deleted meanwhile; then nobody can tell which one it was.
        "labeled" | "unlabeled" => match delivery.label.take() {
            Some(label) if action == "labeled" => Change::LabelsAdded(vec![label.name]),
            Some(label) => Change::LabelsRemoved(vec![label.name]),
            None => return Ok(Reading::Nothing(format!("{action}: the delivery does not name the label"))),
        },
        other => return Ok(Reading::Nothing(format!("nothing to do for an issue that was {}", word(other)))),
    };
    event(delivery, change)
}

fn about_comment(mut delivery: Delivery) -> Result<Reading, Unreadable> {
    let action = need(delivery.action.take(), "action", "the name of an action")?;
    if action != "created" {
        return Ok(Reading::Nothing(format!("nothing to do for a comment that was {}", word(&action))));
    }
    let comment = need(delivery.comment.take(), "comment", "an object")?;
    let seen = CommentSeen { id: comment.id.map(|id| id.to_string()), body: comment.body.unwrap_or_default() };
    event(delivery, Change::Commented(seen))
}

fn event(delivery: Delivery, change: Change) -> Result<Reading, Unreadable> {
    let issue = need(delivery.issue, "issue", "an object")?;
    if issue.pull_request.is_some() {
        return Ok(Reading::Nothing("pull requests are no tickets".to_owned()));
    }
    let repository = need(delivery.repository, "repository", "an object")?;
    let open = match issue.state.as_deref() {
        Some("open") => Some(true),
        Some("closed") => Some(false),
        _ => None,
    };
    let labels = issue.labels.map(|labels| labels.into_iter().map(|label| label.name).collect());
    Ok(Reading::Event(Box::new(Event {
        tracker: TrackerNamed::GitHub { web_url: web_url(&repository.html_url, "repository.html_url")? },
        ticket: issue.number.to_string(),
        changes: vec![change],
        actor: delivery.sender.map(User::account),
        seen: Seen { labels, open, status: issue.state },
    })))
}

impl User {
    fn account(self) -> Account {
        let is_bot = self.kind.as_deref() == Some("Bot") || self.login.ends_with("[bot]");
        Account { id: self.login, names: Vec::new(), is_bot }
    }
}
