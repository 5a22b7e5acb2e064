//! What the log says of deliveries, and what it never says.

use serde_json::Value;

use crate::github::{Issue, SECRET, signature};
use crate::hook::{Delivery, one_project, send_to};
use crate::support::process::Server;

const TRACKER: &str = "org/api";
/// Something that only the body holds.
const TITLE: &str = "Something is wrong";

#[tokio::test]
async fn a_delivery_is_told_with_its_id_and_result_and_without_what_is_in_it() {
    let world = one_project().await;
    let env = [("GITHUB_WEBHOOK_SECRET", SECRET), ("RUST_LOG", "agent_smith=trace"), ("NO_PROXY", "127.0.0.1")];
    let arguments = ["--store", "embedded", "--no-consumer", "--log-format", "json"];
    let mut server = Server::start_with(&world.config_path(), &env, world.path("log"), &arguments).await;
    let number = world.ask(TRACKER, "Told");
    let good = Issue::labeled(TRACKER, number, "agent-smith").delivery("id-of-the-good-one");
    let wrong: Delivery = good.clone().header("x-hub-signature-256", &signature("guessed", "x"));
    let quiet = Issue::labeled(TRACKER, number, "bug").delivery("id-of-the-quiet-one");
    let url = format!("http://127.0.0.1:{}", server.port);
    // Nothing in its head tells whose it is.
    let nameless = Delivery::new("/webhook", "{}");
    for (sent, status) in [(&good, 202), (&wrong, 401), (&quiet, 200), (&nameless, 401)] {
        assert_eq!(send_to(&url, sent).await.status, status);
    }
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    let log = server.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |id: &str, result: &str| {
        lines.iter().any(|line| {
            let span = &line["span"];
            span["delivery.id"] == id && span["delivery.result"] == result && span["platform"] == "github"
        })
    };
    assert!(told("id-of-the-good-one", "claimed"), "{log}");
    assert!(told("id-of-the-quiet-one", "ignored"), "{log}");
    let refused =
        lines.iter().find(|line| line["level"] == "WARN" && line["span"]["delivery.result"] == "unauthorized");
    assert!(refused.is_some_and(|line| line["message"].as_str().unwrap().contains("signature does not fit")), "{log}");
    let nameless = lines.iter().find(|line| {
        line["level"] == "WARN" && line["message"].as_str().unwrap().starts_with("a webhook was refused: ")
    });
    assert!(nameless.is_some(), "{log}");
    let hex = signature(SECRET, std::str::from_utf8(&good.body).unwrap());
    for never in [SECRET, TITLE, hex.trim_start_matches("sha256="), "sha256=", "\"action\""] {
        assert!(!log.contains(never), "{never} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn for_people_a_line_says_everything_once() {
    let world = one_project().await;
    let env = [("GITHUB_WEBHOOK_SECRET", SECRET), ("NO_PROXY", "127.0.0.1")];
    let arguments = ["--store", "embedded", "--no-consumer"];
    let mut server = Server::start_with(&world.config_path(), &env, world.path("log"), &arguments).await;
    let wrong =
        Issue::labeled(TRACKER, 1, "agent-smith").delivery("id").header("x-hub-signature-256", &signature("x", "x"));
    assert_eq!(send_to(&format!("http://127.0.0.1:{}", server.port), &wrong).await.status, 401);
    server.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    let log = server.log();
    let line = log.lines().find(|line| line.contains("was refused")).unwrap();
    assert_eq!(line.matches("platform=github").count(), 1, "{line}");
}
