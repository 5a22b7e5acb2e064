//! Azure DevOps' work item events, as its service hooks send them, of Services and of Server.
//!
//! Source of the shapes: Microsoft's documentation of service hook events, resource version 1.0. Nothing but the body
//! says what happened. What must stay true: `resource.id` is the work item's number except in `workitem.updated`, where
//! it counts updates; a sample that the test button sends never becomes an event; with resource details set to less
//! than "All" an event still says which work item it is about, and nothing of it.

use http::HeaderMap;
use serde::Deserialize;
use url::Url;

use super::azure_fields::{Field, Fields, Identity};
use super::json::{label_changes, need, parse, usable_id, web_url, word};
use crate::http::webhook::event::{Change, CommentSeen, Event, Reading, Seen, TrackerNamed, Unreadable};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    subscription_id: Option<String>,
    notification_id: Option<u64>,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    event_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    event_type: Option<String>,
    resource: Option<Resource>,
    resource_containers: Option<Containers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    id: Option<u64>,
    work_item_id: Option<u64>,
    fields: Option<Fields>,
    revision: Option<Revision>,
    revised_by: Option<Identity>,
    #[serde(rename = "_links")]
    links: Option<Links>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Revision {
    id: Option<u64>,
    fields: Option<Fields>,
}

#[derive(Deserialize)]
struct Links {
    parent: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
struct Containers {
    collection: Option<Container>,
    account: Option<Container>,
    project: Option<Container>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    id: Option<String>,
    base_url: Option<String>,
}

/// What the delivery says.
///
/// # Errors
/// When the body has no event type, or one that matters is not what Microsoft documents.
pub fn read(_headers: &HeaderMap, body: &[u8]) -> Result<Reading, Unreadable> {
    let delivery: Delivery = match parse(body) {
        Ok(delivery) => delivery,
        // Other events have resources of other shapes.
        Err(unreadable) => return parse::<Kind>(body).ok().and_then(of_no_use).ok_or(unreadable),
    };
    let event_type = need(delivery.event_type, "eventType", "the name of an event such as `workitem.updated`")?;
    if !event_type.starts_with("workitem.") {
        return Ok(nothing_in(&event_type));
    }
    let Some(resource) = delivery.resource else {
        let reason = "no resource: set \"Resource details to send\" of the subscription to \"All\"";
        return Ok(Reading::Nothing(reason.to_owned()));
    };
    let containers = delivery.resource_containers;
    match event_type.as_str() {
        "workitem.created" => event(resource, containers, |_| vec![Change::Opened]),
        "workitem.restored" => event(resource, containers, |_| vec![Change::Reopened]),
        "workitem.deleted" => event(resource, containers, |_| vec![Change::Deleted]),
        "workitem.commented" => event(resource, containers, comment),
        "workitem.updated" => updated(resource, containers),
        other => Ok(nothing_in(other)),
    }
}

/// The subscription with the number that it gave the notification; the event's id where one of them is missing. Azure
/// DevOps sends no header for it.
pub fn delivery_id(_headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let head: Head = parse(body).ok()?;
    let notification = head.subscription_id.zip(head.notification_id);
    notification.map(|(subscription, number)| format!("{subscription}/{number}")).or(head.id).and_then(usable_id)
}

fn of_no_use(kind: Kind) -> Option<Reading> {
    kind.event_type.filter(|kind| !kind.starts_with("workitem.")).map(|kind| nothing_in(&kind))
}

fn nothing_in(event_type: &str) -> Reading {
    Reading::Nothing(format!("nothing to do for event {}", word(event_type)))
}

fn comment(resource: &Resource) -> Vec<Change> {
    let text = resource.fields.as_ref().and_then(|fields| fields.history.as_ref()).and_then(Field::now);
    text.map(|text| Change::Commented(CommentSeen { id: None, body: text.to_owned() })).into_iter().collect()
}

fn updated(mut resource: Resource, containers: Option<Containers>) -> Result<Reading, Unreadable> {
    if resource.work_item_id == Some(0) {
        return Ok(Reading::Nothing("work item 0: a sample sent by the test button".to_owned()));
    }
    resource.id = resource.work_item_id.or_else(|| resource.revision.as_ref()?.id).or_else(|| {
        let parent = resource.links.as_ref().and_then(|links| links.parent.as_ref()?.href.as_deref());
        parent.or(resource.url.as_deref()).and_then(number_in)
    });
    event(resource, containers, |resource| match &resource.fields {
        Some(fields) => changes(fields),
        None => vec![Change::Unnamed],
    })
}

/// The number in `…/_apis/wit/workItems/5/updates/2`.
fn number_in(url: &str) -> Option<u64> {
    let lower = url.to_ascii_lowercase();
    let (_, rest) = lower.split_once("/workitems/")?;
    rest.split('/').next()?.parse().ok()
}

fn changes(fields: &Fields) -> Vec<Change> {
    let state = fields.state.as_ref().and_then(Field::change).and_then(|change| change.new.clone());
    let [before, after] = match fields.tags.as_ref().and_then(Field::change) {
        Some(change) => [&change.old, &change.new].map(|tags| tags.as_deref().map(split_tags).unwrap_or_default()),
        None => [Vec::new(), Vec::new()],
    };
    state.map(Change::StatusChanged).into_iter().chain(label_changes(&before, &after)).collect()
}

/// All tags are one text: `a; b; c`.
fn split_tags(tags: &str) -> Vec<String> {
    tags.split(';').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

fn event(
    resource: Resource,
    containers: Option<Containers>,
    changes: impl FnOnce(&Resource) -> Vec<Change>,
) -> Result<Reading, Unreadable> {
    let ticket = need(resource.id, "resource.id", "the number of a work item")?;
    if ticket == 0 {
        return Ok(Reading::Nothing("work item 0: a sample sent by the test button".to_owned()));
    }
    let changes = changes(&resource);
    if changes.is_empty() {
        let reason = match resource.fields {
            Some(_) => "neither state, tags nor comments changed",
            None => "no fields: set \"Resource details to send\" of the subscription to \"All\"",
        };
        return Ok(Reading::Nothing(reason.to_owned()));
    }
    let Resource { fields, revision, revised_by, url, .. } = resource;
    let revision = revision.and_then(|revision| revision.fields);
    let seen = seen(fields.as_ref(), revision.as_ref());
    let project = [&revision, &fields].into_iter().flatten().find_map(|fields| fields.project.as_ref()?.now());
    let tracker = tracker(containers, project.map(str::to_owned), url.as_deref())?;
    let changed_by = |fields: Option<Fields>| fields?.changed_by?.account();
    let actor = revised_by.and_then(Identity::account).or_else(|| changed_by(revision)).or_else(|| changed_by(fields));
    Ok(Reading::Event(Box::new(Event { tracker, ticket: ticket.to_string(), changes, actor, seen })))
}

/// What is in `fields` is as new as it can be; what is only in `revision` did not change. Which states count as not
/// finished is a matter of the configuration.
fn seen(fields: Option<&Fields>, revision: Option<&Fields>) -> Seen {
    let status = [fields, revision].into_iter().flatten().find_map(|fields| fields.state.as_ref()?.now());
    let changed = fields.and_then(|fields| fields.tags.as_ref());
    // All values are there: of a revision always, of the fields unless they are changes.
    let all = revision.or(fields.filter(|fields| !matches!(fields.state, Some(Field::Change(_)) | None)));
    let tags = match (changed, all) {
        (Some(changed), _) => Some(changed.now().unwrap_or_default()),
        (None, Some(all)) => Some(all.tags.as_ref().and_then(Field::now).unwrap_or_default()),
        (None, None) => None,
    };
    let labels = tags.map(|tags| split_tags(tags).into_iter().collect());
    Seen { labels, open: None, status: status.map(str::to_owned) }
}

fn tracker(
    containers: Option<Containers>,
    project: Option<String>,
    resource_url: Option<&str>,
) -> Result<TrackerNamed, Unreadable> {
    let (collection, account, place) =
        containers.map_or((None, None, None), |all| (all.collection, all.account, all.project));
    let project_id = place.and_then(|place| place.id);
    if project.is_none() && project_id.is_none() {
        let text = "`resourceContainers.project.id`: missing or null, expected the GUID of the project";
        return Err(Unreadable(text.to_owned()));
    }
    let base = [(collection, "collection"), (account, "account")]
        .into_iter()
        .find_map(|(container, name)| Some((container?.base_url?, format!("resourceContainers.{name}.baseUrl"))));
    let collection = match base {
        Some((base, path)) => Some(web_url(&base, &path)?),
        None => resource_url.and_then(|url| collection_of(url, project.as_deref())),
    };
    Ok(TrackerNamed::AzureDevOps { collection, project, project_id })
}

/// The part of a work item's API address before the project, which stands there as its GUID, its name, or not at all.
fn collection_of(url: &str, project: Option<&str>) -> Option<Url> {
    let (before, _) = url.split_once("/_apis/")?;
    let mut collection = web_url(before, "resource.url").ok()?;
    let last = collection.path_segments()?.next_back()?.to_owned();
    let is_guid = last.len() == 36 && last.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_project = project.is_some_and(|name| name.replace(' ', "%20").eq_ignore_ascii_case(&last));
    if is_guid || is_project {
        collection.path_segments_mut().ok()?.pop();
    }
    Some(collection)
}
