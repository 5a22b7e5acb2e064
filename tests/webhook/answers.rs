//! What is answered, and what happens to the ticket.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::NewTicket;

use crate::github::{Issue, delivery};
use crate::hook::{one_project, start};
use crate::support::world::{eventually, lifecycle};
use crate::{Backend, on_both_stores};

on_both_stores!(a_labelled_ticket_gets_its_run_without_a_poll, what_asks_for_nothing_has_no_effect);

const TRACKER: &str = "org/api";

async fn a_labelled_ticket_gets_its_run_without_a_poll(backend: Backend) {
    let world = one_project().await;
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), true).await;
    let number = world.ask(TRACKER, "By webhook");
    let answer = hook.send(&Issue::labeled(TRACKER, number, "agent-smith").delivery("d-1")).await;
    assert_eq!(answer.said(), (202, "claimed"), "{answer:?}");
    assert_eq!(answer.reason, format!("ticket {number} of api is queued for fix-bug"));
    world.ends(TRACKER, number, Lifecycle::Done).await;
    // What the ticket shows first, the store learns a moment later.
    eventually("the job is over", async || (stored.store.counts().await.unwrap().running == 0).then_some(())).await;
    let again = hook.send(&Issue::labeled(TRACKER, number, "agent-smith").delivery("d-2")).await;
    assert_eq!(again.said(), (200, "already_claimed"), "{again:?}");
    assert!(again.reason.contains("agent-smith:done"), "{again:?}");
    assert!(hook.app.stop().await);
}

async fn what_asks_for_nothing_has_no_effect(backend: Backend) {
    let world = one_project().await;
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), true).await;
    let number = world.board.open_ticket(TRACKER, NewTicket::titled("Quiet").label("bug")).unwrap();
    let closed = world.ask(TRACKER, "Closed");
    world.board.close(TRACKER, closed).unwrap();
    world.sim.faults().forget_requests();
    let labeled = |label: &str| Issue::labeled(TRACKER, number, label);
    let lifecycle_label = Lifecycle::Enqueued.label();
    for (what, sent, reason) in [
        ("ping", delivery("ping", "n-1", r#"{"zen":"Design for failure.","hook_id":1}"#), "ping"),
        ("another event", delivery("push", "n-2", "{}"), "push"),
        ("another label", labeled("bug").delivery("n-3"), "no trigger label was added"),
        ("our own label", labeled(lifecycle_label).delivery("n-4"), "lifecycle labels ask for nothing"),
        ("an edit", Issue::that_was("edited", TRACKER, number, &["agent-smith"]).delivery("n-5"), "edited"),
        ("opened bare", Issue::that_was("opened", TRACKER, number, &["bug"]).delivery("n-6"), "no trigger label"),
        (
            "closed",
            Issue { state: "closed", ..Issue::labeled(TRACKER, closed, "agent-smith") }.delivery("n-7"),
            "closed",
        ),
        ("elsewhere", Issue::labeled("org/other", 1, "agent-smith").delivery("n-8"), "https://github.com/org/other"),
    ] {
        let answer = hook.send(&sent).await;
        assert_eq!(answer.said(), (200, "ignored"), "{what}: {answer:?}");
        assert!(answer.reason.contains(reason), "{what}: {answer:?}");
    }
    let touched: Vec<String> = world
        .sim
        .faults()
        .requests()
        .into_iter()
        .map(|request| request.path_and_query)
        .filter(|path| path.contains("/issues/"))
        .collect();
    assert_eq!(touched, Vec::<String>::new(), "no ticket was even read");
    // The payload says that it is open, and the ticket says that it is not.
    let stale = hook.send(&Issue::labeled(TRACKER, closed, "agent-smith").delivery("n-9")).await;
    assert_eq!(stale.said(), (200, "rejected"), "{stale:?}");
    assert!(stale.reason.contains("closed"), "{stale:?}");
    for ticket in [number, closed] {
        assert_eq!(lifecycle(&world.board, TRACKER, ticket), None);
    }
    let counts = stored.store.counts().await.unwrap();
    assert_eq!((counts.queued, counts.running), (0, 0));
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn opened_and_reopened_with_a_trigger_label_ask_for_a_run() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    for (action, id) in [("opened", "o-1"), ("reopened", "o-2")] {
        let number = world.ask(TRACKER, action);
        let answer = hook.send(&Issue::that_was(action, TRACKER, number, &["agent-smith"]).delivery(id)).await;
        assert_eq!(answer.said(), (202, "claimed"), "{action}: {answer:?}");
        assert_eq!(lifecycle(&world.board, TRACKER, number), Some(Lifecycle::Enqueued));
    }
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn a_trigger_label_counts_whoever_put_it_there() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "By our own account");
    // The login that the simulated token belongs to.
    let by_us = Issue { sender: "smith", ..Issue::labeled(TRACKER, number, "Agent-Smith") };
    assert_eq!(hook.send(&by_us.delivery("u-1")).await.said(), (202, "claimed"));
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn nothing_but_a_post_is_taken_and_other_paths_are_not_found() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(hook.url("/webhook/github")).send().await.unwrap().status(), 405);
    assert_eq!(client.post(hook.url("/webhook/gitea")).send().await.unwrap().status(), 404);
    assert!(hook.app.stop().await);
}
