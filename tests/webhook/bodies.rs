//! Bodies that nobody should send: whatever comes, the answer is one of the documented ones and nothing breaks.

use agent_smith::lifecycle::Lifecycle;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::Backend;
use crate::github::{Issue, SECRET, delivery, signature};
use crate::hook::{Delivery, hmac_hex, one_project, start};
use crate::support::world::lifecycle;

const TRACKER: &str = "org/api";

fn signed_bytes(body: &[u8]) -> Delivery {
    Delivery::new("/webhook/github", body)
        .header("x-github-event", "issues")
        .header("x-hub-signature-256", &format!("sha256={}", hmac_hex(SECRET.as_bytes(), body)))
}

#[tokio::test]
async fn what_cannot_be_read_is_400() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let whole = Issue::labeled(TRACKER, 1, "agent-smith").body().to_string();
    // Where nobody looks, and less deep than what a reader of JSON refuses by itself.
    let deep = whole.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(100), "]".repeat(100)), 1);
    let bomb = "[".repeat(1_000_000);
    for (what, sent) in [
        ("empty", signed_bytes(b"")),
        ("cut off", signed_bytes(&whole.as_bytes()[..whole.len() / 2])),
        ("not UTF-8", signed_bytes(b"{\"action\":\"\xff\xfe\"}")),
        ("not JSON", signed_bytes(b"<html></html>")),
        ("a list", signed_bytes(b"[1,2]")),
        ("deep", signed_bytes(deep.as_bytes())),
        ("very deep", signed_bytes(bomb.as_bytes())),
        ("another type", delivery("issues", "b-1", &whole).header("content-type", "text/plain")),
        ("compressed", delivery("issues", "b-2", &whole).header("content-encoding", "gzip")),
        ("nobody's", Delivery::new("/webhook", "{}").header("authorization", "Basic eDp5")),
    ] {
        let answer = hook.send(&sent).await;
        let expected = if what == "nobody's" { (401, "unauthorized") } else { (400, "malformed") };
        assert_eq!(answer.said(), expected, "{what}: {answer:?}");
    }
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn a_form_encoded_delivery_is_as_good() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "As a form");
    let json = Issue::labeled(TRACKER, number, "agent-smith").body().to_string();
    let form: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &json).finish();
    let sent = delivery("issues", "f-1", &form).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(hook.send(&sent).await.said(), (202, "claimed"));
    let wrong = sent.clone().header("x-hub-signature-256", &signature(SECRET, &json));
    assert_eq!(hook.send(&wrong).await.said(), (401, "unauthorized"), "what is signed is the form");
    assert_eq!(lifecycle(&world.board, TRACKER, number), Some(Lifecycle::Enqueued));
    assert!(hook.app.stop().await);
}

/// Cut, flipped and mixed up at random, signed all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bytes_are_answered_with_an_error_of_ours() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let whole = Issue::labeled(TRACKER, 1, "agent-smith").body().to_string().into_bytes();
    let mutation = (0..whole.len(), prop::collection::vec((0..whole.len(), any::<u8>()), 0..4), any::<bool>());
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&mutation, |(end, flips, cut)| {
            let mut body = whole.clone();
            for (at, byte) in flips {
                body[at] = byte;
            }
            if cut {
                body.truncate(end);
            }
            let answer = runtime.block_on(hook.send(&signed_bytes(&body)));
            prop_assert!([200, 202, 400].contains(&answer.status), "{answer:?} for {}", String::from_utf8_lossy(&body));
            Ok(())
        })
    });
    outcome.unwrap();
    assert!(hook.app.stop().await);
}
