//! Who the token is, and who may edit an issue.
//!
//! Who calls: `Platform::me`, `Platform::may_write`. What must stay true: what Jira did not say is an error and never a
//! yes. Jira has no reactions to comments that a program could give.

use http::StatusCode;

use super::client::{Jira, Request};
use super::deployment::Deployment;
use super::list::encoded;
use super::models::{User, parse};
use super::refusal::About;
use crate::platform::{Error, Result};
use crate::ticket::Account;

/// Data Center finds users by the beginning of their name; more than these with one beginning are not looked through.
const MOST_ALIKE: usize = 1_000;

impl Jira {
    /// Source: Jira REST, "Get current user": 401 for anybody it does not know.
    pub(super) async fn read_me(&self) -> Result<Account> {
        let what = format!("read who the token is for {}", self.name);
        let answer = self.ask(|_| Request::get(&what, "myself")).await?;
        match answer.status {
            StatusCode::OK => parse::<User>(&what, &answer)?.account(&what),
            _ => Err(self.refusal_itself(&what, About::Site, &answer)),
        }
    }

    /// Source: Jira REST, "Find users with permissions": asking for others needs Administer Projects or Administer
    /// Jira; without it the answer is 403.
    pub(super) async fn may_edit(&self, who: &Account, ticket: &str) -> Result<bool> {
        let key = self.key(ticket)?;
        let what = format!("read whether {} may edit {key}", who.id);
        let answer = self
            .ask(|deployment| {
                let user = match deployment {
                    Deployment::Cloud => "accountId",
                    Deployment::DataCenter => "username",
                };
                let query = format!("permissions=EDIT_ISSUES&issueKey={key}&{user}={}", encoded(&who.id));
                Request::get(&what, format!("user/permission/search?{query}&maxResults={MOST_ALIKE}"))
            })
            .await?;
        match answer.status {
            StatusCode::OK => {
                let found: Vec<User> = parse(&what, &answer)?;
                Ok(found.iter().any(|user| user.is(&who.id)))
            }
            StatusCode::FORBIDDEN => Err(Error::Unauthorized {
                what: format!("{what} is forbidden"),
                cure: format!(
                    "give the account of {} the permission Administer Projects, or name in jira_trigger: \
                     allowed_actors who may give orders",
                    self.variables()
                ),
            }),
            _ => Err(self.refusal(&what, About::Issue(&key), &answer).await),
        }
    }
}

impl User {
    fn account(self, what: &str) -> Result<Account> {
        let nameless = || Error::Malformed { what: what.to_owned(), detail: "a user without a name".to_owned() };
        self.known().ok_or_else(nameless)
    }

    /// The account, unless nothing says who it is.
    pub(super) fn known(self) -> Option<Account> {
        let is_bot = self.account_type.as_deref() == Some("app");
        let names = [self.account_id, self.name, self.key, self.display_name, self.email_address];
        let mut names = names.into_iter().flatten().filter(|name| !name.is_empty());
        Some(Account { id: names.next()?, names: names.collect(), is_bot })
    }

    fn is(&self, id: &str) -> bool {
        self.account_id.as_deref() == Some(id) || self.name.as_deref() == Some(id)
    }
}
