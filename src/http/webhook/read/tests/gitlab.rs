//! GitLab: issues, work items, notes, confidential ones, and the test button.

use super::*;
use crate::http::webhook::event::{Change, CommentSeen, TrackerNamed};
use crate::http::webhook::read::gitlab::{delivery_id, read};
use crate::ticket::Labels;

fn gitlab(body: &Value) -> Outcome {
    read(&headers(&[("x-gitlab-event", "Issue Hook")]), &bytes(body))
}

fn label(title: &str) -> Value {
    json!({ "id": 206, "title": title, "color": "#ffffff", "project_id": 14, "type": "ProjectLabel" })
}

fn project() -> Value {
    json!({
        "id": 14, "name": "Anvil", "web_url": "https://gitlab.example/acme/tools/anvil", "avatar_url": null,
        "path_with_namespace": "acme/tools/anvil", "namespace": "tools", "default_branch": "main",
    })
}

pub(super) fn updated() -> Value {
    json!({
        "object_kind": "issue",
        "event_type": "issue",
        "user": { "id": 42, "name": "Wile E.", "username": "wile", "email": "[REDACTED]" },
        "project": project(),
        "object_attributes": {
            "id": 301, "iid": 23, "title": "Too heavy", "state": "opened", "action": "update", "type": "Issue",
            "labels": [label("agent-smith"), label("bug")], "confidential": false,
        },
        "labels": [label("agent-smith"), label("bug")],
        "changes": {
            "updated_at": { "previous": "2026-01-01 10:00:00 UTC", "current": "2026-01-01 10:01:00 UTC" },
            "labels": { "previous": [label("bug"), label("later")], "current": [label("agent-smith"), label("bug")] },
        },
        "repository": { "name": "Anvil", "url": "git@gitlab.example:acme/tools/anvil.git" },
    })
}

pub(super) fn noted() -> Value {
    json!({
        "object_kind": "note",
        "event_type": "note",
        "user": { "id": 42, "name": "Wile E.", "username": "wile" },
        "project_id": 14,
        "project": project(),
        "object_attributes": {
            "id": 1241, "note": "/agent-smith run", "noteable_type": "Issue", "system": false, "action": "create",
        },
        "issue": { "id": 301, "iid": 23, "title": "Too heavy", "state": "closed", "labels": [label("bug")] },
    })
}

fn with_action(action: &str) -> Value {
    with(&updated(), "/object_attributes/action", json!(action))
}

#[test]
fn labels_are_compared_before_and_after() {
    let event = event(gitlab(&updated()));
    let added = Change::LabelsAdded(vec!["agent-smith".to_owned()]);
    assert_eq!(event.changes, [added, Change::LabelsRemoved(vec!["later".to_owned()])]);
    let web_url = "https://gitlab.example/acme/tools/anvil".parse().unwrap();
    assert_eq!(event.tracker, TrackerNamed::GitLab { web_url, path: "acme/tools/anvil".to_owned() });
    assert_eq!(event.ticket, "23");
    let actor = event.actor.unwrap();
    assert_eq!((actor.id.as_str(), actor.is_bot), ("42", false));
    assert!(actor.is_called("wile") && actor.is_called("wile e."));
    assert_eq!(event.seen.labels, Some(Labels::from_iter(["agent-smith", "bug"])));
    assert_eq!((event.seen.open, event.seen.status.as_deref()), (Some(true), Some("opened")));
}

#[test]
fn a_new_ticket_has_its_labels_from_the_start() {
    let event = event(gitlab(&with_action("open")));
    assert_eq!(event.changes, [Change::Opened]);
    assert!(event.seen.labels.unwrap().contains("agent-smith"));
}

#[test]
fn the_state_and_the_labels_may_change_together() {
    let labels = [Change::LabelsAdded(vec!["agent-smith".to_owned()]), Change::LabelsRemoved(vec!["later".to_owned()])];
    for (action, change) in [("reopen", Change::Reopened), ("close", Change::Closed)] {
        let all = event(gitlab(&with_action(action))).changes;
        assert_eq!(all[0], change);
        assert_eq!(all[1..], labels);
        let alone = without(&with_action(action), "/changes/labels");
        assert_eq!(event(gitlab(&alone)).changes.len(), 1);
    }
}

#[test]
fn the_labels_of_old_servers_are_under_the_ticket() {
    let seen = event(gitlab(&without(&updated(), "/labels"))).seen;
    assert_eq!(seen.labels, Some(Labels::from_iter(["agent-smith", "bug"])));
    let neither = without(&without(&updated(), "/labels"), "/object_attributes/labels");
    assert_eq!(event(gitlab(&neither)).seen.labels, None);
}

#[test]
fn work_items_and_confidential_issues_are_tickets() {
    let task = with(&with(&updated(), "/object_kind", json!("work_item")), "/object_attributes/type", json!("Task"));
    assert_eq!(event(gitlab(&task)).ticket, "23");
    let body = bytes(&with(&updated(), "/event_type", json!("confidential_issue")));
    assert_eq!(event(read(&headers(&[("x-gitlab-event", "Confidential Issue Hook")]), &body)).ticket, "23");
    assert!(nothing(gitlab(&without(&task, "/project"))).contains("of a group"));
}

#[test]
fn what_changes_no_label_and_no_state_is_nothing_to_do() {
    assert!(nothing(gitlab(&without(&updated(), "/changes/labels"))).contains("neither"));
    assert!(nothing(gitlab(&without(&updated(), "/changes"))).contains("neither"));
    let unchanged = with(&updated(), "/changes/labels/previous", json!([label("BUG"), label("agent-smith")]));
    assert!(nothing(gitlab(&unchanged)).contains("neither"));
    assert!(nothing(gitlab(&with_action("approved"))).contains("approved"));
}

