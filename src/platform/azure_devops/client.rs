//! One project as a tracker: how a request to it is made, and the `Platform` trait.
//!
//! Who calls: `platform::open` makes it. What must stay true: every request goes through [`AzureDevOps::send`]; the
//! token is in one header, marked sensitive, and nowhere else; paths are built from percent-encoded parts; an answer
//! that is a sign-in page is an error before anybody reads it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::sleep;
use url::Url;

use super::versions::{Api, Versions, is_too_new};
use crate::config;
use crate::job::{Entitled, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::platform::answer::{Reaction, Spoken};
use crate::platform::http::{self as layer, Answer, Call, Channel, Dialect, HeldBack, Repeat};
use crate::platform::{
    Access, Comment, CommentId, Error, Labelling, Listing, Page, PlannedCall, Platform, Position, Result, StatusChange,
};
use crate::ticket::{Account, Labels, PlatformKind, Ticket};

/// Source: Microsoft, "Rate and usage limits": first answers are delayed and name a wait, then they are 429 with
/// TF400733, which older servers send with other statuses.
const DIALECT: Dialect = Dialect {
    also_refuses: |answer| matches!(answer.status.as_u16(), 400 | 403) && answer.message().starts_with("TF400733"),
    ..Dialect::USUAL
};

/// How long a request that continues an operation waits for a hold to end. Azure DevOps puts a wait on answers that
/// succeed; without patience an operation of two requests would never get to its second. A claim has 30 s in all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Work items whose revision is remembered. One is read and written moments later; a thousand claims at once are more
/// than one process makes.
const MOST_SEEN: usize = 1_000;

/// A work item as it was when we last saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) rev: u64,
    /// `None` when the field was absent.
    pub(super) tags: Option<String>,
}

/// A project in Azure DevOps.
pub struct AzureDevOps {
    client: reqwest::Client,
    channel: Channel,
    token: Option<SecretString>,
    authorization: Option<HeaderValue>,
    /// The organization or collection, without credentials.
    pub(super) base: Url,
    /// Name or GUID of the project, as the configuration has it.
    pub(super) project: String,
    /// The project's page.
    pub(super) web_url: Url,
    open_states: Vec<String>,
    versions: Versions,
    seen: Mutex<HashMap<u64, Seen>>,
    /// What the server calls the project, when that is not what the configuration says.
    pub(super) also_called: Mutex<Option<String>>,
    /// Who the token belongs to, once it was asked.
    me: OnceCell<Account>,
    /// GUID and name of the project, once the server has told.
    pub(super) identity: Mutex<Option<(String, String)>>,
}

/// The token is not shown, nor what holds it.
impl fmt::Debug for AzureDevOps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, project) = (self.base.as_str(), &self.project);
        f.debug_struct("AzureDevOps").field("base", &base).field("project", project).finish_non_exhaustive()
    }
}

/// One request.
pub(super) struct Request<'a> {
    /// In words, for errors and the log.
    pub(super) what: &'a str,
    pub(super) method: Method,
    /// Below the collection.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<Value>,
    pub(super) api: Api,
    pub(super) repeat: Repeat,
    /// The right that a write needs.
    pub(super) right: Option<&'a dyn WriteRight>,
    /// It continues an operation whose first request has been answered.
    pub(super) continues: bool,
}

