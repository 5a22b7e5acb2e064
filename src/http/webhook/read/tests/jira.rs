//! Jira: issues and comments of Cloud and Data Center, change logs, and the option that leaves out the body.

use super::*;
use crate::http::webhook::event::{Change, CommentSeen, TrackerNamed};
use crate::http::webhook::read::jira::{delivery_id, read};
use crate::ticket::Labels;

fn jira(body: &Value) -> Outcome {
    read(&HeaderMap::new(), &bytes(body))
}

fn user() -> Value {
    json!({
        "self": "https://acme.atlassian.net/rest/api/2/user?accountId=5c5f88", "accountId": "5c5f88",
        "accountType": "atlassian", "displayName": "Wile E.", "active": true, "timeZone": "Europe/Berlin",
    })
}

fn status(name: &str, category: &str) -> Value {
    json!({ "name": name, "id": "10001", "statusCategory": { "id": 2, "key": category, "name": name } })
}

fn item(field: &str, from: Value, to: Value) -> Value {
    json!({
        "field": field, "fieldtype": "jira", "fieldId": field,
        "from": from, "fromString": from, "to": to, "toString": to,
    })
}

fn updated_with(items: Value) -> Value {
    json!({
        "timestamp": 1_550_351_530_065_u64,
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": "issue_updated",
        "user": user(),
        "issue": {
            "id": "10040", "self": "https://acme.atlassian.net/rest/api/2/issue/10040", "key": "ANV-41",
            "fields": {
                "summary": "Too heavy", "description": "*very*", "labels": ["agent-smith", "bug"],
                "status": status("To Do", "new"), "assignee": null, "customfield_10010": [1, { "a": null }],
            },
        },
        "changelog": { "id": "10233", "items": items },
    })
}

pub(super) fn updated() -> Value {
    updated_with(json!([
        { "field": "labels", "fieldtype": "jira", "fieldId": "labels",
          "from": null, "fromString": "later bug", "to": null, "toString": "agent-smith bug" },
    ]))
}

pub(super) fn commented() -> Value {
    json!({
        "timestamp": 1_550_286_678_321_u64,
        "webhookEvent": "comment_created",
        "comment": {
            "id": "10019", "author": user(), "body": "/agent-smith run", "created": "2026-02-15T19:11:18.321-0800",
        },
        "issue": {
            "id": "10040", "self": "https://acme.atlassian.net/rest/api/2/issue/10040", "key": "ANV-41",
            "fields": { "summary": "Too heavy", "assignee": null, "status": status("To Do", "new") },
        },
    })
}

#[test]
fn labels_are_lists_in_one_text() {
    let event = event(jira(&updated()));
    let added = Change::LabelsAdded(vec!["agent-smith".to_owned()]);
    assert_eq!(event.changes, [added, Change::LabelsRemoved(vec!["later".to_owned()])]);
    let site = Some("https://acme.atlassian.net".parse().unwrap());
    assert_eq!(event.tracker, TrackerNamed::Jira { site, project: "ANV".to_owned() });
    assert_eq!(event.ticket, "ANV-41");
    let actor = event.actor.unwrap();
    assert_eq!((actor.id.as_str(), actor.is_bot), ("5c5f88", false));
    assert!(actor.is_called("wile e."));
    assert_eq!(event.seen.labels, Some(Labels::from_iter(["agent-smith", "bug"])));
    assert_eq!((event.seen.open, event.seen.status.as_deref()), (Some(true), Some("To Do")));
}

#[test]
fn a_new_issue_may_be_assigned_from_the_start() {
    let created = with(&updated(), "/webhookEvent", json!("jira:issue_created"));
    assert_eq!(event(jira(&created)).changes, [Change::Opened]);
    let assigned = with(&created, "/issue/fields/assignee", user());
    let changes = event(jira(&assigned)).changes;
    assert!(matches!(&changes[..], [Change::Opened, Change::Assigned(who)] if who.id == "5c5f88"), "{changes:?}");
}

