//! The lifecycle label of an issue: one update that adds and removes by name, believed when the issue was read again.
//!
//! Who calls: `Platform::transition`. What must stay true: labels of people are never written; every spelling of a
//! lifecycle label is removed; an update that was accepted is never reported as refused.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Jira, Request};
use super::models::{LabelledIssue, parse};
use super::refusal::About;
use crate::job::WriteRight;
use crate::lifecycle::Lifecycle;
use crate::platform::http::Repeat;
use crate::platform::{Error, Result};
use crate::ticket::Labels;

/// Updates of one transition: the usual one, one for spellings that only the reading shows, and one more because
/// somebody put a label back meanwhile.
const MOST_UPDATES: usize = 3;

impl Jira {
    /// Source: Jira REST, "Edit issue": `update` with `add` and `remove` leaves other labels alone, adding a present
    /// label and removing an absent one does nothing; the answer is 204. Two requests for a usual transition.
    pub(super) async fn show_lifecycle(&self, right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels> {
        let key = self.key(&right.ticket().ticket)?;
        let target = to.map(Lifecycle::label);
        let mut others: Vec<String> = Lifecycle::removal_order(to).map(|state| state.label().to_owned()).collect();
        for _ in 0..MOST_UPDATES {
            self.update_labels(right, &key, target, &others).await?;
            self.be_patient().await;
            let what = format!("the change of labels of issue {key}");
            let labels = Self::unverified(&what, self.labels_of(&key).await)?;
            let is_other = |label: &&String| Lifecycle::from_label(label).is_some() && Some(label.as_str()) != target;
            others = labels.iter().filter(is_other).cloned().collect();
            let is_shown = target.is_none_or(|target| labels.iter().any(|label| label == target));
            if others.is_empty() && is_shown {
                return Ok(labels.into_iter().collect());
            }
        }
        Err(Error::Conflict(format!("somebody keeps changing the labels of issue {key}")))
    }

    async fn update_labels(
        &self,
        right: &dyn WriteRight,
        key: &str,
        add: Option<&str>,
        remove: &[String],
    ) -> Result<()> {
        let what = match add {
            Some(label) => format!("add label {label} to issue {key} of {}", self.name),
            None => format!("remove the lifecycle labels of issue {key} of {}", self.name),
        };
        let added = add.into_iter().map(|label| json!({ "add": label }));
        let removed = remove.iter().map(|label| json!({ "remove": label }));
        let operations: Value = added.chain(removed).collect();
        let body = json!({ "update": { "labels": operations } });
        let answer = self
            .write(key, right, |_| Request {
                what: &what,
                method: Method::PUT,
                path: format!("issue/{key}"),
                body: Some(body.clone()),
                repeat: Repeat::Safe,
                right: Some(right),
            })
            .await?;
        match answer.status {
            StatusCode::NO_CONTENT | StatusCode::OK => Ok(()),
            _ => Err(self.refusal(&what, About::Labels(key), &answer).await),
        }
    }

    async fn labels_of(&self, key: &str) -> Result<Vec<String>> {
        let what = format!("read labels of issue {key} of {}", self.name);
        let answer = self.ask(|_| Request::get(&what, format!("issue/{key}?fields=labels"))).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Issue(key), &answer).await);
        }
        let issue: LabelledIssue = parse(&what, &answer)?;
        self.still_there(key, &issue.key)?;
        Ok(issue.fields.labels.unwrap_or_default())
    }
}
