//! Opens or closes an issue. Who calls: `Platform::set_status`.

use http::{Method, StatusCode};
use serde_json::json;

use super::client::{GitHub, Request};
use super::refusal::About;
use crate::job::WriteRight;
use crate::platform::status::{StatusChange, is_open_word, two_words};
use crate::platform::{Error, Result};

impl GitHub {
    /// Source: GitHub REST, "Update an issue". Without the right to write the answer is 200 and nothing has changed.
    pub(super) async fn move_issue(&self, right: &dyn WriteRight, status: &str) -> Result<StatusChange> {
        let Some(open) = is_open_word(status) else { return Ok(two_words(status, "GitHub")) };
        let ticket = right.ticket().ticket.as_str();
        if self.read_issue(ticket).await?.open == open {
            return Ok(StatusChange::AlreadyThere);
        }
        let (route, word) = (self.issue_route(ticket)?, if open { "open" } else { "closed" });
        let what = format!("set issue {ticket} of {} to {word}", self.name);
        let body = json!({ "state": word, "state_reason": if open { "reopened" } else { "completed" } });
        let request = Request { body: Some(body), ..Request::write(&what, Method::PATCH, &route, right) };
        let answer = self.send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Issue(ticket), &answer).await);
        }
        match self.read_issue(ticket).await?.open == open {
            true => Ok(StatusChange::Moved),
            false => Err(Error::Unauthorized {
                what: format!("{what} had no effect"),
                cure: "GITHUB_TOKEN's owner needs the role triage or higher".to_owned(),
            }),
        }
    }
}