#[test]
fn an_assignee_is_who_the_log_names() {
    let assigned = |item: Value, shown: Value| {
        let body = with(&updated_with(json!([item])), "/issue/fields/assignee", shown);
        match &event(jira(&body)).changes[..] {
            [Change::Assigned(who)] => who.clone(),
            other => panic!("{other:?}"),
        }
    };
    let cloud = json!({ "field": "assignee", "fieldId": "assignee", "to": "5c5f88", "toString": "Wile E.", "tmpToAccountId": "5c5f88" });
    let shown = assigned(cloud.clone(), user());
    assert_eq!((shown.id.as_str(), shown.is_called("Wile E.")), ("5c5f88", true));
    let only_named = assigned(cloud.clone(), Value::Null);
    assert_eq!((only_named.id.as_str(), only_named.is_called("Wile E.")), ("5c5f88", true));
    let somebody_else = assigned(cloud, json!({ "accountId": "other", "displayName": "Somebody" }));
    assert_eq!(somebody_else.id, "5c5f88");
    let data_center = json!({ "field": "assignee", "from": null, "to": "wile", "toString": "Wile E." });
    let shown =
        assigned(data_center, json!({ "name": "wile", "key": "JIRAUSER1", "emailAddress": "wile@acme.example" }));
    assert!(shown.id == "wile" && shown.is_called("wile@acme.example"));
    let unassigned = updated_with(json!([item("assignee", json!("5c5f88"), Value::Null)]));
    assert!(nothing(jira(&unassigned)).contains("neither labels"));
}

#[test]
fn a_status_is_told_and_its_category_says_whether_it_is_the_end() {
    let moved = |to: &str, category: &str, resolution: [Value; 2]| {
        let [from, gone] = resolution;
        let items = json!([item("resolution", from, gone), item("status", json!("Before"), json!(to))]);
        event(jira(&with(&updated_with(items), "/issue/fields/status", status(to, category)))).changes
    };
    let told = |word: &str| Change::StatusChanged(word.to_owned());
    assert_eq!(moved("To Do", "new", [json!("Done"), Value::Null]), [Change::Reopened, told("To Do")]);
    assert_eq!(moved("Done", "done", [Value::Null, json!("Done")]), [Change::Closed, told("Done"), Change::Closed]);
    assert_eq!(moved("Doing", "indeterminate", [Value::Null, Value::Null]), [told("Doing")]);
    assert_eq!(moved("Doing", "indeterminate", [Value::Null, json!("Fixed")]), [told("Doing")]);
    let old_server =
        json!([{ "field": "Status", "from": "1", "fromString": "Open", "to": "3", "toString": "In Progress" }]);
    assert_eq!(event(jira(&updated_with(old_server))).changes, [told("In Progress")]);
}

#[test]
fn an_update_of_something_else_is_nothing_to_do() {
    let items = json!([
        { "field": "Labels of the press", "fieldtype": "custom", "fieldId": "customfield_1", "to": [7], "toString": { "a": 1 } },
        item("summary", json!("Heavy"), json!("Too heavy")),
        {},
    ]);
    assert!(nothing(jira(&updated_with(items))).contains("neither labels"));
    assert!(nothing(jira(&without(&updated(), "/changelog"))).contains("neither labels"));
    assert!(nothing(jira(&without(&updated(), "/changelog/items"))).contains("neither labels"));
}

#[test]
fn a_comment_of_cloud_has_its_issue_and_no_labels() {
    let event = event(jira(&commented()));
    let seen = CommentSeen { id: Some("10019".to_owned()), body: "/agent-smith run".to_owned() };
    assert_eq!(event.changes, [Change::Commented(seen)]);
    assert_eq!((event.ticket.as_str(), event.seen.labels), ("ANV-41", None));
    assert_eq!(event.actor.unwrap().id, "5c5f88");
}

#[test]
fn a_comment_of_data_center_comes_with_the_update() {
    assert!(nothing(jira(&without(&commented(), "/issue"))).contains("issue updated"));
    let mut body = with(&updated(), "/issue_event_type_name", json!("issue_commented"));
    body["comment"] = commented()["comment"].clone();
    let seen = CommentSeen { id: Some("10019".to_owned()), body: "/agent-smith run".to_owned() };
    assert_eq!(event(jira(&body)).changes.last(), Some(&Change::Commented(seen.clone())));
    let alone = without(&body, "/changelog");
    assert_eq!(event(jira(&alone)).changes, [Change::Commented(seen)]);
    for edited in ["issue_comment_edited", "issue_comment_deleted"] {
        assert!(nothing(jira(&with(&alone, "/issue_event_type_name", json!(edited)))).contains("nor comments"));
    }
}

