//! What a webhook costs: one verified GitHub delivery of a real size, through the router, up to and including the claim.
//!
//! `cargo bench --bench webhook`. A plain program: the real router with the embedded store and a platform that answers at
//! once, over loopback, and beside it in the same run a bare handler that only checks the signature and parses the JSON.
//! Prints requests per second and p50, p99 and the longest time from the first byte sent to the last byte received.
//! What must stay true: every delivery is a ticket of its own, so each is claimed and none is only looked up. Bound to
//! reach: 5 ms plus the platform's own answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_smith::availability::Availability;
use agent_smith::claim::ClaimService;
use agent_smith::config::{Env, Live, parse};
use agent_smith::health::Health;
use agent_smith::http::{Limits, router, runs, serve, webhook};
use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::registry::Trackers;
use agent_smith::shutdown::Shutdown;
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use axum::body::Bytes;
use axum::routing::post;
use futures_util::{StreamExt, stream};
use hmac::{Hmac, Mac};
use http::{HeaderMap, StatusCode};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[path = "webhook/instant.rs"]
mod instant;

const SECRET: &str = "It's a Secret to Everybody";
/// In each of the two measurements: one after the other, and many at once.
const DELIVERIES: usize = 3_000;
/// Not measured: connections are made, pages are touched.
const WARM_UP: usize = 500;
/// A burst as GitHub sends it after a bulk edit.
const AT_ONCE: usize = 16;
/// The size of an `issues` delivery of an organization's repository.
const BODY_BYTES: usize = 25_000;
const FILE: &str = "projects:
  api:
    tickets: { type: GitHub, url: https://github.com/org/api }
    github_trigger: { pipeline_from_label: { agent-smith: fix-bug } }
pipelines:
  fix-bug: { steps: [{ run: make }] }
";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let deliveries: Vec<Delivery> = (1..=WARM_UP + 2 * DELIVERIES).map(Delivery::about).collect();
    println!("{DELIVERIES} deliveries of {} bytes", deliveries[0].body.len());
    let stop = CancellationToken::new();
    let bare = listen(axum::Router::new().route("/webhook/github", post(only_verify_and_parse)), &stop).await?;
    measure("bare", &bare, &deliveries, StatusCode::OK).await?;
    let store: Arc<EmbeddedStore> = Arc::new(EmbeddedStore::new());
    let (receiver, desk) = parts(store.clone())?;
    let whole = listen(router(Health::default(), receiver, desk), &stop).await?;
    measure("agent-smith", &whole, &deliveries, StatusCode::ACCEPTED).await?;
    let counts = store.counts().await?;
    assert_eq!(counts.queued, deliveries.len() as u64, "every delivery is a claim");
    stop.cancel();
    Ok(())
}

/// What the server is made of, as far as a webhook sees it.
fn parts(store: Arc<dyn Store>) -> Outcome<(Arc<webhook::Receiver>, Arc<runs::Desk>)> {
    let env = Env::from_iter([("GITHUB_WEBHOOK_SECRET", SECRET), ("GITHUB_TOKEN", "unused")]);
    let config = parse("bench.yml", FILE, &env)?.config;
    let trackers = Trackers::new(Http::with(Settings { proxies: false, ..Settings::default() })?);
    for project in config.projects.values() {
        trackers.put(project, Arc::new(instant::Instant));
    }
    let claims = ClaimService::new(store.clone());
    let availability = Availability::new(store.clone(), Health::default(), Duration::from_secs(30));
    let stored = Some(Arc::new(webhook::Stored { store, claims, availability }));
    let (config, shutdown) = (Live::fixed(config), Shutdown::default());
    let desk = runs::Desk::new(runs::Parts {
        config: config.clone(),
        trackers: trackers.clone(),
        stored: stored.clone(),
        shutdown: shutdown.clone(),
        host: "bench".to_owned(),
    });
    Ok((webhook::Receiver::new(webhook::Parts { config, trackers, stored, shutdown }), desk))
}

async fn only_verify_and_parse(headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok()?.strip_prefix("sha256="));
    let expected = signature.and_then(|signature| hex::decode(signature).ok()).unwrap_or_default();
    let verified = mac(&body).verify_slice(&expected).is_ok();
    let parsed = serde_json::from_slice::<serde_json::Value>(&body);
    match (verified, parsed) {
        (true, Ok(json)) if json["issue"]["number"].is_u64() => StatusCode::OK,
        _ => StatusCode::BAD_REQUEST,
    }
}

