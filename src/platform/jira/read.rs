//! Reads one issue as it is now. Who calls: `Platform::read`.

use http::StatusCode;
use serde_json::Value;

use super::client::{Jira, Request};
use super::models::{Issue, parse};
use super::plain_text;
use super::refusal::About;
use crate::platform::{Error, Result};
use crate::ticket::Ticket;

impl Jira {
    /// One request. Source: Jira REST, "Get issue": "if the issue was moved, it is returned under its new key".
    pub(super) async fn read_issue(&self, ticket: &str) -> Result<Ticket> {
        let key = self.key(ticket)?;
        let what = format!("read issue {key} of {}", self.name);
        let path = format!("issue/{key}?fields=summary,description,status,labels");
        let answer = self.ask(|_| Request::get(&what, &path)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Issue(&key), &answer).await);
        }
        let issue: Issue = parse(&what, &answer)?;
        self.still_there(&key, &issue.key)?;
        Ok(Ticket {
            title: issue.fields.summary.unwrap_or_default(),
            body: match issue.fields.description {
                None | Some(Value::Null) => String::new(),
                // Data Center: wiki markup is what its author wrote.
                Some(Value::String(text)) => text,
                Some(document) => plain_text::of(&document),
            },
            labels: issue.fields.labels.unwrap_or_default().into_iter().collect(),
            open: issue.fields.status.is_open(),
            state: issue.fields.status.name,
            url: self.page(&issue.key),
            id: issue.key,
        })
    }

    /// An error when the issue that was asked for by `key` is `now` another one.
    pub(super) fn still_there(&self, key: &str, now: &str) -> Result<()> {
        if now.eq_ignore_ascii_case(key) {
            return Ok(());
        }
        Err(Error::Moved {
            what: format!("issue {key} of {}", self.name),
            to: self.page(&self.redacted(now).chars().take(200).collect::<String>()),
            cure: "it belongs to another project now, or the project has a new key".to_owned(),
        })
    }
}
