//! Who may ask for a run, and how: people's lifecycle labels, comments with the keyword, and what we wrote ourselves.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, Role};
use serde_json::json;

use crate::github::{Issue, delivery};
use crate::hook::{Delivery, one_project, start, unpolled};
use crate::support::world::{Settings, World, eventually, lifecycle};
use crate::{Backend, on_both_stores};

on_both_stores!(a_comment_with_the_keyword_asks_for_a_run, closing_a_ticket_takes_its_job_back_at_once);

const TRACKER: &str = "org/api";
/// The login that the simulated token belongs to.
const OURSELVES: &str = "smith";

/// A comment on an open issue with these labels.
fn comment(number: u64, id: &str, (login, kind): (&str, &str), text: &str, labels: &[&str]) -> Delivery {
    let mut body = Issue::that_was("created", TRACKER, number, labels).body();
    body["comment"] = json!({ "id": 77, "body": text, "user": { "login": login, "type": kind } });
    body["sender"] = json!({ "login": login, "type": kind });
    delivery("issue_comment", id, &body.to_string())
}

async fn world_with_keyword() -> World {
    world_with("").await
}

/// The same, with more lines in the trigger section.
async fn world_with(more: &str) -> World {
    let world = World::with(&[TRACKER]).await;
    let projects = unpolled(&world, "api", TRACKER, &format!("      comment_keyword: \"@smith\"\n{more}"));
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    world.board.set_role(TRACKER, "writer", Role::Writer).unwrap();
    world.board.set_role(TRACKER, "reader", Role::Reader).unwrap();
    world.board.set_role(TRACKER, OURSELVES, Role::Writer).unwrap();
    world
}

async fn a_comment_with_the_keyword_asks_for_a_run(backend: Backend) {
    let world = world_with_keyword().await;
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), true).await;
    let number = world.board.open_ticket(TRACKER, NewTicket::titled("No label")).unwrap();
    let ours = "Done, @smith.\n\n<!-- agent-smith:run_0191 -->";
    for (what, who, text, reason) in [
        ("no keyword", ("writer", "User"), "nothing of interest", "comment_keyword"),
        ("a reader", ("reader", "User"), "@smith please", "may not write"),
        ("a stranger", ("stranger", "User"), "@smith please", "may not write"),
        ("a program", ("helper[bot]", "Bot"), "@smith please", "is a program"),
        ("our own comment", (OURSELVES, "User"), ours, "our own"),
    ] {
        let answer = hook.send(&comment(number, what, who, text, &[])).await;
        assert_eq!(answer.said(), (200, "ignored"), "{what}: {answer:?}");
        assert!(answer.reason.contains(reason), "{what}: {answer:?}");
    }
    assert_eq!(lifecycle(&world.board, TRACKER, number), None);
    let answer = hook.send(&comment(number, "good", ("writer", "User"), "Over to you, @SMITH!", &[])).await;
    assert_eq!(answer.said(), (202, "claimed"), "{answer:?}");
    // It has no trigger label, and needs none to go on.
    world.ends(TRACKER, number, Lifecycle::Done).await;
    assert!(hook.app.stop().await);
}

/// I7: what our account says is our own echo, whoever typed it, unless the list names it: small teams lend us theirs.
#[tokio::test]
async fn our_own_account_is_heard_only_when_it_is_listed() {
    let everybody = "      allowed_actors: [\"*\"]\n";
    for (more, is_heard) in [("", false), (everybody, false), ("      allowed_actors: [Smith, writer]\n", true)] {
        let world = world_with(more).await;
        let stored = Backend::Embedded.open();
        let hook = start(&world, stored.store.clone(), false).await;
        for (id, text, said) in [("word", "@smith please", "claimed"), ("command", "/agent-smith run", "claimed")] {
            let number = world.board.open_ticket(TRACKER, NewTicket::titled("No label")).unwrap();
            let answer = hook.send(&comment(number, id, (OURSELVES, "User"), text, &[])).await;
            if is_heard {
                assert_eq!(answer.said(), (202, said), "{more} {id}: {answer:?}");
            } else {
                assert_eq!(answer.said(), (200, "ignored"), "{more} {id}: {answer:?}");
                assert!(answer.reason.contains("our own account"), "{more} {id}: {answer:?}");
            }
            let comments = world.ticket(TRACKER, number).comments;
            assert!(is_heard || comments.is_empty(), "nobody answers our own echo: {comments:?}");
        }
        assert!(hook.app.stop().await);
    }
}

#[tokio::test]
async fn lifecycle_labels_of_people_ask_and_ours_do_not() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let pending = Lifecycle::Pending.label();
    let by_hand = world.board.open_ticket(TRACKER, NewTicket::titled("By hand").label(pending)).unwrap();
    let again = world.ask(TRACKER, "Once more");
    let added = |sender| Issue { sender, ..Issue::labeled(TRACKER, by_hand, pending) };
    let done = Some(Lifecycle::Done.label().to_owned());
    let reset = |sender| Issue {
        sender,
        label: done.clone(),
        ..Issue::that_was("unlabeled", TRACKER, again, &["agent-smith"])
    };
    for (what, issue) in [("added", added(OURSELVES)), ("reset", reset(OURSELVES))] {
        let answer = hook.send(&issue.delivery(&format!("our {what}"))).await;
        assert_eq!(answer.said(), (200, "ignored"), "{what}: {answer:?}");
        assert!(answer.reason.contains("own lifecycle labels"), "{what}: {answer:?}");
    }
    assert_eq!(lifecycle(&world.board, TRACKER, again), None);
    for (what, issue) in [("added", added("person")), ("reset", reset("person"))] {
        let answer = hook.send(&issue.delivery(what)).await;
        assert_eq!(answer.said(), (202, "claimed"), "{what}: {answer:?}");
    }
    assert!(hook.app.stop().await);
}

