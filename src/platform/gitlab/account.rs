//! Who the token is, which accounts are programs, who may write to the project, and reactions to comments.
//!
//! Who calls: `Platform::me`, `Platform::may_write`, `Platform::react`. What must stay true: what GitLab did not say is
//! an error and never a yes.

use gitlab::api::projects::issues::notes::awards::CreateIssueNoteAward;
use gitlab::api::projects::members::AllProjectMember;
use gitlab::api::users::CurrentUser;
use serde::de::IgnoredAny;

use super::client::GitLab;
use super::models::{Member, User};
use super::refusal::About;
use super::session::Session;
use crate::job::WriteRight;
use crate::platform::answer::Reaction;
use crate::platform::{Error, Result};
use crate::ticket::Account;

/// The role Developer, the lowest that may push. Source: GitLab REST, "Members".
const DEVELOPER: u64 = 30;

impl GitLab {
    /// Source: GitLab REST, "Get the current user".
    pub(super) async fn read_me(&self) -> Result<Account> {
        let what = format!("read who the token for {} belongs to", self.path);
        let session = Session::reading(self, &what, About::Project);
        Ok(session.ask::<User, _, _>(CurrentUser::builder().build()).await?.account())
    }

    /// Source: GitLab REST, "Get a member of a project, including inherited and invited members": 404 for everybody
    /// else.
    pub(super) async fn role_allows_writing(&self, who: &Account) -> Result<bool> {
        let what = format!("read what user {} may do in {}", who.id, self.path);
        let Ok(user) = who.id.parse::<u64>() else {
            let cure = "name in gitlab_trigger: allowed_actors who may give orders".to_owned();
            return Err(Error::Malformed { what, detail: format!("it has no number: {cure}") });
        };
        let session = Session::reading(self, &what, About::Project);
        let mut member = AllProjectMember::builder();
        match session.ask::<Member, _, _>(member.project(self.path.as_str()).user(user).build()).await {
            Ok(member) => Ok(member.access_level >= DEVELOPER),
            // No member; if it is not the project that is missing.
            Err(Error::NotFound { .. }) => self.project_access().await.map(|_| false),
            Err(error) => Err(error),
        }
    }

    /// Source: GitLab REST, "Add an emoji reaction to a comment": 404 says as well that it is there already, which is as
    /// good.
    pub(super) async fn write_reaction(
        &self,
        right: &dyn WriteRight,
        comment: &str,
        reaction: Reaction,
    ) -> Result<bool> {
        let ticket = right.ticket().ticket.as_str();
        let (number, what) = (self.number(ticket)?, format!("react to a comment on issue {ticket} of {}", self.path));
        let Ok(note) = comment.parse::<u64>() else { return Ok(false) };
        let session = Session::writing(self, &what, About::Issue(ticket), right);
        let name = match reaction {
            Reaction::Seen => "eyes",
            Reaction::Refused => "confused",
        };
        let mut award = CreateIssueNoteAward::builder();
        award.project(self.path.as_str()).issue(number).note(note).name(name);
        match session.ask::<IgnoredAny, _, _>(award.build()).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(self.read_issue(ticket).await.is_ok()),
            Err(error) => Err(error),
        }
    }
}

/// The user names that GitLab gives to the accounts behind project tokens, group tokens and service accounts:
/// `project_42_bot_9d01…`, `group_7_bot1`, `service_account_group_345_…`.
pub fn is_program(username: &str) -> bool {
    let numbered = |prefix: &str| {
        let rest = username.strip_prefix(prefix).unwrap_or_default();
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < rest.len() && after.starts_with("_bot")
    };
    numbered("project_") || numbered("group_") || username.starts_with("service_account_")
}
