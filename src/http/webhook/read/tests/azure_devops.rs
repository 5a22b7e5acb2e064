//! Azure DevOps: the five work item events, samples of the test button, and subscriptions that send less than all.

use super::*;
use crate::http::webhook::event::{Change, CommentSeen, TrackerNamed};
use crate::http::webhook::read::azure_devops::{delivery_id, read};
use crate::ticket::Labels;

const PROJECT_ID: &str = "be9b3917-87e6-42a4-a549-2bc06a7a878f";

fn azure(body: &Value) -> Outcome {
    read(&HeaderMap::new(), &bytes(body))
}

fn delivery(event_type: &str, resource: Value) -> Value {
    json!({
        "subscriptionId": "11111111-2222-3333-4444-555555555555",
        "notificationId": 8,
        "id": "27646e0e-b520-4d2b-9411-bba7524947cd",
        "eventType": event_type,
        "publisherId": "tfs",
        "message": { "text": "Bug #5 was changed" },
        "resource": resource,
        "resourceVersion": "1.0",
        "resourceContainers": {
            "collection": { "id": "c12d0eb8", "baseUrl": "https://dev.azure.com/acme/" },
            "account": { "id": "f844ec47", "baseUrl": "https://dev.azure.com/acme/" },
            "project": { "id": PROJECT_ID, "baseUrl": "https://dev.azure.com/acme/" },
        },
        "createdDate": "2026-05-02T19:19:12.8836446Z",
    })
}

fn fields() -> Value {
    json!({
        "System.AreaPath": "Anvil", "System.TeamProject": "Anvil works", "System.WorkItemType": "Bug",
        "System.State": "Active", "System.Title": "Too heavy", "System.Tags": "agent-smith; bug",
        "System.ChangedBy": "Wile E. <wile@acme.example>",
    })
}

pub(super) fn updated() -> Value {
    let resource = json!({
        "id": 2,
        "workItemId": 5,
        "rev": 2,
        "revisedBy": { "id": "guid-of-wile", "displayName": "Wile E.", "uniqueName": "wile@acme.example" },
        "fields": {
            "System.Rev": { "oldValue": 1, "newValue": 2 },
            "System.ChangedBy": { "oldValue": "Somebody", "newValue": { "displayName": "Wile E." } },
            "System.State": { "oldValue": "Closed", "newValue": "Active" },
            "System.Tags": { "oldValue": "bug; later", "newValue": "agent-smith; bug" },
        },
        "_links": { "parent": { "href": "https://dev.azure.com/acme/_apis/wit/workItems/5" } },
        "url": "https://dev.azure.com/acme/be9b3917-87e6-42a4-a549-2bc06a7a878f/_apis/wit/workItems/5/updates/2",
        "revision": { "id": 5, "rev": 2, "fields": fields() },
    });
    delivery("workitem.updated", resource)
}

/// What all events but the update send.
pub(super) fn flat(event_type: &str) -> Value {
    let url = "https://dev.azure.com/acme/_apis/wit/workItems/5";
    delivery(event_type, json!({ "id": 5, "rev": 1, "fields": fields(), "url": url }))
}

#[test]
fn an_update_says_what_changed_and_what_is_there_now() {
    let event = event(azure(&updated()));
    let expected = [
        Change::StatusChanged("Active".to_owned()),
        Change::LabelsAdded(vec!["agent-smith".to_owned()]),
        Change::LabelsRemoved(vec!["later".to_owned()]),
    ];
    assert_eq!(event.changes, expected);
    let tracker = TrackerNamed::AzureDevOps {
        collection: Some("https://dev.azure.com/acme/".parse().unwrap()),
        project: Some("Anvil works".to_owned()),
        project_id: Some(PROJECT_ID.to_owned()),
    };
    assert_eq!(event.tracker, tracker);
    assert_eq!(event.ticket, "5");
    let actor = event.actor.unwrap();
    assert_eq!(actor.id, "wile@acme.example");
    assert!(actor.is_called("wile e.") && actor.is_called("guid-of-wile"));
    assert_eq!(actor.shown(), "Wile E.", "a person reads it");
    assert_eq!(event.seen.labels, Some(Labels::from_iter(["agent-smith", "bug"])));
    assert_eq!((event.seen.open, event.seen.status.as_deref()), (None, Some("Active")));
}

#[test]
fn the_first_tag_and_the_last_one_are_changes_as_well() {
    let first = without(&updated(), "/resource/fields/System.Tags/oldValue");
    assert_eq!(event(azure(&first)).changes[1], Change::LabelsAdded(vec!["agent-smith".to_owned(), "bug".to_owned()]));
    let last = without(&updated(), "/resource/fields/System.Tags/newValue");
    let event = event(azure(&last));
    assert_eq!(event.changes[1], Change::LabelsRemoved(vec!["bug".to_owned(), "later".to_owned()]));
    assert_eq!(event.seen.labels, Some(Labels::default()));
}

