//! Who the token is, because Jira answers strangers politely.
//!
//! Most of Jira may be called by anybody: with a token that is wrong or has expired a search finds nothing with status
//! 200, and an issue is 404. Who calls: listings, before they are believed; refusals, before they say "not found". What
//! must stay true: silence is never taken for "no tickets" for longer than [`BELIEVED_FOR`] after the token expired.

use std::time::Duration;

use http::StatusCode;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::client::{Jira, Request};
use super::models::parse;
use super::refusal::About;
use crate::platform::http::Answer;
use crate::platform::{Error, Result};

/// How long a listing relies on what the site said of the token. API tokens live up to a year; ten minutes cost six
/// requests an hour.
pub(super) const BELIEVED_FOR: Duration = Duration::from_secs(600);

/// How long a refusal relies on it: a burst of refusals asks once.
pub(super) const DOUBTED_AFTER: Duration = Duration::from_secs(10);

impl Jira {
    /// Makes sure that the site knew the token within the last `within`; asks when that is longer ago.
    ///
    /// Source: Jira REST, "Get current user": 401 for anybody it does not know.
    ///
    /// # Errors
    /// `Unauthorized` when the site does not know it; anything else when it cannot be found out.
    pub(super) async fn identify(&self, within: Duration) -> Result<()> {
        // Held while asking, so that two listings at once ask once.
        let mut identified_at = self.identified_at.lock().await;
        if identified_at.is_some_and(|at| at.elapsed() < within) {
            return Ok(());
        }
        let asked_at = Instant::now();
        let what = format!("read who the token is for {}", self.name);
        let answer = self.ask(|_| Request::get(&what, "myself")).await?;
        match answer.status {
            StatusCode::OK => drop(parse::<std::collections::HashMap<String, IgnoredAny>>(&what, &answer)?),
            // The gateway knows the token and lets it do other things.
            _ if lacks_scope(&answer) => {}
            _ => {
                *identified_at = None;
                return Err(self.refusal_itself(&what, About::Site, &answer));
            }
        }
        *identified_at = Some(asked_at);
        Ok(())
    }

    /// The error for an answer that was given to nobody although we sent credentials. Sources: Atlassian, "Cookie-based
    /// auth" (`X-Seraph-LoginReason`) and field reports on `X-AUSERNAME`; neither is on every answer.
    pub(super) fn not_recognised(&self, answer: &Answer) -> Option<Error> {
        let reason = answer.header("x-seraph-loginreason").unwrap_or_default();
        if reason.contains("AUTHENTICATION_DENIED") {
            return Some(Error::Unauthorized {
                what: format!("Jira has locked the account for {} after failed logins", self.name),
                cure: format!("sign in once with a browser to answer the CAPTCHA, then check {}", self.variables()),
            });
        }
        let is_nobody = reason.contains("AUTHENTICATED_FAILED") || answer.header("x-ausername") == Some("anonymous");
        is_nobody.then(|| self.unknown_token())
    }

    /// Source: Atlassian, "Basic auth for REST APIs", "Personal access tokens".
    pub(super) fn unknown_token(&self) -> Error {
        let cure = if self.is_bearer {
            "JIRA_TOKEN is wrong or has expired; a site in Jira Cloud needs JIRA_EMAIL besides it"
        } else {
            "JIRA_EMAIL and JIRA_TOKEN do not belong together, or the token was revoked or has expired: set valid ones"
        };
        Error::Unauthorized {
            what: format!("Jira does not accept the credentials for {}", self.name),
            cure: cure.to_owned(),
        }
    }

    /// The environment does not have them.
    pub(super) fn no_credentials(&self) -> Error {
        Error::Unauthorized {
            what: format!("no credentials for {}", self.name),
            cure: "JIRA_EMAIL or JIRA_TOKEN is not set: set both (Data Center: JIRA_TOKEN alone), with access to the \
                   issues"
                .to_owned(),
        }
    }

    /// The variables the credentials come from.
    pub(super) fn variables(&self) -> &'static str {
        if self.is_bearer { "JIRA_TOKEN" } else { "JIRA_EMAIL and JIRA_TOKEN" }
    }
}

/// True for the gateway's "scope does not match": the token is good and too weak for this call.
pub(super) fn lacks_scope(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        && answer.message().to_lowercase().contains("scope does not match")
}
