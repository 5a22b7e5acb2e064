//! Nothing that anybody can send makes a reader panic, or gets out of it unbounded or on several lines.

use proptest::prelude::*;

use super::*;
use crate::http::webhook::read::{delivery_id, read};
use crate::ticket::PlatformKind;

/// Deliveries that are read, with the header that GitHub needs.
fn samples() -> Vec<(PlatformKind, HeaderMap, Value)> {
    let issues = || headers(&[("x-github-event", "issues")]);
    let comments = || headers(&[("x-github-event", "issue_comment")]);
    vec![
        (PlatformKind::GitHub, issues(), github::labeled()),
        (PlatformKind::GitHub, comments(), github::commented()),
        (PlatformKind::GitLab, HeaderMap::new(), gitlab::updated()),
        (PlatformKind::GitLab, HeaderMap::new(), gitlab::noted()),
        (PlatformKind::AzureDevOps, HeaderMap::new(), azure_devops::updated()),
        (PlatformKind::AzureDevOps, HeaderMap::new(), azure_devops::flat("workitem.created")),
        (PlatformKind::Jira, HeaderMap::new(), jira::updated()),
        (PlatformKind::Jira, HeaderMap::new(), jira::commented()),
    ]
}

fn check(platform: PlatformKind, headers: &HeaderMap, body: &[u8]) {
    let said = match read(platform, headers, body) {
        Ok(Reading::Event(event)) => {
            assert!(!event.changes.is_empty());
            assert!(event.ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            String::new()
        }
        Ok(Reading::Nothing(reason)) => reason,
        Err(Unreadable(text)) => text,
    };
    assert!(said.chars().count() <= 240 && !said.contains(char::is_control), "{said:?}");
    let id = delivery_id(platform, headers, body).unwrap_or_default();
    assert!(id.len() <= 200 && !id.contains(char::is_control), "{id:?}");
}

/// Every place in the body.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{here}/{key}");
        pointers(child, &pointer, found);
        found.push(pointer);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
        prop::collection::vec(".{0,8}".prop_map(Value::from), 0..4).prop_map(Value::from),
        Just(json!({ "title": 1, "oldValue": [], "key": {} })),
    ]
}

proptest! {
    #[test]
    fn any_bytes_at_all(which in 0..8_usize, body in prop::collection::vec(any::<u8>(), 0..400)) {
        let (platform, headers, _) = samples().swap_remove(which);
        check(platform, &headers, &body);
    }

    #[test]
    fn any_change_of_the_bytes(
        which in 0..8_usize,
        length in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let (platform, headers, body) = samples().swap_remove(which);
        let mut body = bytes(&body);
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        check(platform, &headers, &body);
        body.truncate(length.index(body.len()));
        check(platform, &headers, &body);
    }

    #[test]
    fn any_value_in_any_place(
        which in 0..8_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..4),
    ) {
        let (platform, headers, mut body) = samples().swap_remove(which);
        for (at, value) in changes {
            let mut places = Vec::new();
            pointers(&body, "", &mut places);
            if places.is_empty() {
                break;
            }
            *body.pointer_mut(&places[at.index(places.len())]).unwrap() = value;
        }
        check(platform, &headers, &bytes(&body));
    }

    #[test]
    fn any_header(which in 0..8_usize, value in prop::collection::vec(any::<u8>(), 0..300)) {
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        let (platform, mut headers, body) = samples().swap_remove(which);
        let names = ["x-github-event", "x-github-delivery", "webhook-id", "idempotency-key", "x-atlassian-webhook-identifier"];
        for name in names {
            headers.insert(name, value.clone());
        }
        check(platform, &headers, &bytes(&body));
    }
}

/// What is skipped is skipped without recursion; what is read has the limit of the JSON reader.
#[test]
fn depth_is_no_danger() {
    let deep = "[".repeat(20_000);
    for (platform, headers, body) in samples() {
        let body = String::from_utf8(bytes(&body)).unwrap();
        for place in [format!("{{\"deep\":{deep}"), body.replacen(':', &format!(":{deep}"), 1), deep.clone()] {
            assert!(read(platform, &headers, place.as_bytes()).is_err());
        }
        let closed = format!("{{\"deep\":{deep}{},{}", "]".repeat(20_000), &body[1..]);
        check(platform, &headers, closed.as_bytes());
    }
    let nested = (0..200).fold(json!("text"), |inner, _| json!([inner]));
    let log = with(&jira::updated(), "/changelog/items/0/toString", nested);
    let text = unreadable(read(PlatformKind::Jira, &HeaderMap::new(), &bytes(&log)));
    assert!(text.contains("recursion limit"), "{text}");
}
