//! GitHub: issues, comments, pings, and everything else that a hook on "everything" receives.

use super::*;
use crate::http::webhook::event::{Change, CommentSeen, TrackerNamed};
use crate::http::webhook::read::github::{delivery_id, read};
use crate::ticket::Labels;

fn issues(body: &Value) -> Outcome {
    read(&headers(&[("x-github-event", "issues")]), &bytes(body))
}

fn comments(body: &Value) -> Outcome {
    read(&headers(&[("x-github-event", "issue_comment")]), &bytes(body))
}

pub(super) fn labeled() -> Value {
    json!({
        "action": "labeled",
        "issue": {
            "url": "https://api.github.com/repos/acme/anvil/issues/7",
            "id": 91, "number": 7, "title": "Too heavy", "state": "open", "locked": false, "assignee": null,
            "user": { "login": "wile", "id": 3, "type": "User" },
            "labels": [{ "id": 1, "name": "Agent-Smith", "color": "ededed" }, { "id": 2, "name": "bug" }],
            "pull_request": null,
        },
        "label": { "id": 1, "name": "Agent-Smith", "color": "ededed", "default": false, "description": null },
        "repository": {
            "id": 5, "name": "anvil", "full_name": "acme/anvil", "private": true,
            "html_url": "https://github.com/acme/anvil", "owner": { "login": "acme" },
        },
        "sender": { "login": "wile", "id": 3, "type": "User", "site_admin": false },
    })
}

pub(super) fn commented() -> Value {
    let comment =
        json!({ "id": 1234567890123_u64, "body": "/agent-smith run\nplease \u{1f60a}", "user": { "login": "wile" } });
    with(&with(&without(&labeled(), "/label"), "/action", json!("created")), "/comment", comment)
}

#[test]
fn a_label_added_says_everything() {
    let event = event(issues(&labeled()));
    assert_eq!(event.changes, [Change::LabelsAdded(vec!["Agent-Smith".to_owned()])]);
    assert_eq!(event.tracker, TrackerNamed::GitHub { web_url: "https://github.com/acme/anvil".parse().unwrap() });
    assert_eq!(event.ticket, "7");
    let actor = event.actor.unwrap();
    assert_eq!((actor.id.as_str(), actor.is_bot), ("wile", false));
    assert_eq!(event.seen.labels, Some(Labels::from_iter(["Agent-Smith", "bug"])));
    assert_eq!((event.seen.open, event.seen.status.as_deref()), (Some(true), Some("open")));
}

#[test]
fn every_action_that_matters_is_a_change() {
    let matters = [
        ("opened", Change::Opened),
        ("reopened", Change::Reopened),
        ("closed", Change::Closed),
        ("deleted", Change::Deleted),
        ("transferred", Change::Deleted),
        ("unlabeled", Change::LabelsRemoved(vec!["Agent-Smith".to_owned()])),
    ];
    for (action, change) in matters {
        assert_eq!(event(issues(&with(&labeled(), "/action", json!(action)))).changes, [change]);
    }
    let closed = event(issues(&with(&labeled(), "/issue/state", json!("closed"))));
    assert_eq!(closed.seen.open, Some(false));
}

