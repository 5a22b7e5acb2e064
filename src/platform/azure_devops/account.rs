//! Who the token is, and what can be said of others.
//!
//! Who calls: `Platform::me`, `Platform::may_write`. What must stay true: what Azure DevOps did not say is an error and
//! never a yes.

use http::StatusCode;

use super::client::{AzureDevOps, Request};
use super::models::{ConnectionData, parse};
use super::refusal::About;
use super::versions::Api;
use crate::platform::{Error, Result};
use crate::ticket::Account;

impl AzureDevOps {
    /// Source: Microsoft, "Connection Data": who the credentials belong to, in whatever scope they have. It was never
    /// released, and answers in every version as a preview.
    pub(super) async fn read_me(&self) -> Result<Account> {
        let what = format!("read who the token for {} belongs to", self.project);
        let request = Request { api: Api::Connection, ..Request::get(&what, &["_apis", "connectionData"]) };
        let answer = self.send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Project, &answer).await);
        }
        let user = parse::<ConnectionData>(&what, &answer)?.authenticated_user;
        let account = user.properties.account.map(|account| account.value).filter(|name| !name.is_empty());
        let names = [Some(user.id.clone()), user.provider_display_name].into_iter().flatten().collect();
        Ok(Account { id: account.unwrap_or(user.id), names, is_bot: false })
    }

    /// Azure DevOps evaluates permissions for whoever asks and for nobody else. Source: Microsoft, "Permissions - Has
    /// Permissions": "the caller".
    pub(super) fn cannot_tell_who_may_write(&self, who: &Account) -> Error {
        Error::Unsupported(format!(
            "Azure DevOps does not tell what {} may do in {}: name in azuredevops_trigger: allowed_actors who may give \
             orders",
            who.id, self.project
        ))
    }
}
