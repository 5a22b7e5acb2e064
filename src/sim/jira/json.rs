//! The shapes of Jira's answers, after the official description.
//!
//! Pure: from the board's views to JSON. URLs begin with what the client called this server.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::document;
use super::face::{Face, Version};
use super::guard::Caller;
use super::options::Deployment;
use crate::sim::board::{Comment, TicketView, TrackerView};

const AVATARS: [&str; 4] = ["16x16", "24x24", "32x32", "48x48"];

/// As Jira writes it: milliseconds and an offset without a colon.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

pub(super) fn key(tracker: &TrackerView, ticket: &TicketView) -> String {
    format!("{}-{}", tracker.name, ticket.number)
}

/// A text in the form of the face's version; null for one that nobody wrote.
pub(super) fn text(text: &str, face: &Face) -> Value {
    match (face.version, text.is_empty()) {
        (_, true) => Value::Null,
        (Version::Two, false) => json!(text),
        (Version::Three, false) => document::of_text(text),
    }
}

pub(super) fn user(login: &str, caller: &Caller, face: &Face) -> Value {
    let mut user = json!({
        "avatarUrls": avatars(caller),
        "displayName": login,
        "active": true,
        "timeZone": "Etc/UTC",
    });
    match face.options.deployment {
        Deployment::Cloud => {
            user["self"] = json!(format!("{}/user?accountId=sim-{login}", caller.api));
            user["accountId"] = json!(format!("sim-{login}"));
            user["accountType"] = json!(if login.ends_with("[bot]") { "app" } else { "atlassian" });
        }
        Deployment::DataCenter => {
            user["self"] = json!(format!("{}/user?username={login}", caller.api));
            user["name"] = json!(login);
            user["key"] = json!(login);
        }
    }
    user
}

fn avatars(caller: &Caller) -> Value {
    AVATARS.iter().map(|size| ((*size).to_owned(), json!(format!("{}/avatar/{size}.png", caller.site)))).collect()
}

/// An issue with the fields that were asked for.
pub(super) fn issue(
    tracker: &TrackerView,
    ticket: &TicketView,
    wanted: &Wanted,
    (caller, face): (&Caller, &Face),
) -> Value {
    if wanted.is_id_alone() {
        return json!({ "id": ticket.id.to_string() });
    }
    let mut fields = all_fields(tracker, ticket, (caller, face));
    fields.retain(|name, _| wanted.contains(name));
    json!({
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": ticket.id.to_string(),
        "self": format!("{}/issue/{}", caller.api, ticket.id),
        "key": key(tracker, ticket),
        "fields": fields,
    })
}

fn all_fields(tracker: &TrackerView, ticket: &TicketView, (caller, face): (&Caller, &Face)) -> Map<String, Value> {
    let fields = json!({
        "summary": ticket.title,
        "description": text(&ticket.body, face),
        "labels": ticket.label_defs.iter().map(|label| label.name.as_str()).collect::<Vec<_>>(),
        "status": status_of(ticket, caller),
        "resolution": if ticket.open { Value::Null } else { json!({ "id": "10000", "name": "Done" }) },
        "resolutiondate": ticket.closed_at.map(time),
        "created": time(ticket.created_at),
        "updated": time(ticket.updated_at),
        "creator": user(&ticket.author, caller, face),
        "reporter": user(&ticket.author, caller, face),
        "assignee": null,
        "priority": { "self": format!("{}/priority/3", caller.api), "name": "Medium", "id": "3" },
        "issuetype": { "self": format!("{}/issuetype/10001", caller.api), "id": "10001", "name": "Task", "subtask": false },
        "project": project(tracker, caller),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The statuses of the workflow: id, name, category and colour.
type KnownStatus = (&'static str, &'static str, u64, &'static str, &'static str);
pub(super) const STATUSES: [KnownStatus; 4] = [
    ("10000", "To Do", 2, "new", "blue-gray"),
    ("10001", "In Progress", 4, "indeterminate", "yellow"),
    ("10003", "In Review", 4, "indeterminate", "yellow"),
    ("10002", "Done", 3, "done", "green"),
];

fn status_of(ticket: &TicketView, caller: &Caller) -> Value {
    let usual = if ticket.open { "To Do" } else { "Done" };
    let name = ticket.status.as_deref().unwrap_or(usual);
    let found = STATUSES.into_iter().find(|(_, known, ..)| *known == name);
    status(found.unwrap_or(STATUSES[0]), caller)
}

pub(super) fn status((id, name, category, key, color): KnownStatus, caller: &Caller) -> Value {
    json!({
        "self": format!("{}/status/{id}", caller.api),
        "description": "",
        "iconUrl": format!("{}/", caller.site),
        "name": name,
        "id": id,
        "statusCategory": {
            "self": format!("{}/statuscategory/{category}", caller.api),
            "id": category,
            "key": key,
            "colorName": color,
            "name": name,
        },
    })
}

pub(super) fn project(tracker: &TrackerView, caller: &Caller) -> Value {
    json!({
        "self": format!("{}/project/{}", caller.api, tracker.id),
        "id": tracker.id.to_string(),
        "key": tracker.name,
        "name": tracker.name,
        "projectTypeKey": "software",
        "simplified": false,
        "avatarUrls": avatars(caller),
    })
}

pub(super) fn comment(comment: &Comment, ticket: &TicketView, (caller, face): (&Caller, &Face)) -> Value {
    let body = match face.version {
        Version::Two => json!(comment.body),
        Version::Three => face.documents.get(comment.id).unwrap_or_else(|| document::of_text(&comment.body)),
    };
    json!({
        "self": format!("{}/issue/{}/comment/{}", caller.api, ticket.id, comment.id),
        "id": comment.id.to_string(),
        "author": user(&comment.author, caller, face),
        "body": body,
        "updateAuthor": user(&comment.author, caller, face),
        "created": time(comment.at),
        "updated": time(comment.updated_at()),
        "jsdPublic": true,
    })
}

/// The fields that a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted(Vec<String>);

impl Wanted {
    /// `default` when the request names none.
    pub(super) fn new(names: Vec<String>, default: &str) -> Self {
        Self(if names.is_empty() { vec![default.to_owned()] } else { names })
    }

    /// Names in one text, separated by commas.
    pub(super) fn split(text: &str) -> Vec<String> {
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// True when nothing but the identifiers is asked for.
    pub(super) fn is_id_alone(&self) -> bool {
        self.0.iter().all(|name| name == "id")
    }

    fn contains(&self, name: &str) -> bool {
        let all = self.0.iter().any(|wanted| matches!(wanted.as_str(), "*all" | "*navigable"));
        let excluded = self.0.iter().any(|wanted| wanted.strip_prefix('-') == Some(name));
        (all || self.0.iter().any(|wanted| wanted == name)) && !excluded
    }
}
