//! The shapes of Azure DevOps' answers, after the official description. Pure: from the board's views to JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::located::Located;
use super::tags::joined;
use crate::sim::board::{Comment, TicketView};
use crate::sim::people::number_of;

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An id of the board in the form that Azure DevOps gives its own.
pub(super) fn guid(id: u64) -> String {
    format!("a9e27f5c-0000-4000-8000-{id:012x}")
}

/// Somebody.
pub(super) fn identity(name: &str, collection: &str) -> Value {
    json!({
        "displayName": name,
        "url": format!("{collection}/_apis/Identities/{}", guid(number_of(name))),
        "_links": { "avatar": { "href": format!("{collection}/_apis/GraphProfile/MemberAvatars/{name}") } },
        "id": guid(number_of(name)),
        "uniqueName": format!("{name}@example.invalid"),
        "imageUrl": format!("{collection}/_apis/GraphProfile/MemberAvatars/{name}"),
        // Build services and the like are programs.
        "descriptor": format!("{}.{name}", if name.ends_with("[bot]") { "svc" } else { "aad" }),
    })
}

/// The URL of a work item below the project.
pub(super) fn item_url(at: &Located, number: u64) -> String {
    format!("{}/{}/_apis/wit/workItems/{number}", at.collection(), guid(at.tracker.id))
}

/// All fields of a work item; those without a value are absent.
pub(super) fn fields(ticket: &TicketView, at: &Located) -> Map<String, Value> {
    let (collection, project) = (at.collection(), at.project());
    let mut fields = Map::new();
    let known = [
        ("System.AreaPath", json!(project)),
        ("System.TeamProject", json!(project)),
        ("System.IterationPath", json!(project)),
        ("System.WorkItemType", json!("Issue")),
        ("System.State", json!(at.face.state(ticket))),
        ("System.Reason", json!(if ticket.open { "New" } else { "Work finished" })),
        ("System.CreatedDate", json!(time(ticket.created_at))),
        ("System.CreatedBy", identity(&ticket.author, &collection)),
        ("System.ChangedDate", json!(time(ticket.updated_at))),
        ("System.ChangedBy", identity(&ticket.author, &collection)),
        ("System.CommentCount", json!(ticket.comments.len())),
        ("System.Title", json!(ticket.title)),
    ];
    fields.extend(known.map(|(name, value)| (name.to_owned(), value)));
    if !ticket.body.is_empty() {
        fields.insert("System.Description".to_owned(), json!(ticket.body));
    }
    if let Some(tags) = joined(ticket) {
        fields.insert("System.Tags".to_owned(), json!(tags));
    }
    fields
}

/// A work item; `only` names the fields that were asked for.
pub(super) fn item(ticket: &TicketView, only: Option<&[String]>, at: &Located) -> Value {
    let mut fields = fields(ticket, at);
    if let Some(only) = only {
        // The number and the revision are fields as well, but only when they are asked for.
        fields.insert("System.Id".to_owned(), json!(ticket.number));
        fields.insert("System.Rev".to_owned(), json!(ticket.revision));
        fields.retain(|name, _| only.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)));
    }
    let mut item = json!({
        "id": ticket.number,
        "rev": ticket.revision,
        "fields": fields,
        "url": item_url(at, ticket.number),
    });
    if only.is_none() {
        let page = format!("{}/{}", at.caller.origin, super::routes::ticket_path(&at.tracker.name, ticket.number));
        item["_links"] = json!({
            "self": { "href": item_url(at, ticket.number) },
            "workItemUpdates": { "href": format!("{}/updates", item_url(at, ticket.number)) },
            "workItemComments": { "href": format!("{}/comments", item_url(at, ticket.number)) },
            "html": { "href": page },
        });
    }
    item
}

pub(super) fn comment(comment: &Comment, ticket: &TicketView, at: &Located) -> Value {
    let author = identity(&comment.author, &at.collection());
    json!({
        "workItemId": ticket.number,
        "id": comment.id,
        "version": if comment.edited_at.is_some() { 2 } else { 1 },
        "text": comment.body,
        "renderedText": comment.body,
        "format": "html",
        "createdBy": author,
        "createdDate": time(comment.at),
        "modifiedBy": author,
        "modifiedDate": time(comment.updated_at()),
        "url": format!("{}/comments/{}", item_url(at, ticket.number), comment.id),
    })
}