async fn listen(router: axum::Router, stop: &CancellationToken) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/webhook/github", listener.local_addr()?);
    tokio::spawn(serve(listener, router, Limits::default(), stop.clone()));
    Ok(url)
}

async fn measure(name: &str, url: &str, deliveries: &[Delivery], expected: StatusCode) -> Outcome<()> {
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
    let (warm_up, measured) = deliveries.split_at(WARM_UP);
    send_all(&client, url, (warm_up, AT_ONCE), expected).await?;
    for (deliveries, at_once) in measured.chunks(DELIVERIES).zip([1, AT_ONCE]) {
        let began = Instant::now();
        let mut took = send_all(&client, url, (deliveries, at_once), expected).await?;
        let rate = took.len() as f64 / began.elapsed().as_secs_f64();
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        let (p50, p99, most) = (at(50), at(99), at(100));
        println!(
            "{name:12} {at_once:>2} at once {rate:>7.0} req/s  p50 {p50:>9.3?}  p99 {p99:>9.3?}  max {most:>9.3?}"
        );
    }
    Ok(())
}

async fn send_all(
    client: &reqwest::Client,
    url: &str,
    (deliveries, at_once): (&[Delivery], usize),
    expected: StatusCode,
) -> Outcome<Vec<Duration>> {
    let sent = stream::iter(deliveries).map(|delivery| async move {
        let began = Instant::now();
        let request = client.post(url).body(delivery.body.clone());
        let request = request
            .header("content-type", "application/json")
            .header("x-github-event", "issues")
            .header("x-github-delivery", &delivery.id)
            .header("x-hub-signature-256", &delivery.signature);
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status != expected { Err(format!("{status}: {text}").into()) } else { Ok(began.elapsed()) }
    });
    sent.buffer_unordered(at_once).collect::<Vec<Outcome<Duration>>>().await.into_iter().collect()
}

/// A signed delivery about an issue of its own.
struct Delivery {
    id: String,
    body: Bytes,
    signature: String,
}

impl Delivery {
    fn about(number: usize) -> Self {
        let user = |login: &str| {
            let api = format!("https://api.github.com/users/{login}");
            let of = |what: &str| format!("{api}/{what}");
            serde_json::json!({
                "login": login, "id": 1, "node_id": "MDQ6VXNlcjE=", "avatar_url": "https://avatars.example/u/1?v=4",
                "gravatar_id": "", "url": api, "html_url": format!("https://github.com/{login}"),
                "followers_url": of("followers"), "following_url": of("following{/other_user}"),
                "gists_url": of("gists{/gist_id}"), "starred_url": of("starred{/owner}{/repo}"),
                "repos_url": of("repos"), "events_url": of("events{/privacy}"), "type": "User", "site_admin": false,
            })
        };
        let label = serde_json::json!({ "id": 1, "name": "agent-smith", "color": "ededed", "default": false });
        let mut body = serde_json::json!({
            "action": "labeled",
            "issue": {
                "number": number, "id": number, "title": "Checkout fails for an empty cart", "state": "open",
                "user": user("author"), "assignees": [user("one"), user("two")], "labels": [label],
                "reactions": { "total_count": 0, "+1": 0 }, "body": "",
            },
            "label": label,
            "repository": {
                "id": 1, "full_name": "org/api", "html_url": "https://github.com/org/api", "owner": user("org"),
            },
            "organization": user("org"),
            "sender": user("person"),
        });
        let text = "When the cart is empty, \"checkout\" answers with an error instead of a hint.\n";
        let missing = BODY_BYTES.saturating_sub(body.to_string().len());
        body["issue"]["body"] = text.repeat(missing / (text.len() + 3)).into();
        let body = body.to_string();
        let signature = format!("sha256={}", hex::encode(mac(body.as_bytes()).finalize().into_bytes()));
        Self { id: format!("72d3162e-cc78-11e3-81ab-{number:012}"), body: body.into(), signature }
    }
}

fn mac(body: &[u8]) -> Hmac<Sha256> {
    // Any length is a key.
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap_or_else(|_| unreachable!());
    mac.update(body);
    mac
}