#[test]
fn data_center_tells_accounts_apart_by_name() {
    let body = with(&updated(), "/user", json!({ "name": "wile", "key": "JIRAUSER1", "displayName": "Wile E." }));
    let body = with(&body, "/issue/self", json!("https://jira.acme.example:8443/jira/rest/api/2/issue/10013"));
    let event = event(jira(&body));
    assert_eq!(event.actor.unwrap().id, "wile");
    let site = Some("https://jira.acme.example:8443/jira".parse().unwrap());
    assert_eq!(event.tracker, TrackerNamed::Jira { site, project: "ANV".to_owned() });
}

#[test]
fn a_program_is_told_apart_from_a_person() {
    assert!(event(jira(&with(&updated(), "/user/accountType", json!("app")))).actor.unwrap().is_bot);
    assert_eq!(event(jira(&without(&updated(), "/user"))).actor, None);
    let named = json!({ "displayName": "5c5f88", "emailAddress": "wile@acme.example" });
    let named = event(jira(&with(&updated(), "/user", named))).actor.unwrap();
    assert_eq!((named.id.as_str(), named.is_called("5c5f88")), ("", true), "what somebody chose identifies nobody");
}

#[test]
fn deleted_is_deleted_and_other_events_are_nothing_to_do() {
    let deleted = with(&updated(), "/webhookEvent", json!("jira:issue_deleted"));
    assert_eq!(event(jira(&deleted)).changes, [Change::Deleted]);
    for name in ["comment_updated", "comment_deleted", "sprint_started", "jira:invented"] {
        assert!(nothing(jira(&with(&commented(), "/webhookEvent", json!(name)))).contains(name));
    }
    assert!(
        nothing(jira(&json!({ "webhookEvent": "user_created", "user": "wile", "issue": 7 }))).contains("user_created")
    );
}

#[test]
fn without_a_body_there_is_nothing_to_do() {
    for body in ["", "{}", " \n{} "] {
        assert!(nothing(read(&HeaderMap::new(), body.as_bytes())).contains("Exclude body"));
    }
}

#[test]
fn errors_name_the_place() {
    let needed = [("/webhookEvent", "`webhookEvent`"), ("/issue", "`issue`"), ("/issue/key", "key")];
    check_needed(&updated(), &needed, jira);
    check_needed(&commented(), &[("/comment", "`comment`"), ("/comment/body", "`comment.body`")], jira);
    let typed = [
        ("/webhookEvent", "`webhookEvent`"),
        ("/issue/key", "`issue.key`"),
        ("/issue/self", "`issue.self`"),
        ("/issue/fields/labels", "`issue.fields.labels`"),
        ("/issue/fields/status/name", "`issue.fields.status.name`"),
        ("/changelog/items", "`changelog.items`"),
        ("/changelog/items/0/toString", "`changelog.items[0].toString`"),
        ("/changelog/items/0/fromString", "`changelog.items[0].fromString`"),
        ("/user/accountId", "`user.accountId`"),
    ];
    check_typed(&updated(), &typed, jira);
    let ignored =
        ["/timestamp", "/issue/id", "/issue/fields/summary", "/issue/fields/customfield_10010", "/changelog/id"];
    check_ignored(&updated(), &ignored, jira);
    for key in ["", "ANV", "-41", "ANV-", "ANV-41a", "A:V-41", "../x-41", "A V-41", "ÄNV-41"] {
        assert!(unreadable(jira(&with(&updated(), "/issue/key", json!(key)))).contains("`issue.key`"), "{key}");
    }
    assert!(unreadable(jira(&with(&updated(), "/issue/self", json!("/rest/api/2/issue/1")))).contains("`issue.self`"));
}

#[test]
fn the_delivery_is_known_by_its_header() {
    let id = delivery_id(&headers(&[("x-atlassian-webhook-identifier", "7f0e")]), b"");
    assert_eq!(id.as_deref(), Some("7f0e"));
    assert_eq!(delivery_id(&HeaderMap::new(), b""), None);
}
