//! The lifecycle label of an issue: one PUT that adds the new one and removes the others, by name.
//!
//! Who calls: `Platform::transition`. What must stay true: labels of people are never written; only the list that comes
//! back is believed; every spelling of a lifecycle label goes but the one that was set.

use std::sync::PoisonError;

use gitlab::api::projects::issues::EditIssue;
use gitlab::api::projects::labels::{CreateLabel, LabelColor};
use serde::de::IgnoredAny;
use tracing::debug;

use super::client::GitLab;
use super::models::Issue;
use super::refusal::About;
use super::session::Session;
use crate::job::WriteRight;
use crate::lifecycle::Lifecycle;
use crate::platform::appearance::appearance;
use crate::platform::{Error, Result};
use crate::ticket::Labels;

/// Writes of one transition: the one, one more for other spellings, doubled labels and conflicts, and one because
/// somebody put a label back meanwhile.
const MOST_WRITES: usize = 3;

impl GitLab {
    /// Source: GitLab REST, "Update an issue": `add_labels` and `remove_labels` leave other labels alone, a label that
    /// does not exist is created, one that is not there is removed without a word. There is no version and no
    /// condition. Two writers at the same moment can leave a label twice or two labels (gitlab-org/gitlab#584385).
    /// Labels sent by somebody who may edit the issue and not label it, such as its author, are dropped in silence.
    pub(super) async fn show_lifecycle(&self, right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels> {
        let ticket = right.ticket().ticket.as_str();
        let number = self.number(ticket)?;
        if let Some(state) = to {
            self.create_label_once(right, state).await?;
        }
        let others = Lifecycle::removal_order(to).map(|state| state.label().to_owned());
        let (mut add, mut remove) = (to, others.collect::<Vec<String>>());
        for _ in 0..MOST_WRITES {
            let issue = match self.edit_labels(right, number, add, &remove).await {
                // The right is checked by the layer, which says conflict as well.
                Err(Error::Conflict(reason)) if right.is_valid() => {
                    debug!(reason, "writing labels of issue {number} of {} once more", self.path);
                    continue;
                }
                answer => answer?,
            };
            remove = wrong_ones(&issue.labels, to);
            let shown = to.is_none_or(|state| issue.labels.iter().any(|label| label == state.label()));
            if shown && remove.is_empty() {
                return Ok(issue.labels.into_iter().collect());
            }
            if !shown {
                return Err(self.no_effect(ticket, &issue));
            }
            add = None;
        }
        match (to, remove.first()) {
            (Some(_), Some(name)) => {
                Err(Error::Conflict(format!("label {name} does not go away from issue {ticket} of {}", self.path)))
            }
            (None, Some(name)) => Err(self.dropped(&format!("removing label {name} from issue {ticket}"))),
            (_, None) => Err(Error::Conflict(format!("GitLab keeps refusing a write to issue {ticket}"))),
        }
    }

    async fn edit_labels(
        &self,
        right: &dyn WriteRight,
        number: u64,
        add: Option<Lifecycle>,
        remove: &[String],
    ) -> Result<Issue> {
        let ticket = right.ticket().ticket.as_str();
        let what = match add {
            Some(state) => format!("set label {state} on issue {ticket} of {}", self.path),
            None => format!("remove lifecycle labels from issue {ticket} of {}", self.path),
        };
        let session = Session::writing(self, &what, About::Issue(ticket), right);
        let mut edit = EditIssue::builder();
        edit.project(self.path.as_str()).issue(number);
        if let Some(state) = add {
            edit.add_label(state.label());
        }
        for name in remove {
            edit.remove_label(name.as_str());
        }
        session.ask(edit.build()).await
    }

    /// Gives the project the label with colour and description, once per state and life of this tracker. GitLab would
    /// create it by itself, blue and unexplained; so a refusal is no reason to stop. 409 means that it is there.
    async fn create_label_once(&self, right: &dyn WriteRight, state: Lifecycle) -> Result<()> {
        if self.known_labels.lock().unwrap_or_else(PoisonError::into_inner).contains(&state) {
            return Ok(());
        }
        let what = format!("create label {state} in {}", self.path);
        let session = Session::writing(self, &what, About::Project, right);
        let (color, description) = appearance(state);
        let mut label = CreateLabel::builder();
        label.project(self.path.as_str()).name(state.label()).color(LabelColor::from(color)).description(description);
        match session.ask::<IgnoredAny, _, _>(label.build()).await {
            Err(Error::Transport(reason)) => {
                debug!(error = reason, "label {state} of {} is left to GitLab to create", self.path);
                return Ok(());
            }
            Err(error @ (Error::RateLimited { .. } | Error::Moved { .. })) => return Err(error),
            Err(error) if !right.is_valid() => return Err(error),
            Err(reason) => debug!(%reason, "label {state} of {} was not created", self.path),
            Ok(_) => {}
        }
        self.known_labels.lock().unwrap_or_else(PoisonError::into_inner).insert(state);
        Ok(())
    }

    fn no_effect(&self, ticket: &str, issue: &Issue) -> Error {
        match issue.moved_to_id.filter(|_| !issue.is_open()) {
            Some(id) => self.moved(About::Issue(ticket), format!("another project, as issue id {id}")),
            None => self.dropped(&format!("labelling issue {ticket}")),
        }
    }

    pub(super) fn dropped(&self, what: &str) -> Error {
        Error::Unauthorized {
            what: format!("{what} of {} had no effect", self.path),
            cure: "the owner of GITLAB_TOKEN needs the role Planner or higher in the project (Reporter before GitLab \
                   17.7)"
                .to_owned(),
        }
    }
}

/// The lifecycle labels that must go, each in the spelling it has on the issue. Another spelling of the one that was
/// set is another label to GitLab.
fn wrong_ones(labels: &[String], to: Option<Lifecycle>) -> Vec<String> {
    let target = to.map(Lifecycle::label);
    let wrong = |label: &&String| Lifecycle::from_label(label).is_some() && Some(label.as_str()) != target;
    labels.iter().filter(wrong).cloned().collect()
}
