//! One repository as a tracker: how a request to it is made, and the `Platform` trait.
//!
//! Who calls: `platform::open` makes it, inside a tokio runtime because octocrab spawns its worker at once. What must
//! stay true: every request goes through [`GitHub::send`]; the token is in one header, marked sensitive, and nowhere
//! else; paths are built from percent-encoded parts.

use std::collections::HashSet;
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION, IF_NONE_MATCH, USER_AGENT};
use http::{HeaderValue, Method};
use octocrab::Octocrab;
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;
use url::Url;

use super::pages::PageCache;
use crate::config;
use crate::job::{Entitled, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::platform::answer::{Reaction, Spoken};
use crate::platform::http::{self as layer, Answer, Call, Channel, Dialect, HeldBack, Repeat};
use crate::platform::{
    Access, Comment, CommentId, Error, Labelling, Listing, Page, PlannedCall, Platform, Position, Result, StatusChange,
};
use crate::ticket::{Account, Labels, PlatformKind, Ticket};

/// Source: GitHub, "Rate limits for the REST API": over a limit the answer is 403 or 429; a 403 that is about limits
/// names a wait, has no calls left, or says so in its message ("abuse" on old Enterprise servers).
const DIALECT: Dialect = Dialect {
    also_refuses: |answer| {
        answer.status == 403
            && (answer.header("retry-after").is_some() || answer.header("x-ratelimit-remaining") == Some("0") || {
                let message = answer.message().to_lowercase();
                message.contains("rate limit") || message.contains("abuse detection")
            })
    },
    ..Dialect::USUAL
};

/// A repository on GitHub.
pub struct GitHub {
    octocrab: Octocrab,
    pub(super) channel: Channel,
    authorization: Option<HeaderValue>,
    /// The API base, without credentials and without a trailing slash in its path.
    pub(super) base: Url,
    /// `owner/repo`, for messages.
    pub(super) name: String,
    /// The repository's page.
    pub(super) web_url: Url,
    /// `/repos/owner/repo`, encoded.
    pub(super) route: String,
    /// Pages of listings that can be asked for conditionally.
    pub(super) pages: PageCache,
    /// Lifecycle labels that the repository is known to have.
    pub(super) known_labels: Mutex<HashSet<Lifecycle>>,
    /// Who the token belongs to, once it was asked.
    me: OnceCell<Account>,
}

/// The token is not shown, nor what holds it.
impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("base", &self.base.as_str()).field("name", &self.name).finish_non_exhaustive()
    }
}

/// One request.
pub(super) struct Request<'a> {
    /// In words, for errors and the log.
    pub(super) what: &'a str,
    pub(super) method: Method,
    /// Path and query below the API base, or below the host if it begins with the base's own path.
    pub(super) path: &'a str,
    pub(super) body: Option<serde_json::Value>,
    /// The tag of the answer that we have already.
    pub(super) unless: Option<&'a str>,
    pub(super) repeat: Repeat,
    /// The right that a write needs.
    pub(super) right: Option<&'a dyn WriteRight>,
}

impl<'a> Request<'a> {
    /// A read.
    pub(super) fn get(what: &'a str, path: &'a str) -> Self {
        Self { what, method: Method::GET, path, body: None, unless: None, repeat: Repeat::Safe, right: None }
    }

    /// A write that is as good twice as once.
    pub(super) fn write(what: &'a str, method: Method, path: &'a str, right: &'a dyn WriteRight) -> Self {
        Self { method, right: Some(right), ..Self::get(what, path) }
    }
}

