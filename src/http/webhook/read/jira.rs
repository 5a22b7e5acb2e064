//! Jira's issue and comment deliveries, of Cloud and of Data Center.
//!
//! Source of the shapes: Atlassian's documentation of webhooks, and what instances send: an issue as in version 2 of
//! the REST API, texts as texts. What must stay true: an edited or deleted comment is none; a comment that Data Center
//! reports twice is read once, from `jira:issue_updated`, because its `comment_created` does not say which issue.

use http::HeaderMap;
use serde::Deserialize;
use url::Url;

use super::jira_changes::{ChangeLog, changes};
use super::json::{account, id_header, need, parse, web_url, word};
use crate::http::webhook::event::{Change, CommentSeen, Event, Reading, Seen, TrackerNamed, Unreadable};
use crate::ticket::Account;

/// Longest key of an issue; the key of a project has 255 characters at most on any site, and 10 by default.
const MAX_KEY_BYTES: usize = 280;

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "webhookEvent")]
    webhook_event: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {
    #[serde(rename = "webhookEvent")]
    webhook_event: Option<String>,
    issue_event_type_name: Option<String>,
    user: Option<User>,
    issue: Option<Issue>,
    comment: Option<Comment>,
    changelog: Option<ChangeLog>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    #[serde(rename = "self")]
    address: Option<String>,
    fields: Option<Fields>,
}

/// The fields that matter. Which are there depends on the event and on what the project hides.
#[derive(Default, Deserialize)]
pub(super) struct Fields {
    labels: Option<Vec<String>>,
    status: Option<Status>,
    pub(super) assignee: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    name: String,
    status_category: Option<StatusCategory>,
}

#[derive(Deserialize)]
struct StatusCategory {
    key: String,
}

#[derive(Deserialize)]
struct Comment {
    id: Option<String>,
    body: Option<String>,
    author: Option<User>,
}

/// On Cloud the account id tells users apart, on Data Center the name.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    account_id: Option<String>,
    account_type: Option<String>,
    name: Option<String>,
    key: Option<String>,
    display_name: Option<String>,
    email_address: Option<String>,
}

/// What the delivery says.
///
/// # Errors
/// When the body has no event, or one that matters is not what Atlassian documents.
pub fn read(_headers: &HeaderMap, body: &[u8]) -> Result<Reading, Unreadable> {
    if matches!(body.trim_ascii(), b"" | b"{}") {
        let reason = "no body: turn off \"Exclude body\" in the webhook's settings";
        return Ok(Reading::Nothing(reason.to_owned()));
    }
    let delivery: Delivery = match parse(body) {
        Ok(delivery) => delivery,
        // Other events have other shapes under the same names.
        Err(unreadable) => return parse::<Kind>(body).ok().and_then(of_no_use).ok_or(unreadable),
    };
    match delivery.webhook_event.as_deref() {
        Some("jira:issue_created") => created(delivery),
        Some("jira:issue_updated") => updated(delivery),
        Some("jira:issue_deleted") => event(delivery, |_, _| Ok(vec![Change::Deleted])),
        Some("comment_created") => commented(delivery),
        Some(other) => Ok(nothing_in(other)),
        None => need(None, "webhookEvent", "the name of an event such as `jira:issue_updated`"),
    }
}

/// `X-Atlassian-Webhook-Identifier`: stays the same when the delivery is sent again.
pub fn delivery_id(headers: &HeaderMap, _body: &[u8]) -> Option<String> {
    id_header(headers, &["x-atlassian-webhook-identifier"])
}

fn of_no_use(kind: Kind) -> Option<Reading> {
    let matters = |event: &str| event.starts_with("jira:issue_") || event == "comment_created";
    kind.webhook_event.filter(|event| !matters(event)).map(|event| nothing_in(&event))
}

fn nothing_in(event: &str) -> Reading {
    Reading::Nothing(format!("nothing to do for event {}", word(event)))
}