#[test]
fn other_actions_and_events_are_nothing_to_do() {
    for action in ["edited", "assigned", "typed", "pinned", "invented\nlater"] {
        let reason = nothing(issues(&json!({ "action": action })));
        assert!(reason.contains(&action.replace('\n', " ")), "{reason}");
    }
    assert_eq!(
        nothing(read(&headers(&[("x-github-event", "ping")]), br#"{"zen":"Keep it logically awesome."}"#)),
        "ping"
    );
    for event in ["push", "pull_request", "invented_later"] {
        assert!(nothing(read(&headers(&[("x-github-event", event)]), b"[]")).contains(event));
    }
    assert!(unreadable(read(&HeaderMap::new(), &bytes(&labeled()))).contains("X-GitHub-Event"));
}

#[test]
fn a_label_that_was_deleted_meanwhile_is_nothing_to_do() {
    assert!(nothing(issues(&without(&labeled(), "/label"))).contains("does not name the label"));
}

#[test]
fn a_new_comment_is_read_and_an_edited_one_is_not() {
    let created = event(comments(&commented()));
    let body = "/agent-smith run\nplease \u{1f60a}".to_owned();
    assert_eq!(created.changes, [Change::Commented(CommentSeen { id: Some("1234567890123".to_owned()), body })]);
    assert!(created.seen.labels.is_some());
    for action in ["edited", "deleted", "pinned"] {
        assert!(nothing(comments(&with(&commented(), "/action", json!(action)))).contains(action));
    }
}

#[test]
fn what_happens_to_a_pull_request_is_nothing_to_do() {
    let pull_request = json!({ "url": "https://api.github.com/repos/acme/anvil/pulls/7" });
    assert!(
        nothing(comments(&with(&commented(), "/issue/pull_request", pull_request.clone()))).contains("pull requests")
    );
    assert!(nothing(issues(&with(&labeled(), "/issue/pull_request", pull_request))).contains("pull requests"));
}

#[test]
fn a_program_is_told_apart_from_a_person() {
    for (login, kind, is_bot) in [("app", "Bot", true), ("acme-ci[bot]", "User", true), ("robot", "User", false)] {
        let body = with(&labeled(), "/sender", json!({ "login": login, "type": kind }));
        assert_eq!(event(issues(&body)).actor.unwrap().is_bot, is_bot, "{login} {kind}");
    }
    assert_eq!(event(issues(&without(&labeled(), "/sender"))).actor, None);
}

#[test]
fn what_the_payload_does_not_show_stays_open() {
    let body = without(&without(&labeled(), "/issue/labels"), "/issue/state");
    let seen = event(issues(&body)).seen;
    assert_eq!((seen.labels, seen.open, seen.status), (None, None, None));
}

#[test]
fn errors_name_the_place() {
    let needed = [
        ("/action", "`action`"),
        ("/issue", "`issue`"),
        ("/issue/number", "number"),
        ("/repository", "`repository`"),
        ("/repository/html_url", "html_url"),
    ];
    check_needed(&labeled(), &needed, issues);
    check_needed(&commented(), &[("/action", "`action`"), ("/comment", "`comment`")], comments);
    let typed = [
        ("/action", "`action`"),
        ("/issue", "`issue"),
        ("/issue/number", "`issue.number`"),
        ("/issue/state", "`issue.state`"),
        ("/issue/labels", "`issue.labels`"),
        ("/issue/labels/0/name", "`issue.labels[0].name`"),
        ("/label/name", "`label.name`"),
        ("/repository/html_url", "`repository.html_url`"),
        ("/sender/login", "`sender.login`"),
    ];
    check_typed(&labeled(), &typed, issues);
    check_typed(&commented(), &[("/comment/body", "`comment.body`"), ("/comment/id", "`comment.id`")], comments);
    check_ignored(
        &labeled(),
        &["/issue/title", "/issue/user", "/repository/owner", "/label/color", "/invented"],
        issues,
    );
    for url in ["acme/anvil", "ssh://git@github.com/acme/anvil", "http://", ""] {
        let text = unreadable(issues(&with(&labeled(), "/repository/html_url", json!(url))));
        assert!(text.contains("`repository.html_url`"), "{text}");
    }
}

#[test]
fn the_delivery_is_known_by_its_guid() {
    let id = |value| delivery_id(&headers(&[("x-github-delivery", value)]), b"");
    assert_eq!(id(" 72d3162e-cc78-11e3-81ab-4c9367dc0958 ").as_deref(), Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
    assert_eq!(id(""), None);
    assert_eq!(id(&"7".repeat(201)), None);
    assert_eq!(delivery_id(&HeaderMap::new(), b""), None);
}