impl GitHub {
    /// The repository `owner/repo` of a tracker. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// `Unauthorized` for a token that no header can carry, `Unsupported` for an API base that is no http URL.
    pub(in crate::platform) fn open(
        tracker: &config::Tracker,
        (owner, repo): (&str, &str),
        http: &layer::Http,
    ) -> Result<Self> {
        let token = tracker.credentials.as_ref().map(|credentials| &credentials.token);
        let authorization = token.map(|token| bearer(token.expose_secret().trim())).transpose()?;
        let base = without_credentials(&tracker.api_url);
        let octocrab = Octocrab::builder()
            .base_uri(base.as_str().trim_end_matches('/'))
            .map(|builder| builder.add_header(USER_AGENT, layer::USER_AGENT.to_owned()))
            .map(|builder| builder.add_header(ACCEPT, "application/vnd.github+json".to_owned()))
            .and_then(|builder| builder.build_with_reqwest(http.client()))
            .map_err(|_| unusable_base(&base))?;
        Ok(Self {
            octocrab,
            channel: http.channel(&base, token, DIALECT),
            authorization,
            name: format!("{owner}/{repo}"),
            web_url: without_credentials(&tracker.web_url),
            route: format!("/repos/{}/{}", encode(owner), encode(repo)),
            base,
            pages: PageCache::default(),
            known_labels: Mutex::default(),
            me: OnceCell::new(),
        })
    }

    /// Sends a request through the layer. Any status below 500 is an answer.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<Answer> {
        let Some(authorization) = &self.authorization else {
            return Err(Error::Unauthorized {
                what: format!("no token for {}", self.name),
                cure: "GITHUB_TOKEN is not set: set it to a token with access to the repository's issues".to_owned(),
            });
        };
        let call = Call { what: request.what, repeat: request.repeat, right: request.right };
        let path = self.full_path(request.path);
        self.channel
            .send(call, || {
                let mut head = ::http::Request::builder()
                    .method(request.method.clone())
                    .uri(&path)
                    .header(AUTHORIZATION, authorization.clone());
                if let Some(tag) = request.unless {
                    head = head.header(IF_NONE_MATCH, tag);
                }
                let built = self.octocrab.build_request(head, request.body.as_ref());
                async { self.octocrab.execute(built?).await }
            })
            .await
    }

    /// `text` without the token, should a server have echoed it.
    pub(super) fn redacted(&self, text: &str) -> String {
        let token = self.authorization.as_ref().and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        token.map_or_else(|| text.to_owned(), |token| text.replace(token, "[token]"))
    }

    /// A path below the host. octocrab puts the base's path in front only if it is not there yet, but it compares
    /// characters and not segments; a path that is complete already is safe from that.
    fn full_path(&self, path: &str) -> String {
        let base = self.base.path().trim_end_matches('/');
        let has_base = path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        if has_base { path.to_owned() } else { format!("{base}{path}") }
    }

    /// The URL behind a path and query.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{}", self.base.origin().ascii_serialization(), self.full_path(path))
    }

    /// The path of an issue, if `ticket` can be the number of one.
    pub(super) fn issue_route(&self, ticket: &str) -> Result<String> {
        let is_number = (1..=18).contains(&ticket.len()) && ticket.bytes().all(|b| b.is_ascii_digit());
        if is_number {
            return Ok(format!("{}/issues/{ticket}", self.route));
        }
        Err(Error::NotFound {
            what: format!("issue {:?} of {}", ticket.chars().take(40).collect::<String>(), self.name),
            cure: "an issue of GitHub is named by its number".to_owned(),
        })
    }
}

#[async_trait]
impl Platform for GitHub {
    fn kind(&self) -> PlatformKind {
        PlatformKind::GitHub
    }

    fn held_back(&self) -> Option<HeldBack> {
        self.channel.held_back()
    }

    async fn check_access(&self) -> Result<Access> {
        self.repository_access().await
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

fn bearer(token: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Unauthorized {
        what: "the token for GitHub cannot be sent".to_owned(),
        cure: "GITHUB_TOKEN contains characters that no token has, set it again".to_owned(),
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

fn unusable_base(base: &Url) -> Error {
    Error::Unsupported(format!("api_url {base} is not a base for API calls, use https://host/path"))
}

/// Percent-encodes everything but letters, digits and `-._~`, for one segment of a path or one value of a query.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_whole() {
        assert_eq!(encode("agent-smith:in progress/ü#"), "agent-smith%3Ain%20progress%2F%C3%BC%23");
    }
}
