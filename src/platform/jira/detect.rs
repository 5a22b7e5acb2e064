//! Finds out which Jira a site is.
//!
//! Who calls: the client, when version 3 of the API is not there. What must stay true: a site that does not say what it
//! is, is asked again and not guessed at.

use http::StatusCode;

use super::client::{Jira, Request};
use super::deployment::Deployment;
use super::models::{ServerInfo, parse};
use crate::platform::Result;

impl Jira {
    /// Asks the site what it is; `None` when it does not say. Both kinds answer this in version 2, to anybody.
    ///
    /// Source: Jira REST, "Get server info": `deploymentType` is `Cloud`, or `Server` (also for Data Center); before
    /// Jira 7 it is absent.
    pub(super) async fn detect(&self) -> Result<Option<Deployment>> {
        let what = format!("find out which Jira {} is", self.name);
        let answer = self.send(Deployment::DataCenter, &Request::get(&what, "serverInfo")).await?;
        if answer.status != StatusCode::OK {
            return Ok(None);
        }
        let Ok(info) = parse::<ServerInfo>(&what, &answer) else { return Ok(None) };
        let is_cloud = info.deployment_type.is_some_and(|kind| kind.eq_ignore_ascii_case("cloud"));
        let deployment = if is_cloud { Deployment::Cloud } else { Deployment::DataCenter };
        self.site.learn(deployment);
        Ok(Some(deployment))
    }
}
