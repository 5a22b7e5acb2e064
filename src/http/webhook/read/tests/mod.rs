//! What the four readers make of deliveries of every kind.

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::http::webhook::event::{Event, Reading, Unreadable};

mod any_bytes;
mod azure_devops;
mod github;
mod gitlab;
mod jira;

type Outcome = Result<Reading, Unreadable>;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).unwrap()
}

/// The body with another value at `pointer`, which must lead to an object that is there.
fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut body = body.clone();
    body.pointer_mut(parent).unwrap()[key] = value;
    body
}

/// The body without what is at `pointer`, which must be there.
fn without(body: &Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut body = body.clone();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    body
}

fn event(outcome: Outcome) -> Event {
    match outcome {
        Ok(Reading::Event(event)) => *event,
        other => panic!("expected an event: {other:?}"),
    }
}

fn nothing(outcome: Outcome) -> String {
    match outcome {
        Ok(Reading::Nothing(reason)) => reason,
        other => panic!("expected nothing to do: {other:?}"),
    }
}

fn unreadable(outcome: Outcome) -> String {
    match outcome {
        Err(Unreadable(text)) => text,
        other => panic!("expected to be unreadable: {other:?}"),
    }
}

/// Taking away any of these places, or putting null there, makes the body unreadable, with the place named.
fn check_needed(body: &Value, needed: &[(&str, &str)], read: impl Fn(&Value) -> Outcome) {
    event(read(body));
    for (pointer, named) in needed {
        for broken in [without(body, pointer), with(body, pointer, Value::Null)] {
            let text = unreadable(read(&broken));
            assert!(text.contains(named), "without {pointer}: {text}");
        }
    }
}

/// A value of another type at any of these places makes the body unreadable, with the place named.
fn check_typed(body: &Value, typed: &[(&str, &str)], read: impl Fn(&Value) -> Outcome) {
    for (pointer, named) in typed {
        let there = body.pointer(pointer).unwrap();
        for wrong in
            [json!("private words"), json!(-7.5), json!({ "private": "words" }), json!(["private"]), json!(true)]
        {
            if std::mem::discriminant(there) == std::mem::discriminant(&wrong) && !there.is_number() {
                continue;
            }
            let text = unreadable(read(&with(body, pointer, wrong.clone())));
            assert!(text.contains(named) && text.contains("expected"), "{wrong} at {pointer}: {text}");
            assert!(!text.contains("private"), "{wrong} at {pointer}: {text}");
        }
    }
}

/// Whatever is at these places, the event stays the same.
fn check_ignored(body: &Value, ignored: &[&str], read: impl Fn(&Value) -> Outcome) {
    let as_it_was = event(read(body));
    for pointer in ignored {
        for other in [Value::Null, json!(7), json!("text"), json!([[[]]]), json!({ "deep": [{ "deeper": [] }] })] {
            assert_eq!(event(read(&with(body, pointer, other))), as_it_was, "at {pointer}");
        }
    }
}
