//! Opens or closes an issue. Who calls: `Platform::set_status`.

use gitlab::api::projects::issues::{EditIssue, IssueStateEvent};

use super::client::GitLab;
use super::models::Issue;
use super::refusal::About;
use super::session::Session;
use crate::job::WriteRight;
use crate::platform::Result;
use crate::platform::status::{StatusChange, is_open_word, two_words};

impl GitLab {
    /// Source: GitLab REST, "Update an issue": `state_event`.
    pub(super) async fn move_issue(&self, right: &dyn WriteRight, status: &str) -> Result<StatusChange> {
        let Some(open) = is_open_word(status) else { return Ok(two_words(status, "GitLab")) };
        let ticket = right.ticket().ticket.as_str();
        if self.read_issue(ticket).await?.open == open {
            return Ok(StatusChange::AlreadyThere);
        }
        let what = format!("{} issue {ticket} of {}", if open { "reopen" } else { "close" }, self.path);
        let session = Session::writing(self, &what, About::Issue(ticket), right);
        let mut edit = EditIssue::builder();
        edit.project(self.path.as_str()).issue(self.number(ticket)?);
        edit.state_event(if open { IssueStateEvent::Reopen } else { IssueStateEvent::Close });
        let issue: Issue = session.ask(edit.build()).await?;
        match issue.is_open() == open {
            true => Ok(StatusChange::Moved),
            false => Err(self.dropped(&what)),
        }
    }
}
