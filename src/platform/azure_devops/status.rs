//! Moves a work item to a state. Who calls: `Platform::set_status`.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::client::{AzureDevOps, Request, Seen};
use super::models::{Item, parse, said};
use super::refusal::{About, is_stale};
use crate::job::WriteRight;
use crate::platform::status::StatusChange;
use crate::platform::{Error, Result};

/// Revisions that one move tries to write on; see `transition`.
const MOST_ATTEMPTS: usize = 6;

/// The states of a type of work items.
#[derive(Debug, Deserialize)]
struct States {
    value: Vec<State>,
}

#[derive(Debug, Deserialize)]
struct State {
    name: String,
}

impl AzureDevOps {
    /// Source: Microsoft, "Work Items - Update". A state that the type does not have, or that a rule forbids, is refused
    /// with 400 and RuleValidationException.
    pub(super) async fn move_item(&self, right: &dyn WriteRight, status: &str) -> Result<StatusChange> {
        let id = self.item_id(&right.ticket().ticket)?;
        let (what, number) = (format!("move work item {id} of {} to {status}", self.project), id.to_string());
        let path = [self.project.as_str(), "_apis", "wit", "workitems", &number];
        for attempt in 0..MOST_ATTEMPTS {
            let item = self.item(id, attempt > 0).await?;
            if item.fields.state.to_lowercase() == status.to_lowercase() {
                return Ok(StatusChange::AlreadyThere);
            }
            let patch = json!([
                { "op": "test", "path": "/rev", "value": item.rev },
                { "op": "add", "path": "/fields/System.State", "value": status },
            ]);
            let request = Request::patch(&what, &path, patch, right);
            let answer = self.send(Request { continues: true, ..request }).await?;
            if is_stale(&answer) {
                continue;
            }
            return match answer.status {
                StatusCode::OK => {
                    let item: Item = parse(&what, &answer)?;
                    self.saw(id, Seen { rev: item.rev, tags: item.fields.tags });
                    Ok(StatusChange::Moved)
                }
                StatusCode::BAD_REQUEST if said(&answer).type_key.starts_with("RuleValidation") => {
                    let reason = self.redacted(&answer.message());
                    let possible = self.states_of(item.fields.kind.as_deref().unwrap_or_default()).await;
                    Ok(StatusChange::Impossible { reason, possible })
                }
                _ => Err(self.refusal(&what, About::Item(id), &answer).await),
            };
        }
        Err(Error::Conflict(format!("somebody keeps changing work item {id} of {}", self.project)))
    }

    /// What a type of work items knows; nothing when that cannot be found out. Source: Microsoft, "Work Item Type States -
    /// List".
    async fn states_of(&self, kind: &str) -> Vec<String> {
        let what = format!("read the states of {kind} in {}", self.project);
        let path = [self.project.as_str(), "_apis", "wit", "workitemtypes", kind, "states"];
        let answer = self.send(Request { continues: true, ..Request::get(&what, &path) }).await;
        let states = answer.ok().filter(|answer| answer.status == StatusCode::OK);
        let states = states.and_then(|answer| parse::<States>(&what, &answer).ok());
        states.into_iter().flat_map(|states| states.value).map(|state| state.name).collect()
    }
}