#[test]
fn what_did_not_change_is_taken_from_the_revision() {
    let state_only = without(&updated(), "/resource/fields/System.Tags");
    let event_ = event(azure(&state_only));
    assert_eq!(event_.changes, [Change::StatusChanged("Active".to_owned())]);
    assert!(event_.seen.labels.unwrap().contains("agent-smith"));
    let untagged = without(&state_only, "/resource/revision/fields/System.Tags");
    assert_eq!(event(azure(&untagged)).seen.labels, Some(Labels::default()));
    let no_revision = event(azure(&without(&state_only, "/resource/revision")));
    assert_eq!((no_revision.seen.labels, no_revision.seen.status.as_deref()), (None, Some("Active")));
    let neither = without(&state_only, "/resource/fields/System.State");
    assert!(nothing(azure(&neither)).contains("neither state, tags"));
}

#[test]
fn the_other_events_show_the_ticket_itself() {
    let one = |event_type: &str| event(azure(&flat(event_type)));
    for (event_type, change) in [
        ("workitem.created", Change::Opened),
        ("workitem.restored", Change::Reopened),
        ("workitem.deleted", Change::Deleted),
    ] {
        let event = one(event_type);
        assert_eq!((event.changes.as_slice(), event.ticket.as_str()), (&[change][..], "5"));
        assert_eq!(event.seen.labels, Some(Labels::from_iter(["agent-smith", "bug"])));
        assert_eq!(event.actor.unwrap().id, "wile@acme.example");
    }
    let untagged = without(&flat("workitem.created"), "/resource/fields/System.Tags");
    assert_eq!(event(azure(&untagged)).seen.labels, Some(Labels::default()));
}

#[test]
fn a_comment_is_the_history_of_its_event() {
    let body =
        with(&flat("workitem.commented"), "/resource/fields/System.History", json!("<div>/agent-smith run</div>"));
    let seen = CommentSeen { id: None, body: "<div>/agent-smith run</div>".to_owned() };
    assert_eq!(event(azure(&body)).changes, [Change::Commented(seen)]);
    assert!(nothing(azure(&flat("workitem.commented"))).contains("nor comments"));
    let history = json!({ "newValue": "/agent-smith run" });
    let also_in_the_update = with(&updated(), "/resource/fields/System.History", history);
    assert_eq!(event(azure(&also_in_the_update)).changes.len(), 3, "the comment has an event of its own");
}

#[test]
fn less_than_all_details_still_name_the_ticket() {
    let minimal = json!({ "id": 5, "url": "https://dev.azure.com/acme/_apis/wit/workItems/5" });
    let created = event(azure(&delivery("workitem.created", minimal.clone())));
    assert_eq!((created.ticket.as_str(), &created.changes[..]), ("5", &[Change::Opened][..]));
    assert_eq!((created.seen.labels, created.seen.status, created.actor), (None, None, None));
    assert!(nothing(azure(&delivery("workitem.commented", minimal))).contains("Resource details to send"));

    let update = json!({ "id": 2, "workItemId": 5, "rev": 2 });
    let updated = event(azure(&delivery("workitem.updated", update)));
    assert_eq!((updated.ticket.as_str(), &updated.changes[..]), ("5", &[Change::Unnamed][..]));
    assert_eq!(updated.seen.labels, None);

    let none = delivery("workitem.updated", Value::Null);
    assert!(nothing(azure(&none)).contains("Resource details to send"));
}

#[test]
fn the_number_is_found_wherever_it_stands() {
    let no_number = without(&updated(), "/resource/workItemId");
    assert_eq!(event(azure(&no_number)).ticket, "5");
    let no_revision = without(&no_number, "/resource/revision");
    assert_eq!(event(azure(&no_revision)).ticket, "5");
    let no_links = without(&no_revision, "/resource/_links");
    assert_eq!(event(azure(&no_links)).ticket, "5");
    assert!(unreadable(azure(&without(&no_links, "/resource/url"))).contains("`resource.id`"));
    let elsewhere = with(&no_links, "/resource/url", json!("https://dev.azure.com/acme/_apis/git/items/5"));
    assert!(unreadable(azure(&elsewhere)).contains("`resource.id`"));
}

#[test]
fn samples_of_the_test_button_are_nothing_to_do() {
    assert!(nothing(azure(&with(&updated(), "/resource/workItemId", json!(0)))).contains("test button"));
    assert!(nothing(azure(&with(&flat("workitem.created"), "/resource/id", json!(0)))).contains("test button"));
}

#[test]
fn other_events_are_nothing_to_do_whatever_their_shape() {
    let push = json!({ "eventType": "git.push", "resource": { "id": "guid", "url": [] } });
    assert!(nothing(azure(&push)).contains("git.push"));
    assert!(nothing(azure(&delivery("workitem.invented", json!({ "id": 5 })))).contains("workitem.invented"));
    assert!(unreadable(azure(&json!({ "resource": {} }))).contains("`eventType`"));
}

