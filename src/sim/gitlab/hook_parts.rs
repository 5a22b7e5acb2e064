//! The objects that GitLab's deliveries are put together from: the ticket, its labels, the project, people.
//!
//! Source of the shapes: GitLab's documentation of its webhook events; they are not those of its REST API.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::face::{Face, Kind};
use crate::sim::board::{LabelDef, TicketView, TrackerView};
use crate::sim::people::number_of;

/// The project a delivery is about, on the instance that sends it.
pub(super) struct Place<'a> {
    pub(super) face: &'a Face,
    pub(super) tracker: &'a TrackerView,
    pub(super) instance: String,
}

impl Place<'_> {
    pub(super) fn issue(&self, ticket: &TicketView) -> Value {
        let Kind { issue_type, confidential } = (self.face.options.kind_of)(ticket);
        let mut name = issue_type.to_owned();
        name[..1].make_ascii_uppercase();
        json!({
            "id": ticket.id,
            "iid": ticket.number,
            "title": ticket.title,
            "description": ticket.body,
            "author_id": number_of(&ticket.author),
            "project_id": self.tracker.id,
            "created_at": time(ticket.created_at),
            "updated_at": time(ticket.updated_at),
            "closed_at": ticket.closed_at.map(time),
            "confidential": confidential,
            "state": if ticket.open { "opened" } else { "closed" },
            "state_id": if ticket.open { 1 } else { 2 },
            "type": name,
            "labels": self.labels(&ticket.label_defs),
            "assignee_ids": [],
            "assignee_id": null,
            "url": format!("{}/-/issues/{}", self.page(), ticket.number),
        })
    }

    pub(super) fn labels(&self, labels: &[Arc<LabelDef>]) -> Value {
        let label = |label: &Arc<LabelDef>| {
            json!({
                "id": label.id,
                "title": label.name,
                "color": format!("#{}", label.color),
                "project_id": self.tracker.id,
                "created_at": time(self.tracker.created_at),
                "updated_at": time(self.tracker.created_at),
                "template": false,
                "description": label.description,
                "type": "ProjectLabel",
                "group_id": null,
            })
        };
        labels.iter().map(label).collect()
    }

    pub(super) fn user(&self, login: &str) -> Value {
        json!({
            "id": number_of(login),
            "name": login,
            "username": login,
            "avatar_url": null,
            "email": "[REDACTED]",
        })
    }

    pub(super) fn project(&self) -> Value {
        let (page, path) = (self.page(), self.tracker.name.as_str());
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        json!({
            "id": self.tracker.id,
            "name": name,
            "description": null,
            "web_url": page,
            "avatar_url": null,
            "git_ssh_url": format!("git@gitlab.invalid:{path}.git"),
            "git_http_url": format!("{page}.git"),
            "namespace": namespace,
            "visibility_level": 0,
            "path_with_namespace": path,
            "default_branch": "main",
            "ci_config_path": null,
            "homepage": page,
            "url": format!("git@gitlab.invalid:{path}.git"),
            "ssh_url": format!("git@gitlab.invalid:{path}.git"),
            "http_url": format!("{page}.git"),
        })
    }

    pub(super) fn repository(&self) -> Value {
        let name = self.tracker.name.rsplit('/').next().unwrap_or_default();
        json!({ "name": name, "url": format!("git@gitlab.invalid:{}.git", self.tracker.name), "homepage": self.page() })
    }

    pub(super) fn page(&self) -> String {
        format!("{}/{}", self.instance, self.tracker.name)
    }
}

/// As GitLab writes it in webhooks.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
