//! Reads one issue as it is now. Who calls: `Platform::read`.

use gitlab::api::projects::issues::Issue as IssueEndpoint;

use super::client::GitLab;
use super::models::Issue;
use super::refusal::About;
use super::session::Session;
use crate::platform::Result;
use crate::ticket::Ticket;

impl GitLab {
    /// One request. Source: GitLab REST, "Single project issue"; tasks, incidents and tickets are issues here. One that
    /// was moved to another project stays behind, closed, with `moved_to_id`.
    pub(super) async fn read_issue(&self, ticket: &str) -> Result<Ticket> {
        let number = self.number(ticket)?;
        let what = format!("read issue {ticket} of {}", self.path);
        let session = Session::reading(self, &what, About::Issue(ticket));
        let issue: Issue =
            session.ask(IssueEndpoint::builder().project(self.path.as_str()).issue(number).build()).await?;
        if let Some(id) = issue.moved_to_id.filter(|_| !issue.is_open()) {
            return Err(self.moved(About::Issue(ticket), format!("another project, as issue id {id}")));
        }
        Ok(Ticket {
            id: issue.iid.to_string(),
            open: issue.is_open(),
            title: issue.title,
            body: issue.description.unwrap_or_default(),
            labels: issue.labels.into_iter().collect(),
            state: issue.state,
            url: issue.web_url,
        })
    }
}
