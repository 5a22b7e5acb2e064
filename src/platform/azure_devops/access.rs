//! Whether the token is good and the project visible, in one request.
//!
//! Who calls: `Platform::check_access`, at the start and when a project is new.

use http::StatusCode;

use super::client::AzureDevOps;
use super::models::{QueryResult, parse};
use super::refusal::About;
use super::wiql::Query;
use crate::lifecycle::Lifecycle;
use crate::platform::{Access, Result};

impl AzureDevOps {
    /// The smallest query that there is: it needs exactly what a listing needs, also of a token that may not read
    /// projects. Nothing in Azure DevOps tells whether a token may write, so that every write is checked.
    pub(super) async fn project_access(&self) -> Result<Access> {
        let what = format!("query work items of {}", self.project);
        let query = Query::lifecycle(Lifecycle::Pending, self.open_states());
        let answer = self.send_query(&what, &query.text(0), 1, false).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Project, &answer).await);
        }
        parse::<QueryResult>(&what, &answer)?;
        Ok(Access { summary: format!("{} at {}", self.project, self.web_url), warning: None })
    }
}
