//! The shapes of GitHub's answers, after the official description: every property that it requires is there.
//!
//! Pure: from the board's views to JSON. URLs begin with what the client called this server.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::guard::Caller;
use super::located::Located;
use crate::sim::board::{Comment, LabelDef, TicketView};
use crate::sim::people::number_of;

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn node_id(kind: &str, id: u64) -> String {
    format!("{kind}_kwDO{id:x}")
}

pub(super) fn user(login: &str, caller: &Caller) -> Value {
    let url = format!("{}/users/{login}", caller.api);
    let id = number_of(login);
    json!({
        "login": login,
        "id": id,
        "node_id": node_id("U", id),
        "avatar_url": format!("{}/{login}.png", caller.origin),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{}/{login}", caller.origin),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        // The account of an app is a program.
        "type": if login.ends_with("[bot]") { "Bot" } else { "User" },
        "user_view_type": "public",
        "site_admin": false,
    })
}

pub(super) fn label(label: &LabelDef, at: &Located) -> Value {
    let name: String = byte_serialize(label.name.as_bytes()).collect::<String>().replace('+', "%20");
    json!({
        "id": label.id,
        "node_id": node_id("LA", label.id),
        "url": format!("{}/labels/{name}", repo_url(at)),
        "name": label.name,
        "color": label.color,
        "default": false,
        "description": label.description,
    })
}

pub(super) fn labels(labels: &[Arc<LabelDef>], at: &Located) -> Value {
    labels.iter().map(|one| label(one, at)).collect()
}

pub(super) fn issue(ticket: &TicketView, at: &Located) -> Value {
    let url = format!("{}/issues/{}", repo_url(at), ticket.number);
    let html_url = html_url(ticket, at);
    let mut issue = json!({
        "url": url,
        "repository_url": repo_url(at),
        "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"),
        "timeline_url": format!("{url}/timeline"),
        "html_url": html_url,
        "id": ticket.id,
        "node_id": node_id(if ticket.is_pull_request { "PR" } else { "I" }, ticket.id),
        "number": ticket.number,
        "title": ticket.title,
        "user": user(&ticket.author, &at.caller),
        "labels": labels(&ticket.label_defs, at),
        "state": if ticket.open { "open" } else { "closed" },
        "state_reason": if ticket.open { Value::Null } else { json!("completed") },
        "locked": false,
        "active_lock_reason": null,
        "assignee": null,
        "assignees": [],
        "milestone": null,
        "comments": ticket.comments.len(),
        "created_at": time(ticket.created_at),
        "updated_at": time(ticket.updated_at),
        "closed_at": ticket.closed_at.map(time),
        "closed_by": null,
        "author_association": "MEMBER",
        // GitHub gives null for a description that nobody wrote.
        "body": Some(&ticket.body).filter(|body| !body.is_empty()),
        "performed_via_github_app": null,
    });
    if ticket.is_pull_request {
        issue["draft"] = json!(false);
        issue["pull_request"] = json!({
            "url": format!("{}/pulls/{}", repo_url(at), ticket.number),
            "html_url": html_url,
            "diff_url": format!("{html_url}.diff"),
            "patch_url": format!("{html_url}.patch"),
            "merged_at": null,
        });
    }
    issue
}

pub(super) fn comment(comment: &Comment, ticket: &TicketView, at: &Located) -> Value {
    let repo = repo_url(at);
    json!({
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "url": format!("{repo}/issues/comments/{}", comment.id),
        "html_url": format!("{}#issuecomment-{}", html_url(ticket, at), comment.id),
        "issue_url": format!("{repo}/issues/{}", ticket.number),
        "user": user(&comment.author, &at.caller),
        "created_at": time(comment.at),
        "updated_at": time(comment.updated_at()),
        "author_association": "MEMBER",
        "body": comment.body,
        "performed_via_github_app": null,
    })
}

pub(super) fn repo_url(at: &Located) -> String {
    format!("{}/repos/{}", at.caller.api, at.name())
}

fn html_url(ticket: &TicketView, at: &Located) -> String {
    let kind = if ticket.is_pull_request { "pull" } else { "issues" };
    format!("{}/{}/{kind}/{}", at.caller.origin, at.name(), ticket.number)
}
