//! Whether the token is good, the repository visible and its issues writable, in one request.
//!
//! Who calls: `Platform::check_access`, at the start and when a project is new.

use http::StatusCode;

use super::client::{GitHub, Request};
use super::models::{Permissions, Repository, parse};
use super::refusal::About;
use crate::platform::{Access, Error, Result};

impl GitHub {
    /// Source: GitHub REST, "Get a repository". `permissions` are those of the token's owner; what a fine-grained token
    /// itself may do shows only in a write, so that every write is checked as well.
    pub(super) async fn repository_access(&self) -> Result<Access> {
        let what = format!("read repository {}", self.name);
        let answer = self.send(Request::get(&what, &self.route)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Repository, &answer).await);
        }
        let repository: Repository = parse(&what, &answer)?;
        let unusable = |what: String, cure: &str| Err(Error::Unauthorized { what, cure: cure.to_owned() });
        if repository.archived {
            return unusable(format!("{} is archived and read-only", self.name), "unarchive it or remove the project");
        }
        if repository.has_issues == Some(false) {
            return unusable(
                format!("issues of {} are switched off", self.name),
                "enable them in the repository's settings",
            );
        }
        let warning = match &repository.permissions {
            Some(may) if may.can_label() => None,
            // A role that may read and not label is a fact; no role at all is how the token of an app looks.
            Some(may) if may.pull => {
                return unusable(
                    format!("the owner of the token may not label issues of {}", self.name),
                    "give GITHUB_TOKEN's owner the role triage or higher, or use another token",
                );
            }
            Some(_) => Some("GitHub does not say whether the token may label issues, the first write will tell"),
            None => None,
        };
        let summary = format!("{} at {}", repository.full_name, self.web_url);
        Ok(Access { summary, warning: warning.map(str::to_owned) })
    }
}

impl Permissions {
    fn can_label(&self) -> bool {
        self.triage || self.push || self.maintain || self.admin
    }
}
