//! One site or project of Jira as a tracker: how a request to it is made, and the `Platform` trait.
//!
//! Who calls: `platform::open`. What must stay true: every request goes through [`Jira::send`]; the credentials are in
//! one header, marked sensitive, and nowhere else.

use std::fmt;

use async_trait::async_trait;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::deployment::{Deployment, Site};
use super::sayings::is_from_jira;
use super::turns::Turns;
use crate::config;
use crate::job::{Entitled, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::platform::answer::{Reaction, Spoken};
use crate::platform::http::{self as layer, Answer, Call, Channel, Dialect, HeldBack, Repeat};
use crate::platform::{
    Access, Comment, CommentId, Error, Labelling, Listing, Page, PlannedCall, Platform, Position, Result, StatusChange,
};
use crate::ticket::{Account, Labels, PlatformKind, Ticket};

/// What `RateLimit-Reason` says of the limit on writes to one issue. Source: Atlassian, "Rate limiting".
const ONE_ISSUE: &str = "jira-per-issue-on-write";

/// Source: Atlassian, "Rate limiting": 429 with `Retry-After`, or with `X-RateLimit-Reset` in ISO 8601.
const DIALECT: Dialect = Dialect {
    of_one_ticket: |answer| answer.header("ratelimit-reason").is_some_and(|reason| reason.contains(ONE_ISSUE)),
    ..Dialect::USUAL
};

/// A Jira site, or one project of it.
pub struct Jira {
    client: reqwest::Client,
    channel: Channel,
    authorization: Option<HeaderValue>,
    token: Option<SecretString>,
    /// True when the token goes without an account: a personal access token of Data Center.
    pub(super) is_bearer: bool,
    pub(super) site: Site,
    /// Key of the project; `None` for the whole site.
    pub(super) project: Option<String>,
    /// For messages: `project PROJ at https://site`, or the site alone.
    pub(super) name: String,
    /// The site's page, without a slash at the end.
    pub(super) web_url: String,
    /// When the site last said who the token is.
    pub(super) identified_at: Mutex<Option<Instant>>,
    pub(super) turns: Turns,
    /// Who the token belongs to, once it was asked.
    me: OnceCell<Account>,
}

/// The credentials are not shown, nor what holds them.
impl fmt::Debug for Jira {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jira")
            .field("base", &self.site.base().as_str())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// One request.
pub(super) struct Request<'a> {
    /// In words, for errors and the log.
    pub(super) what: &'a str,
    pub(super) method: Method,
    /// Path and query below the API's version, encoded.
    pub(super) path: String,
    pub(super) body: Option<serde_json::Value>,
    pub(super) repeat: Repeat,
    /// The right that a write needs.
    pub(super) right: Option<&'a dyn WriteRight>,
}

impl<'a> Request<'a> {
    /// A read.
    pub(super) fn get(what: &'a str, path: impl Into<String>) -> Self {
        Self { what, method: Method::GET, path: path.into(), body: None, repeat: Repeat::Safe, right: None }
    }

    /// A read that has to be sent as a POST.
    pub(super) fn query(what: &'a str, path: impl Into<String>, body: serde_json::Value) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(what, path) }
    }
}

impl Jira {
    /// The project `project` of a tracker's site, or the whole site.
    ///
    /// # Errors
    /// `Unauthorized` for credentials that no header can carry, `Unsupported` for an API base that is no http URL.
    pub(in crate::platform) fn open(
        tracker: &config::Tracker,
        project: Option<&str>,
        http: &layer::Http,
    ) -> Result<Self> {
        let base = without_credentials(&tracker.api_url);
        if base.cannot_be_a_base() || !base.has_host() {
            return Err(Error::Unsupported(format!(
                "api_url {base} is not a base for API calls, use https://host/path"
            )));
        }
        let credentials = tracker.credentials.as_ref();
        let client = http.client();
        let authorization = credentials.map(|credentials| authorization(&client, &base, credentials)).transpose()?;
        let token = credentials.map(|credentials| credentials.token.clone());
        let web_url = without_credentials(&tracker.web_url).as_str().trim_end_matches('/').to_owned();
        Ok(Self {
            client,
            channel: http.channel(&base, token.as_ref(), DIALECT),
            authorization,
            token,
            is_bearer: credentials.is_some_and(|credentials| credentials.user.is_none()),
            name: project.map_or_else(|| web_url.clone(), |key| format!("project {key} at {web_url}")),
            project: project.map(str::to_owned),
            web_url,
            site: Site::new(base),
            identified_at: Mutex::default(),
            turns: Turns::default(),
            me: OnceCell::new(),
        })
    }

    /// Sends what `request` makes for the kind of Jira this is, and finds out which kind that is on the way: Data
    /// Center has no version 3, so that everything in it is 404 there.
    pub(super) async fn ask<'a, F>(&self, request: F) -> Result<Answer>
    where
        F: Fn(Deployment) -> Request<'a> + Send + Sync,
    {
        if let Some(known) = self.site.known() {
            return self.send(known, &request(known)).await;
        }
        let answer = self.send(Deployment::Cloud, &request(Deployment::Cloud)).await?;
        let is_page = answer.body.trim_ascii_start().starts_with(b"<");
        if answer.status.is_success() && !is_page {
            self.site.learn(Deployment::Cloud);
        }
        if answer.status != StatusCode::NOT_FOUND {
            return Ok(answer);
        }
        match self.detect().await? {
            Some(Deployment::DataCenter) => self.send(Deployment::DataCenter, &request(Deployment::DataCenter)).await,
            Some(Deployment::Cloud) => Ok(answer),
            None if is_from_jira(&answer) => Ok(answer),
            // Nobody has looked for anything, so that nothing is "not found".
            None => Err(Error::Malformed {
                what: request(Deployment::Cloud).what.to_owned(),
                detail: format!(
                    "neither version 3 nor version 2 of Jira's API is at {}, check api_url",
                    self.site.base()
                ),
            }),
        }
    }

    /// Sends a request through the layer. Any status below 500 is an answer, but not one to nobody: when the site says
    /// that it did not recognise the credentials, that is the error, whatever the status.
    pub(super) async fn send(&self, deployment: Deployment, request: &Request<'_>) -> Result<Answer> {
        let Some(authorization) = &self.authorization else { return Err(self.no_credentials()) };
        let call = Call { what: request.what, repeat: request.repeat, right: request.right };
        let url = self.site.url(deployment, &request.path);
        let body = request.body.as_ref().map(ToString::to_string);
        let answer = self
            .channel
            .send(call, || {
                let mut built = self
                    .client
                    .request(request.method.clone(), url.clone())
                    .header(AUTHORIZATION, authorization.clone())
                    .header(ACCEPT, "application/json");
                if request.method != Method::GET {
                    // Without it Jira takes a write for one that a browser was tricked into.
                    built = built.header("x-atlassian-token", "no-check");
                }
                if let Some(body) = &body {
                    built = built.header(CONTENT_TYPE, "application/json").body(body.clone());
                }
                async { built.send().await.map(http::Response::<reqwest::Body>::from) }
            })
            .await?;
        match self.not_recognised(&answer) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }

    /// `text` without the credentials, should a server have echoed them.
    pub(super) fn redacted(&self, text: &str) -> String {
        let token = self.token.as_ref().map(|token| token.expose_secret().trim());
        let encoded = self.authorization.as_ref().and_then(|value| value.to_str().ok()?.split_once(' '));
        let secrets = token.into_iter().chain(encoded.map(|(_, encoded)| encoded)).filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "[token]"))
    }

    /// The key of an issue of this tracker, in capitals.
    pub(super) fn key(&self, ticket: &str) -> Result<String> {
        let not_found = |cure: String| {
            let shown: String = ticket.chars().take(40).collect();
            Err(Error::NotFound { what: format!("issue {shown:?} of {}", self.name), cure })
        };
        let Some((project, _)) = split_key(ticket) else {
            return not_found("an issue of Jira is named by its key, such as PROJ-1".to_owned());
        };
        match &self.project {
            Some(own) if !own.eq_ignore_ascii_case(project) => {
                not_found(format!("only issues of {own} are in this tracker"))
            }
            _ => Ok(ticket.to_ascii_uppercase()),
        }
    }

    /// The page of an issue.
    pub(super) fn page(&self, key: &str) -> String {
        format!("{}/browse/{key}", self.web_url)
    }
}