#[test]
fn the_collection_is_found_without_its_container() {
    let collection = |url: &str| {
        let body = without(
            &without(&flat("workitem.created"), "/resourceContainers/collection"),
            "/resourceContainers/account",
        );
        match event(azure(&with(&body, "/resource/url", json!(url)))).tracker {
            TrackerNamed::AzureDevOps { collection, .. } => collection.map(String::from),
            other => panic!("{other:?}"),
        }
    };
    let acme = Some("https://dev.azure.com/acme".to_owned());
    assert_eq!(collection("https://dev.azure.com/acme/_apis/wit/workItems/5"), acme);
    assert_eq!(collection(&format!("https://dev.azure.com/acme/{PROJECT_ID}/_apis/wit/workItems/5")), acme);
    assert_eq!(collection("https://dev.azure.com/acme/Anvil%20works/_apis/wit/workItems/5"), acme);
    let server = Some("https://tfs.acme.example:8443/tfs/DefaultCollection".to_owned());
    assert_eq!(collection("https://tfs.acme.example:8443/tfs/DefaultCollection/_apis/wit/workItems/5"), server);
    assert_eq!(collection("nowhere"), None);
}

#[test]
fn people_are_written_in_many_ways() {
    let actor = |by: Value| {
        let who =
            event(azure(&with(&flat("workitem.created"), "/resource/fields/System.ChangedBy", by))).actor.unwrap();
        (who.id.clone(), who.is_called("wile e."))
    };
    assert_eq!(actor(json!("Wile E. <wile@acme.example>")), ("wile@acme.example".to_owned(), true));
    // What somebody chose to be called identifies nobody.
    assert_eq!(actor(json!("Wile E.")), (String::new(), true));
    assert_eq!(actor(json!({ "displayName": "Wile E." })), (String::new(), true));
    // Whoever calls himself like another account does not become it.
    assert_eq!(actor(json!("<boss@acme.example> <wile@acme.example>")), ("wile@acme.example".to_owned(), false));
    let object = json!({ "id": "guid", "displayName": "Wile E.", "uniqueName": "wile@acme.example", "imageUrl": "i" });
    assert_eq!(actor(object), ("wile@acme.example".to_owned(), true));
    assert_eq!(actor(json!({ "id": "guid", "name": "Wile E. <wile@acme.example>" })), ("guid".to_owned(), true));
    let nobody = with(&flat("workitem.created"), "/resource/fields/System.ChangedBy", json!(""));
    assert_eq!(event(azure(&nobody)).actor, None);
    let revised = without(&updated(), "/resource/revisedBy");
    assert_eq!(event(azure(&revised)).actor.unwrap().id, "wile@acme.example");
}

#[test]
fn errors_name_the_place() {
    check_needed(&updated(), &[("/eventType", "`eventType`")], azure);
    check_needed(&flat("workitem.created"), &[("/resource/id", "`resource.id`")], azure);
    let nowhere = without(&without(&flat("workitem.created"), "/resource/fields"), "/resourceContainers/project");
    assert!(unreadable(azure(&nowhere)).contains("`resourceContainers.project.id`"));
    let typed = [
        ("/eventType", "`eventType`"),
        ("/resource/workItemId", "`resource.workItemId`"),
        ("/resource/fields/System.Tags/newValue", "`resource.fields.System.Tags.newValue`"),
        ("/resource/fields/System.State/newValue", "`resource.fields.System.State.newValue`"),
        ("/resource/revision/id", "`resource.revision.id`"),
        ("/resourceContainers/project/id", "`resourceContainers.project.id`"),
    ];
    check_typed(&updated(), &typed, azure);
    let state = with(&updated(), "/resource/fields/System.State", json!(5));
    assert!(
        unreadable(azure(&state))
            .contains("`resource.fields.System.State`: invalid type: integer `5`, expected a text")
    );
    let base = with(&updated(), "/resourceContainers/collection/baseUrl", json!("acme"));
    assert!(unreadable(azure(&base)).contains("`resourceContainers.collection.baseUrl`"));
    let ignored = [
        "/message",
        "/publisherId",
        "/resource/rev",
        "/resource/fields/System.Rev",
        "/resource/revision/fields/System.Title",
    ];
    check_ignored(&updated(), &ignored, azure);
}

#[test]
fn a_byte_order_mark_in_front_is_ignored() {
    let body = [b"\xef\xbb\xbf".as_slice(), &bytes(&updated())].concat();
    assert_eq!(event(read(&HeaderMap::new(), &body)).ticket, "5");
    assert!(delivery_id(&HeaderMap::new(), &body).is_some());
}

#[test]
fn the_delivery_is_known_by_its_subscription_and_number_or_by_the_event() {
    let id = |body: &Value| delivery_id(&HeaderMap::new(), &bytes(body));
    assert_eq!(id(&updated()).as_deref(), Some("11111111-2222-3333-4444-555555555555/8"));
    for missing in ["/subscriptionId", "/notificationId"] {
        assert_eq!(id(&without(&updated(), missing)).as_deref(), Some("27646e0e-b520-4d2b-9411-bba7524947cd"));
    }
    assert_eq!(id(&json!({ "id": "" })), None);
    assert_eq!(id(&json!({ "id": "two words" })), None);
    assert_eq!(id(&json!({ "id": "7".repeat(201) })), None);
    assert_eq!(delivery_id(&HeaderMap::new(), b"{"), None);
}
