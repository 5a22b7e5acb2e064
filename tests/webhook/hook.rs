//! Sending deliveries and reading the answers.

use agent_smith::app::App;
use agent_smith::store::Store;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::support::world::{BOUND, Settings, World};

/// A request that a platform would send.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Delivery {
    pub(crate) fn new(path: &str, body: impl AsRef<[u8]>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { path: path.to_owned(), headers, body: body.as_ref().to_vec() }
    }

    /// Sets a header, in place of what it was.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn to(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) result: String,
    pub(crate) reason: String,
    pub(crate) retry_after: Option<String>,
}

impl Answer {
    /// Status and word, for comparisons.
    pub(crate) fn said(&self) -> (u16, &str) {
        (self.status, &self.result)
    }
}

/// A running server that deliveries are sent to.
pub(crate) struct Hook {
    pub(crate) app: App,
    client: reqwest::Client,
}

impl Hook {
    pub(crate) fn on(app: App) -> Self {
        let client = reqwest::Client::builder().timeout(BOUND).no_proxy().build().unwrap();
        Self { app, client }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address)
    }

    pub(crate) async fn send(&self, delivery: &Delivery) -> Answer {
        post(&self.client, self.url(&delivery.path), delivery).await
    }

    /// State and reason of a line on `/health`.
    pub(crate) fn health(&self, name: &str) -> Option<(agent_smith::health::State, String)> {
        let found = self.app.health.snapshot().into_iter().find(|one| one.name == name)?;
        Some((found.state, found.reason))
    }
}

/// Sends a delivery to a server that is a process of its own.
pub(crate) async fn send_to(server: &str, delivery: &Delivery) -> Answer {
    let client = reqwest::Client::builder().timeout(BOUND).no_proxy().build().unwrap();
    post(&client, format!("{server}{}", delivery.path), delivery).await
}

async fn post(client: &reqwest::Client, url: String, delivery: &Delivery) -> Answer {
    let headers = delivery.headers.iter();
    let headers = headers.map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()));
    let request = client.post(url).headers(headers.collect()).body(delivery.body.clone());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let text = answer.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} without JSON: {text}"));
    let word = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {text}")).to_owned();
    Answer { status, result: word("result"), reason: word("reason"), retry_after }
}

pub(crate) fn hmac_hex(key: &[u8], text: &[u8]) -> String {
    hex::encode(hmac(key, text))
}

pub(crate) fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// A project that nobody polls, so that only a webhook can start anything; more lines of its trigger section.
pub(crate) fn unpolled(world: &World, name: &str, tracker: &str, trigger: &str) -> String {
    format!(
        "  {name}:
    tickets: {{ type: GitHub, url: \"https://github.com/{tracker}\", api_url: \"{api}\" }}
    github_trigger:
      pipeline_from_label: {{ agent-smith: fix-bug }}
{trigger}",
        api = world.sim.api_url()
    )
}

/// A world with one unpolled project `api` on `org/api`.
pub(crate) async fn one_project() -> World {
    let world = World::with(&["org/api"]).await;
    let projects = unpolled(&world, "api", "org/api", "");
    world.write_config(&Settings { projects, ..Settings::steps(&["true"]) });
    world
}

/// The server with GitHub's secret, taking jobs or not.
pub(crate) async fn start(world: &World, store: std::sync::Arc<dyn Store>, consumer: bool) -> Hook {
    let secret = [("GITHUB_WEBHOOK_SECRET", crate::github::SECRET)];
    Hook::on(world.start_with(Some(store), "one", &secret, consumer).await)
}
