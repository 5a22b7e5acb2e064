//! Who the token is, who may write to the repository, and reactions to comments.
//!
//! Who calls: `Platform::me`, `Platform::may_write`, `Platform::react`. What must stay true: what GitHub did not say is
//! an error and never a yes.

use http::{Method, StatusCode};
use serde_json::json;

use super::client::{GitHub, Request, encode};
use super::models::{Login, Role, parse};
use super::refusal::About;
use crate::job::WriteRight;
use crate::platform::answer::Reaction;
use crate::platform::{Error, Result};
use crate::ticket::Account;

impl GitHub {
    /// Source: GitHub REST, "Get the authenticated user". The tokens of apps are no user's and are refused.
    pub(super) async fn read_me(&self) -> Result<Account> {
        let what = format!("read who the token for {} belongs to", self.name);
        let answer = self.send(Request::get(&what, "/user")).await?;
        match answer.status {
            StatusCode::OK => Ok(parse::<Login>(&what, &answer)?.account()),
            StatusCode::FORBIDDEN => Err(Error::Unauthorized {
                what: format!("{what} is forbidden"),
                cure: "an installation token of an app has no user; use a token of a user for GITHUB_TOKEN".to_owned(),
            }),
            _ => Err(self.refusal(&what, About::Repository, &answer).await),
        }
    }

    /// Source: GitHub REST, "Get repository permissions for a user". `permission` maps every role, also custom ones, to
    /// admin, write, read or none: maintain counts as write, and triage, which may label and not push, as read.
    pub(super) async fn role_allows_writing(&self, who: &Account) -> Result<bool> {
        let what = format!("read what {} may do in {}", who.id, self.name);
        let path = format!("{}/collaborators/{}/permission", self.route, encode(&who.id));
        let answer = self.send(Request::get(&what, &path)).await?;
        match answer.status {
            StatusCode::OK => Ok(matches!(parse::<Role>(&what, &answer)?.permission.as_str(), "admin" | "write")),
            // An account that is no person's, or is deleted.
            StatusCode::NOT_FOUND if answer.message().contains("is not a user") => Ok(false),
            StatusCode::FORBIDDEN => Err(Error::Unauthorized {
                what: format!("{what} is forbidden"),
                cure: "give GITHUB_TOKEN's owner write access to the repository, or name in github_trigger: \
                       allowed_actors who may give orders"
                    .to_owned(),
            }),
            _ => Err(self.refusal(&what, About::Repository, &answer).await),
        }
    }

    /// Source: GitHub REST, "Create reaction for an issue comment": 201, or 200 when it is there already.
    pub(super) async fn write_reaction(
        &self,
        right: &dyn WriteRight,
        comment: &str,
        reaction: Reaction,
    ) -> Result<bool> {
        let ticket = right.ticket().ticket.as_str();
        let what = format!("react to a comment on issue {ticket} of {}", self.name);
        let path = format!("{}/issues/comments/{}/reactions", self.route, encode(comment));
        let content = match reaction {
            Reaction::Seen => "eyes",
            Reaction::Refused => "confused",
        };
        let body = Some(json!({ "content": content }));
        let answer = self.send(Request { body, ..Request::write(&what, Method::POST, &path, right) }).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(true),
            _ => Err(self.refusal(&what, About::Issue(ticket), &answer).await),
        }
    }
}