/// Project and number of the key of an issue, if it is one.
pub(super) fn split_key(key: &str) -> Option<(&str, &str)> {
    let (project, number) = key.rsplit_once('-')?;
    let is_project = project.starts_with(|c: char| c.is_ascii_alphabetic())
        && project.len() <= 255
        && project.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_number = (1..=18).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    (is_project && is_number).then_some((project, number))
}

#[async_trait]
impl Platform for Jira {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Jira
    }

    fn held_back(&self) -> Option<HeldBack> {
        self.channel.held_back()
    }

    async fn check_access(&self) -> Result<Access> {
        self.permissions().await
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

    async fn may_write(&self, who: &Account, ticket: &str) -> Result<bool> {
        self.may_edit(who, ticket).await
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

/// Basic with the account, or Bearer without one. Source: Atlassian, "Basic auth for REST APIs" (Cloud: e-mail and API
/// token) and "Personal access tokens" (Data Center: the token alone).
fn authorization(client: &reqwest::Client, base: &Url, credentials: &config::Credentials) -> Result<HeaderValue> {
    let unusable = |_| Error::Unauthorized {
        what: "the credentials for Jira cannot be sent".to_owned(),
        cure: "JIRA_EMAIL or JIRA_TOKEN contains characters that neither has, set them again".to_owned(),
    };
    let token = credentials.token.expose_secret().trim();
    let request = client.get(base.clone());
    let request = match &credentials.user {
        Some(user) => request.basic_auth(user.trim(), Some(token)),
        None => request.bearer_auth(token),
    };
    let request = request.build().map_err(|_| unusable(()))?;
    let mut value = request.headers().get(AUTHORIZATION).cloned().ok_or_else(|| unusable(()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_anything_else() {
        assert_eq!(split_key("PROJ-12"), Some(("PROJ", "12")));
        assert_eq!(split_key("a_1-0"), Some(("a_1", "0")));
        for text in
            ["", "12", "-1", "PROJ-", "PROJ-1x", "../x-1", "P J-1", "1A-1", "PROJ-1-2", "PROJ-1234567890123456789"]
        {
            assert_eq!(split_key(text), None, "{text}");
        }
    }
}