impl<'a> Request<'a> {
    /// A read.
    pub(super) fn get(what: &'a str, path: &'a [&'a str]) -> Self {
        let (api, repeat) = (Api::Released, Repeat::Safe);
        let query = &[];
        Self { what, method: Method::GET, path, query, body: None, api, repeat, right: None, continues: false }
    }

    /// A read that needs a body.
    pub(super) fn ask(what: &'a str, path: &'a [&'a str], body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(what, path) }
    }

    /// A JSON Patch.
    pub(super) fn patch(what: &'a str, path: &'a [&'a str], patch: Value, right: &'a dyn WriteRight) -> Self {
        Self { method: Method::PATCH, body: Some(patch), right: Some(right), ..Self::get(what, path) }
    }
}

impl AzureDevOps {
    /// The project of a tracker.
    ///
    /// # Errors
    /// `Unauthorized` for a token that no header can carry, `Unsupported` for a base that is no http URL.
    pub(in crate::platform) fn open(
        tracker: &config::Tracker,
        (project, open_states): (&str, &[String]),
        http: &layer::Http,
    ) -> Result<Self> {
        let token = tracker.credentials.as_ref().map(|credentials| &credentials.token);
        let base = without_credentials(&tracker.api_url);
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(Error::Unsupported(format!("{base} is not a collection for API calls, use https://host/path")));
        }
        let client = http.client();
        let authorization = token.map(|token| basic(&client, &base, token)).transpose()?;
        Ok(Self {
            channel: http.channel(&base, token, DIALECT),
            client,
            token: token.cloned(),
            authorization,
            base,
            project: project.to_owned(),
            web_url: without_credentials(&tracker.web_url),
            open_states: open_states.to_vec(),
            versions: Versions::default(),
            seen: Mutex::default(),
            also_called: Mutex::default(),
            me: OnceCell::new(),
            identity: Mutex::default(),
        })
    }

    /// The way to the host.
    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Sends a request through the layer, in the newest version that the server speaks. Any status below 500 is an
    /// answer, unless it only means that the token was not accepted. A server without the API answers 404.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<Answer> {
        if request.continues {
            self.be_patient().await;
        }
        loop {
            let Some((place, version)) = self.versions.of(request.api) else { return Ok(no_such_api()) };
            let answer = self.send_as(&request, version).await?;
            self.refuse_sign_in(request.what, &answer)?;
            if !is_too_new(&answer) {
                return Ok(answer);
            }
            if !self.versions.lower(request.api, place) {
                return match request.api {
                    Api::Comments => Ok(no_such_api()),
                    Api::Released | Api::Connection => Ok(answer),
                };
            }
        }
    }

    async fn send_as(&self, request: &Request<'_>, version: &str) -> Result<Answer> {
        let Some(authorization) = &self.authorization else {
            return Err(Error::Unauthorized {
                what: format!("no token for {}", self.project),
                cure: "AZURE_DEVOPS_TOKEN is not set: set it to a personal access token with the scope Work Items \
                       (read & write)"
                    .to_owned(),
            });
        };
        let url = self.url(request, version);
        let body = request.body.as_ref().map(Value::to_string);
        // A JSON Patch is a list.
        let content_type = match (&request.method, &request.body) {
            (&Method::PATCH, Some(Value::Array(_))) => "application/json-patch+json",
            _ => "application/json",
        };
        let call = Call { what: request.what, repeat: request.repeat, right: request.right };
        let send = || {
            let mut builder = self
                .client
                .request(request.method.clone(), url.clone())
                .header(AUTHORIZATION, authorization)
                .header(ACCEPT, "application/json")
                // Without it a token that is not accepted is sent to a page to sign in.
                .header("x-tfs-fedauthredirect", "Suppress");
            if let Some(body) = &body {
                builder = builder.header(CONTENT_TYPE, content_type).body(body.clone());
            }
            async { builder.send().await.map(::http::Response::from) }
        };
        self.channel.send(call, send).await
    }

    /// Waits until a short hold is over; a long one is left to the layer, which refuses.
    async fn be_patient(&self) {
        if let Some(held) = self.channel.held_back().filter(|held| held.retry_after <= PATIENCE) {
            sleep(held.retry_after).await;
        }
    }

    fn url(&self, request: &Request<'_>, version: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(request.path);
        }
        url.query_pairs_mut().extend_pairs(request.query).append_pair("api-version", version);
        url
    }

    /// Where a read of the released API goes.
    pub(super) fn released_url(&self, path: &[&str], query: &[(&str, &str)]) -> String {
        let version = self.versions.of(Api::Released).map_or("", |(_, version)| version);
        self.url(&Request { query, ..Request::get("", path) }, version).into()
    }

