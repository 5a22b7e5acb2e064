//! Whether the credentials are good, the project visible and its issues writable, in one request.
//!
//! Who calls: `Platform::check_access`, at the start and when a project is new. Only an answer that leaves a question
//! costs more than the one request.

use http::StatusCode;

use super::client::{Jira, Request};
use super::identity::DOUBTED_AFTER;
use super::list::encoded;
use super::models::{Permissions, parse};
use super::refusal::About;
use crate::platform::{Access, Error, Result};

const BROWSE: &str = "BROWSE_PROJECTS";
const EDIT: &str = "EDIT_ISSUES";
const COMMENT: &str = "ADD_COMMENTS";

impl Jira {
    /// Source: Jira REST, "Get my permissions": of one project, or "in any project" without one. Strangers get an
    /// answer too, with nothing allowed.
    pub(super) async fn permissions(&self) -> Result<Access> {
        let what = format!("read the permissions for {}", self.name);
        let project = self.project.as_deref().map(|key| format!("&projectKey={}", encoded(key))).unwrap_or_default();
        let path = format!("mypermissions?permissions={BROWSE},{EDIT},{COMMENT}{project}");
        let answer = self.ask(|_| Request::get(&what, &path)).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return self.untold().await,
            _ => return Err(self.refusal(&what, About::Project, &answer).await),
        }
        let told: Permissions = parse(&what, &answer)?;
        let may = |key: &str| told.permissions.get(key).map(|permission| permission.have_permission);
        if may(BROWSE) == Some(false) || may(EDIT) == Some(false) {
            self.identify(DOUBTED_AFTER).await?;
            return Err(self.not_permitted(may(BROWSE) == Some(false)));
        }
        let warning = match (may(EDIT), may(COMMENT)) {
            (None, _) => Some("Jira does not say whether the account may edit issues, the first write will tell"),
            (_, Some(false)) => {
                Some("the account may not comment (permission Add Comments): results show as labels alone")
            }
            _ => None,
        };
        Ok(self.access(warning))
    }

    fn access(&self, warning: Option<&str>) -> Access {
        Access { summary: self.name.clone(), warning: warning.map(str::to_owned) }
    }

    fn not_permitted(&self, cannot_browse: bool) -> Error {
        if cannot_browse {
            let cure = "check its key (project) and give the account of JIRA_TOKEN the permission Browse Projects";
            return Error::NotFound { what: self.name.clone(), cure: cure.to_owned() };
        }
        Error::Unauthorized {
            what: format!("the account of {} may not edit issues of {}", self.variables(), self.name),
            cure: "give it the permission Edit Issues".to_owned(),
        }
    }

    /// No such project, or a site that cannot tell permissions: the project itself decides.
    async fn untold(&self) -> Result<Access> {
        self.identify(DOUBTED_AFTER).await?;
        if let Some(project) = self.project.as_deref() {
            self.check_key(project).await?;
        }
        Ok(self.access(Some("Jira does not tell what the account may do, the first write will")))
    }
}
