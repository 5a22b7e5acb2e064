//! What a sender may use up: bytes, time, places.

use std::time::{Duration, Instant};

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::Match;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Backend;
use crate::github::{Issue, SECRET};
use crate::hook::{hmac_hex, one_project, start};
use crate::support::world::{BOUND, lifecycle};

const TRACKER: &str = "org/api";

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_whether_its_length_is_told_or_not() {
    let world = one_project().await;
    let text = std::fs::read_to_string(world.config_path()).unwrap() + "webhooks: { max_body_bytes: 10000 }\n";
    world.write_config_text(&text);
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let mut issue = Issue::labeled(TRACKER, 1, "agent-smith");
    issue.labels.push("x".repeat(10_000));
    let answer = hook.send(&issue.delivery("huge")).await;
    assert_eq!(answer.said(), (413, "too_large"), "{answer:?}");
    assert!(answer.reason.contains("max_body_bytes"), "{answer:?}");

    let body = issue.body().to_string();
    let mut stream = TcpStream::connect(hook.app.address).await.unwrap();
    let signature = hmac_hex(SECRET.as_bytes(), body.as_bytes());
    let head = format!(
        "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-github-event: issues\r\n\
         x-hub-signature-256: sha256={signature}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in body.as_bytes().chunks(1_000) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        stream.write_all(piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(hook.app.stop().await);
}

#[tokio::test]
async fn a_body_that_never_comes_is_waited_for_a_few_seconds() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let mut stream = TcpStream::connect(hook.app.address).await.unwrap();
    let head = format!(
        "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-github-event: issues\r\n\
         x-hub-signature-256: sha256={}\r\ncontent-length: 100\r\n\r\n{{",
        "0".repeat(64)
    );
    let began = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(BOUND, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert!(hook.app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_platform_costs_the_sender_a_few_seconds_and_the_ticket_nothing() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "Slow");
    let held = world.sim.faults().hold(Match::new("GET", &format!("/issues/{number}")));
    let began = Instant::now();
    let delivery = Issue::labeled(TRACKER, number, "agent-smith").delivery("slow");
    let answer = hook.send(&delivery).await;
    assert_eq!(answer.said(), (202, "accepted"), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!(lifecycle(&world.board, TRACKER, number), None);
    let meanwhile = hook.send(&delivery).await;
    assert_eq!(meanwhile.said(), (202, "accepted"), "sent again while it is worked on: {meanwhile:?}");
    drop(held);
    world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await;
    let after = hook.send(&delivery).await;
    assert_eq!(after.said(), (202, "claimed"), "{after:?}");
    assert!(hook.app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_deliveries_than_places_are_told_to_come_again() {
    let world = one_project().await;
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let numbers: Vec<u64> = (0..80).map(|_| world.ask(TRACKER, "Crowd")).collect();
    let held = world.sim.faults().hold(Match::new("GET", "/issues/"));
    let sent =
        numbers.iter().map(|number| Issue::labeled(TRACKER, *number, "agent-smith").delivery(&format!("c-{number}")));
    let sent: Vec<_> = sent.collect();
    let answers = futures_util::future::join_all(sent.iter().map(|delivery| hook.send(delivery))).await;
    let busy = answers.iter().filter(|answer| answer.said() == (503, "busy")).count();
    let accepted = answers.iter().filter(|answer| answer.said() == (202, "accepted")).count();
    assert_eq!((accepted, busy), (64, 16), "{answers:?}");
    assert!(answers.iter().filter(|answer| answer.status == 503).all(|answer| answer.retry_after.is_some()));
    drop(held);
    world
        .reached(|board| numbers.iter().filter(|n| lifecycle(board, TRACKER, **n).is_some()).count() == accepted)
        .await;
    assert!(hook.app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_finished_before_the_process_ends() {
    let world = one_project().await;
    let text = std::fs::read_to_string(world.config_path()).unwrap();
    world.write_config_text(&text.replace("shutdown_grace_seconds: 1", "shutdown_grace_seconds: 30"));
    let stored = Backend::Embedded.open();
    let hook = start(&world, stored.store.clone(), false).await;
    let number = world.ask(TRACKER, "Last");
    let held = world.sim.faults().hold(Match::new("GET", &format!("/issues/{number}")));
    let last = Issue::labeled(TRACKER, number, "agent-smith").delivery("last");
    assert_eq!(hook.send(&last).await.said(), (202, "accepted"));
    hook.app.shutdown().begin();
    let late = hook.send(&Issue::labeled(TRACKER, number, "agent-smith").delivery("late")).await;
    assert_eq!(late.said(), (503, "shutting_down"), "{late:?}");
    let release = async {
        drop(held);
        world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await;
    };
    let (ended, ()) = tokio::join!(hook.app.stop(), release);
    assert!(ended, "the delivery that was under way kept nobody from ending");
    assert_eq!(stored.store.counts().await.unwrap().queued, 1);
}
