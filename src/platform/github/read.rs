//! Reads one issue as it is now. Who calls: `Platform::read`.

use http::StatusCode;

use super::client::{GitHub, Request};
use super::models::{Issue, label_set, parse};
use super::refusal::About;
use crate::platform::{Error, Result};
use crate::ticket::Ticket;

impl GitHub {
    /// One request. Source: GitHub REST, "Get an issue": 301 means transferred, 410 deleted; a pull request is an issue
    /// with the key `pull_request`.
    pub(super) async fn read_issue(&self, ticket: &str) -> Result<Ticket> {
        let path = self.issue_route(ticket)?;
        let what = format!("read issue {ticket} of {}", self.name);
        let answer = self.send(Request::get(&what, &path)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Issue(ticket), &answer).await);
        }
        let issue: Issue = parse(&what, &answer)?;
        if issue.pull_request.is_some() {
            return Err(Error::NotFound {
                what: format!("issue {ticket} of {}", self.name),
                cure: "it is a pull request, and only issues are tickets".to_owned(),
            });
        }
        Ok(Ticket {
            id: issue.number.to_string(),
            title: issue.title,
            body: issue.body.unwrap_or_default(),
            labels: label_set(issue.labels),
            open: issue.state == "open",
            state: issue.state,
            url: issue.html_url,
        })
    }
}
