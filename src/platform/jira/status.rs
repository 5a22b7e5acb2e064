//! Moves an issue through its workflow. Who calls: `Platform::set_status`.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::client::{Jira, Request};
use super::models::{Status, parse};
use super::refusal::About;
use super::sayings::said;
use crate::job::WriteRight;
use crate::platform::Result;
use crate::platform::http::Repeat;
use crate::platform::status::StatusChange;

/// What an issue may do next.
#[derive(Debug, Deserialize)]
struct Transitions {
    transitions: Vec<Transition>,
}

#[derive(Debug, Deserialize)]
struct Transition {
    id: String,
    to: Status,
}

impl Jira {
    /// The name of the status counts, not that of the transition. Source: Jira REST, "Get transitions" and "Transition
    /// issue": 204; 400 when a field is missing that the transition asks for.
    pub(super) async fn move_issue(&self, right: &dyn WriteRight, status: &str) -> Result<StatusChange> {
        let key = self.key(&right.ticket().ticket)?;
        let same = |name: &str| name.trim().to_lowercase() == status.trim().to_lowercase();
        if same(&self.read_issue(&key).await?.state) {
            return Ok(StatusChange::AlreadyThere);
        }
        let what = format!("read the transitions of issue {key} of {}", self.name);
        let path = format!("issue/{key}/transitions");
        self.be_patient().await;
        let answer = self.ask(|_| Request::get(&what, &path)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Issue(&key), &answer).await);
        }
        let Transitions { transitions } = parse(&what, &answer)?;
        let possible: Vec<String> = transitions.iter().map(|one| self.redacted(&one.to.name)).collect();
        let Some(transition) = transitions.iter().find(|one| same(&one.to.name)) else {
            let reason = match possible.is_empty() {
                true => format!("JIRA_TOKEN's owner may not move issue {key}, or its workflow ends here"),
                false => format!("no transition leads from where issue {key} is to `{status}`"),
            };
            return Ok(StatusChange::Impossible { reason, possible });
        };
        let what = format!("move issue {key} of {} to {status}", self.name);
        let body = json!({ "transition": { "id": transition.id } });
        let answer = self
            .write(&key, right, |_| Request {
                what: &what,
                method: Method::POST,
                path: path.clone(),
                body: Some(body.clone()),
                repeat: Repeat::OnlyUnsent,
                right: Some(right),
            })
            .await?;
        match answer.status {
            StatusCode::NO_CONTENT | StatusCode::OK => Ok(StatusChange::Moved),
            StatusCode::BAD_REQUEST => {
                let reason = format!("Jira refuses the transition: {}", self.redacted(&said(&answer)));
                Ok(StatusChange::Impossible { reason, possible: Vec::new() })
            }
            _ => Err(self.refusal(&what, About::Issue(&key), &answer).await),
        }
    }
}