/// The payload's sender is no evidence of who put the label there; what the platform says is.
#[tokio::test]
async fn a_label_counts_by_who_put_it_there() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let asked_by = |login: &str| {
        let ticket = NewTicket::titled("Please").label("agent-smith");
        world.board.acting_as(login).open_ticket(TRACKER, ticket).unwrap()
    };
    for (login, why) in [("olaf", "who may not write to the tracker"), ("helper[bot]", "which is a program")] {
        let number = asked_by(login);
        let sent = Issue { sender: "person", ..Issue::labeled(TRACKER, number, "agent-smith") }.delivery(login);
        let answer = hook.send(&sent).await;
        assert_eq!(answer.said(), (200, "rejected"), "{answer:?}");
        assert!(answer.reason.contains(&format!("labelled by {login}, {why}")), "{answer:?}");
        assert_eq!(lifecycle(&world.board, TRACKER, number), None);
        // Somebody who may does it again: a refusal that was remembered for polls does not stand in the way.
        world.board.remove_label(TRACKER, number, "agent-smith").unwrap();
        world.board.add_label(TRACKER, number, "agent-smith").unwrap();
        let answer = hook.send(&sent).await;
        assert_eq!(answer.said(), (202, "claimed"), "sent again: {answer:?}");
    }
    assert!(hook.app.stop().await);
}

/// A run that would last a minute ends as soon as the webhook has told.
async fn closing_a_ticket_takes_its_job_back_at_once(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let began = world.path("began");
    let step = format!("touch {}; sleep 50", began.display());
    let projects = unpolled(&world, "api", TRACKER, "");
    let slow_beat =
        Settings { heartbeat_ttl_seconds: 120, heartbeat_renew_seconds: 50, slots: 1, ..Settings::steps(&[&step]) };
    world.write_config(&Settings { projects, ..slow_beat });
    let stored = backend.open();
    let hook = start(&world, stored.store.clone(), true).await;
    let (running, waiting) = (world.ask(TRACKER, "Runs"), world.ask(TRACKER, "Waits"));
    for number in [running, waiting] {
        let answer = hook.send(&Issue::labeled(TRACKER, number, "agent-smith").delivery(&format!("l-{number}"))).await;
        assert_eq!(answer.said(), (202, "claimed"), "{answer:?}");
        eventually("the first one runs", async || began.exists().then_some(())).await;
    }
    let closed = |number| Issue { state: "closed", ..Issue::that_was("closed", TRACKER, number, &["agent-smith"]) };
    let early = hook.send(&closed(waiting).delivery("c-0")).await;
    assert_eq!(early.said(), (200, "ignored"), "the payload is no evidence: {early:?}");
    for number in [waiting, running] {
        world.board.close(TRACKER, number).unwrap();
        let answer = hook.send(&closed(number).delivery(&format!("c-{number}"))).await;
        assert_eq!(answer.said(), (200, "withdrawn"), "{answer:?}");
    }
    eventually("both jobs are gone", async || {
        let counts = stored.store.counts().await.unwrap();
        (counts.queued + counts.running == 0).then_some(())
    })
    .await;
    for number in [running, waiting] {
        world.shows(TRACKER, number, None).await;
    }
    let nothing = hook.send(&closed(running).delivery("c-9")).await;
    assert_eq!(nothing.said(), (200, "ignored"), "{nothing:?}");
    assert!(hook.app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_in_a_comment_is_carried_out_for_those_whose_word_counts() {
    let world = world_with_keyword().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.board.open_ticket(TRACKER, NewTicket::titled("By command")).unwrap();
    let writer = ("writer", "User");
    for (id, who, text, said) in [
        ("quoted", writer, "> /agent-smith run", (200, "ignored")),
        ("outsider", ("reader", "User"), "/agent-smith run", (200, "ignored")),
        ("status", writer, "/agent-smith status", (200, "answered")),
        ("run", writer, "Please\n/agent-smith run", (202, "claimed")),
        ("again", writer, "/agent-smith run", (200, "answered")),
        ("cancel", writer, "/agent-smith cancel", (200, "withdrawn")),
        ("retry", writer, "/agent-smith retry", (202, "claimed")),
    ] {
        let sent = comment(number, id, who, text, &[]);
        let answer = hook.send(&sent).await;
        assert_eq!(answer.said(), said, "{id}: {answer:?}");
        assert_eq!(hook.send(&sent).await, answer, "{id}, sent again");
    }
    assert_eq!(lifecycle(&world.board, TRACKER, number), Some(Lifecycle::Enqueued));
    assert_eq!(stored.store.counts().await.unwrap().queued, 1);
    assert!(hook.app.stop().await);
}