#[test]
fn the_test_button_is_nothing_to_do() {
    assert!(nothing(gitlab(&without(&updated(), "/object_attributes/action"))).contains("test button"));
}

#[test]
fn other_kinds_are_nothing_to_do_whatever_their_shape() {
    let push = json!({ "object_kind": "push", "user": "wile", "project": "14", "changes": [] });
    assert!(nothing(gitlab(&push)).contains("push"));
    assert!(nothing(gitlab(&json!({ "object_kind": "emoji" }))).contains("emoji"));
    assert!(unreadable(gitlab(&json!({ "event_name": "project_create" }))).contains("`object_kind`"));
}

#[test]
fn a_new_note_is_a_comment() {
    let seen = CommentSeen { id: Some("1241".to_owned()), body: "/agent-smith run".to_owned() };
    let created = event(gitlab(&noted()));
    assert_eq!(created.changes, [Change::Commented(seen.clone())]);
    assert_eq!((created.ticket.as_str(), created.seen.open), ("23", Some(false)));
    assert_eq!(created.seen.labels, Some(Labels::from_iter(["bug"])));
    let old_server = without(&noted(), "/object_attributes/action");
    assert_eq!(event(gitlab(&old_server)).changes, [Change::Commented(seen.clone())]);
    let mut on_work_item = with(&noted(), "/object_attributes/noteable_type", json!("WorkItem"));
    on_work_item["work_item"] = on_work_item["issue"].clone();
    assert_eq!(event(gitlab(&without(&on_work_item, "/issue"))).changes, [Change::Commented(seen)]);
}

#[test]
fn other_notes_are_nothing_to_do() {
    let changed = |key: &str, value: Value| gitlab(&with(&noted(), &format!("/object_attributes/{key}"), value));
    assert!(nothing(changed("system", json!(true))).contains("GitLab itself"));
    assert!(nothing(changed("action", json!("update"))).contains("update"));
    for on in ["MergeRequest", "Commit", "Snippet"] {
        assert!(nothing(changed("noteable_type", json!(on))).contains(on));
    }
}

#[test]
fn a_program_is_told_apart_from_a_person() {
    let is_bot = |name: &str| event(gitlab(&with(&updated(), "/user/username", json!(name)))).actor.unwrap().is_bot;
    for name in ["project_14_bot", "project_14_bot2", "group_7_bot_9d01ab", "service_account_group_345_6018816a"] {
        assert!(is_bot(name), "{name}");
    }
    for name in ["wile", "project_manager_bot", "group__bot", "project_14", "robot_group_7_bot"] {
        assert!(!is_bot(name), "{name}");
    }
    let nameless = with(&updated(), "/user", json!({ "username": "wile" }));
    let named = event(gitlab(&nameless)).actor.unwrap();
    assert_eq!((named.id.as_str(), named.is_called("wile")), ("", true), "a user name may look like a number");
    assert_eq!(event(gitlab(&with(&updated(), "/user", json!({})))).actor, None);
}

#[test]
fn errors_name_the_place() {
    let needed = [
        ("/object_kind", "`object_kind`"),
        ("/object_attributes", "`object_attributes`"),
        ("/object_attributes/iid", "`object_attributes.iid`"),
        ("/project", "`project`"),
        ("/project/web_url", "web_url"),
        ("/project/path_with_namespace", "path_with_namespace"),
    ];
    check_needed(&updated(), &needed, gitlab);
    let needed = [
        ("/object_attributes/note", "`object_attributes.note`"),
        ("/object_attributes/noteable_type", "`object_attributes.noteable_type`"),
        ("/issue", "`issue`"),
        ("/issue/iid", "iid"),
        ("/project", "`project`"),
    ];
    check_needed(&noted(), &needed, gitlab);
    let typed = [
        ("/object_kind", "`object_kind`"),
        ("/object_attributes", "`object_attributes"),
        ("/object_attributes/iid", "`object_attributes.iid`"),
        ("/object_attributes/action", "`object_attributes.action`"),
        ("/object_attributes/state", "`object_attributes.state`"),
        ("/labels", "`labels`"),
        ("/labels/0/title", "`labels[0].title`"),
        ("/changes/labels", "`changes.labels"),
        ("/changes/labels/current", "`changes.labels.current`"),
        ("/project/web_url", "`project.web_url`"),
        ("/user/id", "`user.id`"),
    ];
    check_typed(&updated(), &typed, gitlab);
    let typed = [("/object_attributes/note", "`object_attributes.note`"), ("/issue/iid", "`issue.iid`")];
    check_typed(&noted(), &typed, gitlab);
    let ignored =
        ["/object_attributes/title", "/changes/updated_at", "/project/namespace", "/repository", "/assignees"];
    check_ignored(&updated(), &ignored, gitlab);
}

#[test]
fn the_delivery_is_known_by_either_header() {
    let both = headers(&[("idempotency-key", "key-1"), ("webhook-id", "msg-1")]);
    assert_eq!(delivery_id(&both, b"").as_deref(), Some("msg-1"));
    assert_eq!(delivery_id(&headers(&[("idempotency-key", "key-1")]), b"").as_deref(), Some("key-1"));
    assert_eq!(delivery_id(&headers(&[("x-gitlab-event-uuid", "e")]), b""), None);
}
