//! Asking a server about runs.
//!
//! What must stay true: the token goes to the server that was named and to nobody else; every failure says what to do.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::config::OPERATOR_TOKEN;

/// A server answers within ten seconds, or says why not.
const ANSWER: Duration = Duration::from_secs(15);
/// Until a connection is made.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of an answer: two hundred records of the greatest size.
const LARGEST: usize = 8 * 1024 * 1024;

/// A server.
pub(super) struct Client {
    server: Url,
    token: Option<String>,
    client: reqwest::Client,
}

/// Why a question has no answer, as one line.
#[derive(Debug)]
pub(super) struct Trouble(String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was done.
#[derive(Deserialize)]
pub(super) struct Done {
    pub(super) reason: String,
    pub(super) run_id: String,
}

#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

impl Client {
    /// Of the server at this address; what is wrong with the address, in words.
    pub(super) fn of(server: &str, token: Option<&str>) -> Result<Self, String> {
        let wrong = |why: &str| format!("--server {server}: {why}; such as http://127.0.0.1:8081");
        let server = Url::parse(server).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(server.scheme(), "http" | "https") || !server.has_host() {
            return Err(wrong("this is neither http:// nor https://"));
        }
        // A token must not follow a redirect to another place, and no answer of ours is one.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(CONNECT);
        let client = client.build().map_err(|error| format!("cannot make an HTTP client: {error}"))?;
        Ok(Self { server, token: token.map(str::to_owned), client })
    }

    fn ask(&self, method: Method, path: &[&str], given: &[(&str, &str)]) -> Result<RequestBuilder, Trouble> {
        let mut url = self.server.clone();
        let no_paths = |()| Trouble(format!("{} has no paths", self.server));
        url.path_segments_mut().map_err(no_paths)?.pop_if_empty().extend(path);
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        let request = self.client.request(method, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// What is at this path, as JSON text.
    pub(super) async fn get(&self, path: &[&str], given: &[(&str, &str)]) -> Result<String, Trouble> {
        self.text(self.ask(Method::GET, path, given)?.timeout(ANSWER)).await
    }

    /// What came of this order, as JSON text.
    pub(super) async fn post(&self, path: &[&str]) -> Result<String, Trouble> {
        self.text(self.ask(Method::POST, path, &[])?.timeout(ANSWER)).await
    }

    /// What is at this path, piece by piece, for as long as there is more.
    pub(super) async fn stream(&self, path: &[&str], given: &[(&str, &str)]) -> Result<Stream, Trouble> {
        let request = self.ask(Method::GET, path, given)?;
        let answer = tokio::time::timeout(ANSWER, request.send()).await;
        let answer = answer.map_err(|_late| Trouble(format!("{} does not answer", self.server)))?;
        Ok(Stream(self.good(answer).await?))
    }

    async fn text(&self, request: RequestBuilder) -> Result<String, Trouble> {
        let answer = self.good(request.send().await).await?;
        whole(answer).await
    }

    async fn good(&self, answer: reqwest::Result<Response>) -> Result<Response, Trouble> {
        let answer = answer.map_err(|error| {
            let why = root_cause(&error);
            Trouble(format!("no answer from {}: {why}; does a server run there, or elsewhere (--server)?", self.server))
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let said = whole(answer).await.unwrap_or_default();
        let reason = serde_json::from_str(&said).map(|refusal: Refusal| refusal.reason);
        Err(Trouble(match (reason, status) {
            (Ok(reason), StatusCode::UNAUTHORIZED) if self.token.is_none() => {
                format!("{reason}; set {OPERATOR_TOKEN} to it")
            }
            (Ok(reason), _) => reason,
            (Err(_), _) => format!("{} answered {status}: is it an agent-smith server of this version?", self.server),
        }))
    }
}

/// A body that is still coming.
pub(super) struct Stream(Response);

impl Stream {
    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        self.0.chunk().await.map_err(|error| Trouble(format!("the log broke off: {}", root_cause(&error))))
    }
}

async fn whole(mut answer: Response) -> Result<String, Trouble> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Trouble(format!("the answer is longer than {LARGEST} bytes"))),
            Ok(None) => return Ok(String::from_utf8_lossy(&body).into_owned()),
            Err(error) => return Err(Trouble(format!("the answer broke off: {}", root_cause(&error)))),
        }
    }
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Trouble> {
    serde_json::from_str(answer)
        .map_err(|error| Trouble(format!("the answer cannot be read ({error}): is the server of this version?")))
}

/// The last of a chain says what happened; the first ones repeat the address.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
