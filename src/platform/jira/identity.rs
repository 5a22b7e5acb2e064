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
use super::sayings::lacks_scope;
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

    /// The error for an answer that is not a success. Strangers are told "not found" as well, so that the token is
    /// looked at before that is said.
    pub(super) async fn refusal(&self, what: &str, about: About<'_>, answer: &Answer) -> Error {
        let may_be_a_stranger =
            matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        if may_be_a_stranger
            && !lacks_scope(answer)
            && let Err(unknown @ Error::Unauthorized { .. }) = self.identify(DOUBTED_AFTER).await
        {
            return unknown;
        }
        self.refusal_itself(what, about, answer)
    }
}