    /// `text` without the token, should a server have echoed it.
    pub(super) fn redacted(&self, text: &str) -> String {
        let encoded = self.authorization.as_ref().and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
        let plain = self.token.as_ref().map(|token| token.expose_secret().trim());
        let secrets = [encoded, plain].into_iter().flatten().filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "[token]"))
    }

    /// The number of a work item, if `ticket` can be one.
    pub(super) fn item_id(&self, ticket: &str) -> Result<u64> {
        // Numbers are 32 bits, signed.
        let number = ticket.bytes().all(|b| b.is_ascii_digit()).then(|| ticket.parse::<i32>().ok()).flatten();
        match number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0) {
            Some(number) => Ok(number),
            None => Err(Error::NotFound {
                what: format!("work item {:?} of {}", ticket.chars().take(40).collect::<String>(), self.project),
                cure: "a work item of Azure DevOps is named by its number".to_owned(),
            }),
        }
    }

    /// The page of a work item, in this project.
    pub(super) fn item_page(&self, id: u64) -> String {
        format!("{}/_workitems/edit/{id}", self.web_url.as_str().trim_end_matches('/'))
    }

    /// True for a state that counts as not finished.
    pub(super) fn is_open(&self, state: &str) -> bool {
        self.open_states.iter().any(|open| open.to_lowercase() == state.to_lowercase())
    }

    /// The states that count as not finished.
    pub(super) fn open_states(&self) -> &[String] {
        &self.open_states
    }

    /// Takes note of a work item as it is now.
    pub(super) fn saw(&self, id: u64, seen: Seen) {
        let mut all = lock(&self.seen);
        if all.len() >= MOST_SEEN && !all.contains_key(&id) {
            // Whoever is forgotten is read once more.
            all.clear();
        }
        all.insert(id, seen);
    }

    /// The revision in which a work item was last seen; it stays known.
    pub(super) fn known_revision(&self, id: u64) -> Option<u64> {
        lock(&self.seen).get(&id).map(|seen| seen.rev)
    }

    /// What was last seen of a work item; it is forgotten with this.
    pub(super) fn last_seen(&self, id: u64) -> Option<Seen> {
        lock(&self.seen).remove(&id)
    }

    /// Takes note that the server has no comments API.
    pub(super) fn without_comments(&self) {
        self.versions.without_comments();
    }
}

#[async_trait]
impl Platform for AzureDevOps {
    fn kind(&self) -> PlatformKind {
        PlatformKind::AzureDevOps
    }

    fn held_back(&self) -> Option<HeldBack> {
        self.channel.held_back()
    }

    async fn check_access(&self) -> Result<Access> {
        self.project_access().await
    }

    async fn is_known_as(&self, id: &str) -> Result<bool> {
        self.has_identity(id).await
    }

    async fn page(&self, listing: Listing<'_>, at: &Position) -> Result<Page> {
        self.page_of_items(listing, at).await
    }

    fn plan(&self, listing: Listing<'_>) -> Vec<PlannedCall> {
        self.plan_of(listing)
    }

    async fn read(&self, ticket: &str) -> Result<Ticket> {
        self.read_item(ticket).await
    }

    async fn transition(&self, right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels> {
        self.show_lifecycle(right, to).await
    }

    async fn set_status(&self, right: &dyn WriteRight, status: &str) -> Result<StatusChange> {
        self.move_item(right, status).await
    }

    async fn comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<Option<CommentId>> {
        self.write_comment(right, comment).await
    }

    async fn me(&self) -> Result<Account> {
        self.me.get_or_try_init(|| self.read_me()).await.cloned()
    }

    async fn may_write(&self, who: &Account, _ticket: &str) -> Result<bool> {
        Err(self.cannot_tell_who_may_write(who))
    }

    async fn who_labelled(&self, ticket: &str, labels: &[&str]) -> Result<Option<Labelling>> {
        self.latest_labelling(ticket, labels).await
    }

    async fn react(&self, _to: &Entitled, _place: (&str, &str), _reaction: Reaction) -> Result<bool> {
        Ok(false)
    }

    async fn answer(&self, _to: &Entitled, ticket: &str, comment: &Comment) -> Result<()> {
        self.write_comment(&Spoken::about(self.kind(), ticket), comment).await.map(drop)
    }
}

/// The token as a password without a user name, which is how Azure DevOps takes one. Source: Microsoft, "Use personal
/// access tokens".
fn basic(client: &reqwest::Client, base: &Url, token: &SecretString) -> Result<HeaderValue> {
    let unusable = || Error::Unauthorized {
        what: "the token for Azure DevOps cannot be sent".to_owned(),
        cure: "AZURE_DEVOPS_TOKEN contains characters that no token has, set it again".to_owned(),
    };
    let token = token.expose_secret().trim();
    if !token.bytes().all(|b| b.is_ascii_graphic()) || token.is_empty() {
        return Err(unusable());
    }
    // The library has the encoding; the request itself is thrown away.
    let request = client.get(base.clone()).basic_auth("", Some(token)).build().map_err(|_| unusable())?;
    request.headers().get(AUTHORIZATION).cloned().ok_or_else(unusable)
}

/// Stands for the answer of a server that does not have an API in any version.
fn no_such_api() -> Answer {
    let body = bytes::Bytes::from_static(br#"{"message":"no such API","typeKey":"VssResourceNotFoundException"}"#);
    Answer { status: http::StatusCode::NOT_FOUND, headers: http::HeaderMap::new(), body }
}

fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only on URLs that cannot carry credentials in the first place.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