/// A new issue that has an assignee from the start was assigned as well.
fn created(delivery: Delivery) -> Result<Reading, Unreadable> {
    event(delivery, |fields, _| {
        let assignee = fields.assignee.clone().and_then(User::account);
        Ok([Change::Opened].into_iter().chain(assignee.map(Change::Assigned)).collect())
    })
}

/// On Data Center a comment comes with the update; on both one may be written while something else is changed.
fn updated(mut delivery: Delivery) -> Result<Reading, Unreadable> {
    let log = delivery.changelog.take().unwrap_or_default();
    let is_comment = delivery.issue_event_type_name.as_deref() == Some("issue_commented");
    let comment = delivery.comment.take().filter(|_| is_comment).map(Comment::seen).transpose()?;
    event(delivery, |fields, open| {
        let mut changes = changes(&log, fields, open)?;
        changes.extend(comment.map(Change::Commented));
        Ok(changes)
    })
}

fn commented(mut delivery: Delivery) -> Result<Reading, Unreadable> {
    if delivery.issue.is_none() {
        let reason = "a comment without its issue, as Data Center sends it: the event \"issue updated\" has both";
        return Ok(Reading::Nothing(reason.to_owned()));
    }
    let mut comment = need(delivery.comment.take(), "comment", "an object")?;
    let author = comment.author.take();
    delivery.user = author.or(delivery.user);
    let seen = comment.seen()?;
    event(delivery, |_, _| Ok(vec![Change::Commented(seen)]))
}

fn event(
    delivery: Delivery,
    changes: impl FnOnce(&Fields, Option<bool>) -> Result<Vec<Change>, Unreadable>,
) -> Result<Reading, Unreadable> {
    let issue = need(delivery.issue, "issue", "an object")?;
    let project = project_of(&issue.key)?;
    let site = issue.address.as_deref().map(site).transpose()?;
    let fields = issue.fields.unwrap_or_default();
    let category = fields.status.as_ref().and_then(|status| status.status_category.as_ref());
    let open = category.map(|category| category.key != "done");
    let changes = changes(&fields, open)?;
    if changes.is_empty() {
        return Ok(Reading::Nothing("neither labels, status, assignee nor comments changed".to_owned()));
    }
    let labels = fields.labels.map(|labels| labels.into_iter().collect());
    Ok(Reading::Event(Box::new(Event {
        tracker: TrackerNamed::Jira { site, project },
        ticket: issue.key,
        changes,
        actor: delivery.user.and_then(User::account),
        seen: Seen { labels, open, status: fields.status.map(|status| status.name) },
    })))
}

/// `PRJ` of `PRJ-12`. The key names the ticket in store keys and addresses, so that nothing else may be in it.
fn project_of(key: &str) -> Result<String, Unreadable> {
    let parts = key.rsplit_once('-').filter(|(project, number)| {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !project.is_empty()
            && project.bytes().all(named)
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && key.len() <= MAX_KEY_BYTES
    });
    let (project, _) =
        parts.ok_or_else(|| Unreadable(format!("`issue.key`: {} is no key such as `PRJ-12`", word(key))))?;
    Ok(project.to_owned())
}

/// The site of `https://site/context/rest/api/2/issue/10040`, with the context.
fn site(address: &str) -> Result<Url, Unreadable> {
    let base = address.split_once("/rest/").map_or(address, |(base, _)| base);
    web_url(base, "issue.self")
}

impl Comment {
    fn seen(self) -> Result<CommentSeen, Unreadable> {
        Ok(CommentSeen { id: self.id, body: need(self.body, "comment.body", "a text")? })
    }
}

impl User {
    /// The account, unless nothing says who it is.
    pub(super) fn account(self) -> Option<Account> {
        let is_bot = self.account_type.as_deref() == Some("app");
        account([self.account_id, self.name, self.key], [self.display_name, self.email_address], is_bot)
    }
}
