//! Runs as operators read and steer them: the real app over HTTP.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use agent_smith::app::App;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::run_record::{AttemptRecord, RunNote, RunState, at_millis};
use agent_smith::sim::board::NewTicket;
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::ticket::{PlatformKind, TicketKey};
use serde_json::{Value, json};

use crate::support::process::processes_with;
use crate::support::world::{BOUND, Settings, World, eventually, pipeline};
use crate::{Backend, Stored, on_both_stores};

on_both_stores!(
    a_run_is_listed_shown_and_run_again,
    the_log_of_a_running_run_is_followed,
    a_running_run_is_cancelled,
    a_waiting_run_is_cancelled,
    an_attempt_that_died_is_shown_as_broken_off,
);

const TRACKER: &str = "org/api";

/// An operator's client.
struct Operator {
    address: SocketAddr,
    client: reqwest::Client,
    headers: Vec<(&'static str, String)>,
}

impl Operator {
    fn of(app: &App) -> Self {
        let client = reqwest::Client::builder().timeout(BOUND).no_proxy().build().unwrap();
        Self { address: app.address, client, headers: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn ask(&self, method: &str, path: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.address);
        let request = self.client.request(method.parse().unwrap(), url);
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        request.send().await.unwrap()
    }

    /// Status and body.
    async fn json(&self, method: &str, path: &str) -> (u16, Value) {
        let answer = self.ask(method, path).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    async fn run(&self, name: &str) -> Value {
        let (status, run) = self.json("GET", &format!("/runs/{name}")).await;
        assert_eq!(status, 200, "{run}");
        run
    }

    async fn shows(&self, name: &str, state: &str) -> Value {
        eventually(&format!("{name} is {state}"), async || {
            let (status, run) = self.json("GET", &format!("/runs/{name}")).await;
            (status == 200 && run["state"] == state).then_some(run)
        })
        .await
    }
}

struct Scene {
    world: World,
    stored: Stored,
}

impl Scene {
    async fn new(backend: Backend, steps: &[&str]) -> Self {
        let (world, stored) = (World::with(&[TRACKER]).await, backend.open());
        let projects = world.project("api", TRACKER);
        world.write_config(&Settings {
            projects,
            heartbeat_ttl_seconds: 600,
            heartbeat_renew_seconds: 250,
            slots: 1,
            ..Settings::steps(steps)
        });
        Self { world, stored }
    }

    async fn start(&self) -> (App, Operator) {
        let app = self.world.start(self.stored.store.clone(), "one").await;
        let operator = Operator::of(&app);
        (app, operator)
    }
}

async fn a_run_is_listed_shown_and_run_again(backend: Backend) {
    let scene = Scene::new(backend, &["echo first", "echo oops; exit 3", "echo never"]).await;
    let (app, operator) = scene.start().await;
    let number = scene.world.ask(TRACKER, "Fix the footer");
    scene.world.ends(TRACKER, number, Lifecycle::Failed).await;
    let name = format!("api%23{number}");
    let run = operator.shows(&name, "failed").await;
    assert_eq!(
        (&run["platform"], &run["project"], &run["ticket"]),
        (&json!("github"), &json!("api"), &json!(number.to_string()))
    );
    assert_eq!(
        (&run["title"], &run["pipeline"], &run["asked_by"]),
        (&json!("Fix the footer"), &json!("fix-bug"), &json!("trigger-label"))
    );
    assert_eq!(run["reason"], "step 2 exited with code 3");
    let attempt = &run["attempts"][0];
    assert_eq!(
        (&attempt["attempt"], &attempt["host"], &attempt["state"]),
        (&json!(1), &json!("test-host"), &json!("failed"))
    );
    let steps: Vec<_> =
        attempt["steps"].as_array().unwrap().iter().map(|step| (&step["state"], &step["exit_code"])).collect();
    assert_eq!(steps, [(&json!("done"), &json!(0)), (&json!("failed"), &json!(3)), (&json!("skipped"), &Value::Null)]);
    let times = ["queued_utc", "started_utc", "ended_utc"].map(|name| run[name].as_str().unwrap().to_owned());
    assert!(times.is_sorted() && times[0].ends_with('Z'), "{times:?}");

    let id = run["run_id"].as_str().unwrap();
    assert_eq!(operator.run(id).await, run);
    assert_eq!(operator.run(&id[id.len() - 8..]).await, run);
    let log = operator.ask("GET", &format!("/runs/{id}/log?follow=true")).await;
    assert_eq!(log.headers()["content-type"], "text/plain; charset=utf-8");
    let log = log.text().await.unwrap();
    assert!(log.contains("first") && log.contains("oops") && log.contains("run ended: failed"), "{log}");

    let (status, again) = operator.json("POST", &format!("/runs/{id}/retry")).await;
    assert_eq!((status, &again["result"]), (202, &json!("claimed")), "{again}");
    let second = again["run_id"].as_str().unwrap().to_owned();
    assert_ne!(second, id);
    let over = operator.shows(&second, "failed").await;
    assert_eq!(over["asked_by"], "trigger-label", "the label is still there");
    let listed = async |question: &str| {
        let (status, page) = operator.json("GET", &format!("/runs{question}")).await;
        assert_eq!(status, 200, "{page}");
        let ids = page["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), page["next"].clone())
    };
    assert_eq!(listed("").await, (vec![second.clone(), id.to_owned()], Value::Null));
    assert_eq!(listed("?limit=1").await, (vec![second.clone()], json!(second)));
    assert_eq!(listed(&format!("?limit=1&before={second}")).await, (vec![id.to_owned()], Value::Null));
    assert_eq!(listed(&format!("?project=api&ticket={number}&state=failed")).await.0.len(), 2);
    assert_eq!(listed("?state=done").await.0.len() + listed("?project=other").await.0.len(), 0);
    assert_eq!(operator.run(&name).await["run_id"], json!(second), "the last run of the ticket");

    for (method, path, status, error) in [
        ("GET", "/runs?state=unknown", 400, "malformed"),
        ("GET", "/runs?limit=0", 400, "malformed"),
        ("GET", "/runs?colour=red", 400, "malformed"),
        ("GET", "/runs/zz", 400, "malformed"),
        ("GET", "/runs/nothing-like-it", 404, "not_found"),
        ("GET", "/runs/api%239999", 404, "not_found"),
        ("GET", &format!("/runs/{}", &id[..4]), 409, "ambiguous"),
        ("GET", &format!("/runs/{id}/log?attempt=7"), 404, "not_found"),
        ("POST", &format!("/runs/{id}/cancel"), 409, "over"),
    ] {
        let (said, body) = operator.json(method, path).await;
        assert_eq!((said, &body["error"]), (status, &json!(error)), "{path}: {body}");
        assert!(!body["reason"].as_str().unwrap().is_empty());
    }
    scene.stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn the_log_of_a_running_run_is_followed(backend: Backend) {
    let scene = Scene::new(backend, &["true"]).await;
    let go = scene.world.path("go").display().to_string();
    let step = format!("echo begun; while [ ! -e {go} ]; do sleep 0.05; done; echo the end");
    scene.world.write_config(&Settings {
        projects: scene.world.project("api", TRACKER),
        pipelines: pipeline("fix-bug", &["echo before", &step]),
        ..Settings::steps(&[])
    });
    let (app, operator) = scene.start().await;
    let number = scene.world.ask(TRACKER, "Follow me");
    let name = format!("api%23{number}");
    let running = eventually("the second step is shown", async || {
        let (status, run) = operator.json("GET", &format!("/runs/{name}")).await;
        (status == 200 && run["attempts"][0]["steps"][1]["state"] == "running").then_some(run)
    })
    .await;
    assert_eq!((&running["state"], &running["ended_utc"]), (&json!("running"), &Value::Null));
    let mut log = operator.ask("GET", &format!("/runs/{name}/log?follow=true")).await;
    let mut seen = String::new();
    while !seen.contains("begun") {
        seen += str::from_utf8(&log.chunk().await.unwrap().expect("more")).unwrap();
    }
    assert!(!seen.contains("\nthe end"), "{seen}");
    std::fs::write(&go, "").unwrap();
    while let Some(chunk) = log.chunk().await.unwrap() {
        seen += str::from_utf8(&chunk).unwrap();
    }
    assert!(seen.contains("\nthe end\n") && seen.ends_with("run ended: done\n"), "{seen}");
    operator.shows(&name, "done").await;
    assert!(app.stop().await);
}

async fn a_running_run_is_cancelled(backend: Backend) {
    let scene = Scene::new(backend, &["true"]).await;
    let mark = scene.world.path("never").display().to_string();
    let step = format!("while [ ! -e {mark} ]; do sleep 0.05; done");
    let projects = scene.world.project("api", TRACKER);
    scene.world.write_config(&Settings { projects, ..Settings::steps(&[&step]) });
    let (app, operator) = scene.start().await;
    let number = scene.world.ask(TRACKER, "Stop it");
    let name = format!("api%23{number}");
    eventually("the step runs", async || (!processes_with(&mark).is_empty()).then_some(())).await;
    let (status, said) = operator.json("POST", &format!("/runs/{name}/cancel")).await;
    assert_eq!((status, &said["result"]), (202, &json!("stopping")), "{said}");
    let run = operator.shows(&name, "cancelled").await;
    assert_eq!(run["attempts"][0]["reason"], "it was cancelled by an operator");
    assert!(processes_with(&mark).is_empty());
    let ticket = scene.world.shows(TRACKER, number, None).await;
    assert!(ticket.comments[0].body.contains("cancelled"), "{}", ticket.comments[0].body);
    let (status, said) = operator.json("POST", &format!("/runs/{name}/cancel")).await;
    assert_eq!((status, &said["error"]), (409, &json!("over")));
    scene.stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_waiting_run_is_cancelled(backend: Backend) {
    let scene = Scene::new(backend, &["exec sleep 86472"]).await;
    let app = scene.world.start_with(Some(scene.stored.store.clone()), "one", &[], false).await;
    let operator = Operator::of(&app);
    let number = scene.world.ask(TRACKER, "Never mind");
    scene.world.shows(TRACKER, number, Some(Lifecycle::Enqueued)).await;
    let name = format!("api%23{number}");
    let waits = operator.shows(&name, "queued").await;
    assert_eq!(waits["attempts"], json!([]));
    let (status, said) = operator.json("GET", &format!("/runs/{name}/log")).await;
    assert_eq!((status, &said["error"]), (404, &json!("not_found")));
    let (status, said) = operator.json("POST", &format!("/runs/{name}/cancel")).await;
    assert_eq!((status, &said["result"]), (200, &json!("dropped")), "{said}");
    let over = operator.shows(&name, "cancelled").await;
    assert_eq!(over["reason"], "it was cancelled by an operator");
    scene.world.shows(TRACKER, number, None).await;
    assert!(app.stop().await);
}

/// A take that nobody goes on with is what a process leaves that was killed.
async fn an_attempt_that_died_is_shown_as_broken_off(backend: Backend) {
    let scene = Scene::new(backend, &["echo second"]).await;
    let new = NewTicket::titled("Dies").label("agent-smith").label(Lifecycle::InProgress.label());
    let number = scene.world.board.open_ticket(TRACKER, new).unwrap();
    let store = &scene.stored.store;
    scene.stored.queue(TicketKey::new(PlatformKind::GitHub, "api", number.to_string())).await;
    let dead = store.take("dead", Duration::from_secs(2), Duration::ZERO).await.unwrap().unwrap();
    let note = RunNote {
        title: String::new(),
        url: String::new(),
        change_request: None,
        attempt: AttemptRecord {
            attempt: dead.attempt,
            epoch: dead.epoch,
            host: "dead-host".to_owned(),
            state: RunState::Running,
            reason: String::new(),
            started_utc: at_millis(1),
            ended_utc: None,
            steps: Vec::new(),
            steps_left_out: 0,
            log: Some("/nowhere.log".to_owned()),
            workspace: None,
        },
    };
    assert!(store.record_run(&dead, &note).await.unwrap());
    let (app, operator) = scene.start().await;
    let run = operator.shows(&dead.job.run_id, "done").await;
    let attempts = run["attempts"].as_array().unwrap().iter().map(|one| (&one["attempt"], &one["state"]));
    let expected = [(&json!(1), &json!("broken-off")), (&json!(2), &json!("done"))];
    assert_eq!(attempts.collect::<Vec<_>>(), expected);
    let (status, said) = operator.json("GET", &format!("/runs/{}/log?attempt=1", dead.job.run_id)).await;
    assert_eq!((status, &said["error"]), (409, &json!("other_host")));
    assert!(said["reason"].as_str().unwrap().contains("dead-host"), "{said}");
    assert!(app.stop().await);
}

#[tokio::test]
async fn with_a_token_nobody_gets_in_without_it() {
    let scene = Scene::new(Backend::Embedded, &["true"]).await;
    let variables = [("AGENTSMITH_OPERATOR_TOKEN", "open sesame")];
    let app = scene.world.start_with(Some(scene.stored.store.clone()), "one", &variables, true).await;
    let paths = [
        ("GET", "/runs"),
        ("GET", "/runs/abcd"),
        ("GET", "/runs/abcd/log"),
        ("POST", "/runs/abcd/cancel"),
        ("POST", "/runs/abcd/retry"),
    ];
    for (method, path) in paths {
        for shown in [
            None,
            Some("Bearer wrong"),
            Some("Basic open sesame"),
            Some("Bearer "),
            Some("Bearer open sesam"),
            Some("open sesame"),
        ] {
            let operator = Operator::of(&app);
            let operator = shown.iter().fold(operator, |operator, shown| operator.with("authorization", shown));
            let answer = operator.ask(method, path).await;
            assert_eq!(answer.status().as_u16(), 401, "{method} {path} {shown:?}");
            assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            assert!(answer.text().await.unwrap().contains("AGENTSMITH_OPERATOR_TOKEN"));
        }
        let answer = Operator::of(&app).with("authorization", "bearer open sesame").ask(method, path).await;
        assert_eq!(answer.status().as_u16(), if path == "/runs" { 200 } else { 404 }, "{method} {path}");
    }
    let open = Operator::of(&app).ask("GET", "/health").await;
    assert_eq!(open.status().as_u16(), 200, "probes need no token");
    assert!(app.stop().await);
}

#[tokio::test]
async fn without_a_token_only_this_machine_gets_in() {
    let scene = Scene::new(Backend::Embedded, &["true"]).await;
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::new());
    let app = scene.world.start_on("0.0.0.0:0", store, &[]).await;
    let port = app.address.port();
    let here = || Operator { address: SocketAddr::from(([127, 0, 0, 1], port)), ..Operator::of(&app) };
    assert_eq!(here().ask("GET", "/runs").await.status().as_u16(), 200);
    // A page in a browser on this machine, also one whose name leads here.
    for (name, value) in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let (status, said) = here().with(name, value).json("GET", "/runs").await;
        assert_eq!((status, &said["error"]), (403, &json!("forbidden")), "{name}: {said}");
    }
    if let Some(address) = own_address() {
        let there = || Operator { address: SocketAddr::new(address.ip(), port), ..Operator::of(&app) };
        for operator in [
            there(),
            there().with("host", "localhost"),
            there().with("x-forwarded-for", "127.0.0.1"),
            there().with("forwarded", "for=127.0.0.1"),
        ] {
            let (status, said) = operator.json("GET", "/runs").await;
            assert_eq!((status, &said["error"]), (403, &json!("forbidden")), "{said}");
            assert!(said["reason"].as_str().unwrap().contains("AGENTSMITH_OPERATOR_TOKEN"));
        }
    }
    assert!(app.stop().await);
}

/// An address of this machine that is not the loopback, if it has one. Nothing is sent.
fn own_address() -> Option<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().filter(|address| !address.ip().is_loopback())
}
