//! One project as a tracker: how a request to it is made, and the `Platform` trait.
//!
//! Who calls: `platform::open` makes it. What must stay true: every request goes through [`GitLab::send`]; the token is
//! in one header, marked sensitive, and nowhere else.

use std::collections::HashSet;
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;
use url::Url;

use super::spellings::Spellings;
use crate::config;
use crate::job::{Entitled, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::platform::answer::{Reaction, Spoken};
use crate::platform::http::{self as layer, Answer, Call, Channel, Dialect, HeldBack};
use crate::platform::{
    Access, Comment, CommentId, Error, Labelling, Listing, Page, PlannedCall, Platform, Position, Result, StatusChange,
};
use crate::ticket::{Account, Labels, PlatformKind, Ticket};

/// Source: GitLab, "User and IP rate limits": over a limit the answer is 429. An address that is blocked, after too
/// many failed logins for example, is answered 403 with the bare word `Forbidden`; a 403 about rights is JSON.
const DIALECT: Dialect = Dialect {
    remaining: "ratelimit-remaining",
    reset: "ratelimit-reset",
    also_refuses: |answer| answer.status == 403 && answer.body.trim_ascii() == b"Forbidden",
    ..Dialect::USUAL
};

/// Source: GitLab REST, "Authentication": takes personal, project and group access tokens.
const TOKEN_HEADER: &str = "private-token";

/// A project on GitLab.
pub struct GitLab {
    client: reqwest::Client,
    channel: Channel,
    token: Option<HeaderValue>,
    /// The API base, without credentials, with a slash at the end of its path.
    pub(super) base: Url,
    /// `group/sub/name`.
    pub(super) path: String,
    /// The project's page.
    pub(super) web_url: Url,
    /// Which spellings of a label the project has.
    pub(super) spellings: Spellings,
    /// Lifecycle labels that the project is known to have.
    pub(super) known_labels: Mutex<HashSet<Lifecycle>>,
    /// Who the token belongs to, once it was asked.
    me: OnceCell<Account>,
}

/// The token is not shown, nor what holds it.
impl fmt::Debug for GitLab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitLab").field("base", &self.base.as_str()).field("path", &self.path).finish_non_exhaustive()
    }
}

/// One request, ready to be sent.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    /// Type and content.
    pub(super) body: Option<(HeaderValue, Bytes)>,
}

impl Request {
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None }
    }
}

impl GitLab {
    /// The project `path` of a tracker.
    ///
    /// # Errors
    /// `Unauthorized` for a token that no header can carry, `Unsupported` for an API base that is no http URL.
    pub(in crate::platform) fn open(tracker: &config::Tracker, path: &str, http: &layer::Http) -> Result<Self> {
        let token = tracker.credentials.as_ref().map(|credentials| &credentials.token);
        let header = token.map(|token| sensitive(token.expose_secret().trim())).transpose()?;
        let mut base = without_credentials(&tracker.api_url);
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(Error::Unsupported(format!(
                "api_url {base} is not a base for API calls, use https://host/api/v4"
            )));
        }
        let below = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&below);
        Ok(Self {
            client: http.client(),
            channel: http.channel(&base, token, DIALECT),
            token: header,
            base,
            path: path.to_owned(),
            web_url: without_credentials(&tracker.web_url),
            spellings: Spellings::default(),
            known_labels: Mutex::default(),
            me: OnceCell::new(),
        })
    }

    /// The way to the host.
    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Sends a request through the layer. Any status below 500 is an answer.
    pub(super) async fn send(&self, call: Call<'_>, request: &Request) -> Result<Answer> {
        let Some(token) = &self.token else {
            return Err(Error::Unauthorized {
                what: format!("no token for {}", self.path),
                cure: "GITLAB_TOKEN is not set: set it to a token with the scope api".to_owned(),
            });
        };
        self.channel
            .send(call, || {
                let mut sent = reqwest::Request::new(request.method.clone(), request.url.clone());
                let headers = sent.headers_mut();
                headers.insert(TOKEN_HEADER, token.clone());
                headers.insert(USER_AGENT, HeaderValue::from_static(layer::USER_AGENT));
                headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
                if let Some((content_type, content)) = &request.body {
                    headers.insert(CONTENT_TYPE, content_type.clone());
                    *sent.body_mut() = Some(content.clone().into());
                }
                let answer = self.client.execute(sent);
                async { answer.await.map(::http::Response::<reqwest::Body>::from) }
            })
            .await
    }

    /// `text` without the token, should a server have echoed it.
    pub(super) fn redacted(&self, text: &str) -> String {
        let token = self.token.as_ref().and_then(|value| value.to_str().ok());
        token.map_or_else(|| text.to_owned(), |token| text.replace(token, "[token]"))
    }

    /// The number of an issue in its project, if `ticket` can be one.
    pub(super) fn number(&self, ticket: &str) -> Result<u64> {
        let is_number = ticket.bytes().all(|b| b.is_ascii_digit());
        ticket.parse().ok().filter(|_| is_number).ok_or_else(|| Error::NotFound {
            what: format!("issue {:?} of {}", ticket.chars().take(40).collect::<String>(), self.path),
            cure: "an issue of GitLab is named by its number in the project".to_owned(),
        })
    }
}

#[async_trait]
impl Platform for GitLab {
    fn kind(&self) -> PlatformKind {
        PlatformKind::GitLab
    }

    fn held_back(&self) -> Option<HeldBack> {
        self.channel.held_back()
    }

    async fn check_access(&self) -> Result<Access> {
        self.project_access().await
    }

    async fn page(&self, listing: Listing<'_>, at: &Position) -> Result<Page> {
        self.page_of_issues(listing, at).await
    }

    fn plan(&self, listing: Listing<'_>) -> Vec<PlannedCall> {
        self.plan_of(listing)
    }

    async fn read(&self, ticket: &str) -> Result<Ticket> {
        self.read_issue(ticket).await
    }

    async fn transition(&self, right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels> {
        self.show_lifecycle(right, to).await
    }

    async fn set_status(&self, right: &dyn WriteRight, status: &str) -> Result<StatusChange> {
        self.move_issue(right, status).await
    }

    async fn comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<Option<CommentId>> {
        self.write_comment(right, comment).await
    }

    async fn me(&self) -> Result<Account> {
        self.me.get_or_try_init(|| self.read_me()).await.cloned()
    }

    async fn may_write(&self, who: &Account, _ticket: &str) -> Result<bool> {
        self.role_allows_writing(who).await
    }

    async fn who_labelled(&self, ticket: &str, labels: &[&str]) -> Result<Option<Labelling>> {
        self.latest_labelling(ticket, labels).await
    }

    async fn react(&self, _to: &Entitled, (ticket, comment): (&str, &str), reaction: Reaction) -> Result<bool> {
        self.write_reaction(&Spoken::about(self.kind(), ticket), comment, reaction).await
    }

    async fn answer(&self, _to: &Entitled, ticket: &str, comment: &Comment) -> Result<()> {
        self.write_comment(&Spoken::about(self.kind(), ticket), comment).await.map(drop)
    }
}

fn sensitive(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(token).map_err(|_| Error::Unauthorized {
        what: "the token for GitLab cannot be sent".to_owned(),
        cure: "GITLAB_TOKEN contains characters that no token has, set it again".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
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
