//! Whether the token is good, the project visible and its issues writable, in one request.
//!
//! Who calls: `Platform::check_access`, at the start and when a project is new.

use gitlab::api::projects::Project as ProjectEndpoint;

use super::client::GitLab;
use super::models::{Permissions, Project};
use super::refusal::About;
use super::session::Session;
use crate::platform::{Access, Error, Result};

/// The role Planner, the lowest that may label issues. Reporter, 20, is the lowest where Planner does not exist.
/// Source: GitLab REST, "Members", and "Permissions and roles".
const PLANNER: u64 = 15;

impl GitLab {
    /// Source: GitLab REST, "Get a single project". `permissions` are those of the token's owner; the scope of the token
    /// shows only in a write, so that every write is checked as well.
    pub(super) async fn project_access(&self) -> Result<Access> {
        let what = format!("read project {}", self.path);
        let session = Session::reading(self, &what, About::Project);
        let project: Project = session.ask(ProjectEndpoint::builder().project(self.path.as_str()).build()).await?;
        let unusable = |what: String, cure: &str| Err(Error::Unauthorized { what, cure: cure.to_owned() });
        if project.archived {
            return unusable(format!("{} is archived and read-only", self.path), "unarchive it or remove the project");
        }
        if project.issues_access_level.as_deref() == Some("disabled") {
            return unusable(
                format!("issues of {} are switched off", self.path),
                "enable them in the project's settings under Visibility, project features, permissions",
            );
        }
        let warning = match project.permissions.as_ref().and_then(Permissions::access_level) {
            Some(level) if level >= PLANNER => None,
            Some(_) => {
                return unusable(
                    format!("the owner of the token may not label issues of {}", self.path),
                    "give GITLAB_TOKEN's owner the role Planner or higher (Reporter before GitLab 17.7), or use another \
                     token",
                );
            }
            None => Some("GitLab does not say which role the token has, the first write will tell"),
        };
        let summary = format!("{} at {}", project.path_with_namespace, self.web_url);
        Ok(Access { summary, warning: warning.map(str::to_owned) })
    }
}
