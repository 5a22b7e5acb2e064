//! The lifecycle label of an issue: add the new one, delete the others, believe only the list that comes back.
//!
//! Who calls: `Platform::transition`. What must stay true: there is no moment without a lifecycle label on the way from
//! one to another; labels of people are never written; the right is asked before each write.

use std::sync::PoisonError;

use http::{Method, StatusCode};
use serde_json::json;
use tracing::debug;

use super::client::{GitHub, Request, encode};
use super::models::{Label, label_set, parse};
use super::pages::PAGE_SIZE;
use super::refusal::About;
use crate::job::WriteRight;
use crate::lifecycle::Lifecycle;
use crate::platform::appearance::appearance;
use crate::platform::{Error, Result};
use crate::ticket::Labels;

/// Deletions of one transition: each lifecycle label once, and once more because somebody put it back meanwhile.
const MOST_DELETIONS: usize = 2 * Lifecycle::ALL.len();

impl GitHub {
    /// Source: GitHub REST, "Add labels to an issue" (adds, idempotent, returns the whole list) and "Remove a label
    /// from an issue" (404 when it is not there). Both answer 200 without doing anything when the token may not label.
    pub(super) async fn show_lifecycle(&self, right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels> {
        let ticket = right.ticket().ticket.as_str();
        let route = format!("{}/labels", self.issue_route(ticket)?);
        let mut labels = match to {
            Some(state) => self.add_label(right, &route, state).await?,
            None => self.issue_labels(ticket, &route).await?,
        };
        for _ in 0..MOST_DELETIONS {
            let Some((state, name)) = next_to_remove(&labels, to) else { break };
            labels = self.delete_label(right, &route, &name).await?;
            if labels.get(state.label()).is_some_and(|still| still == name) {
                return Err(self.dropped(&format!("removing label {name} from issue {ticket}")));
            }
        }
        if let Some((_, name)) = next_to_remove(&labels, to) {
            return Err(Error::Conflict(format!("somebody keeps adding label {name} to issue {ticket}")));
        }
        match to.filter(|state| !labels.contains(state.label())) {
            Some(state) => {
                Err(Error::Conflict(format!("somebody removed label {state} from issue {ticket} meanwhile")))
            }
            None => Ok(labels),
        }
    }

    async fn add_label(&self, right: &dyn WriteRight, route: &str, state: Lifecycle) -> Result<Labels> {
        self.create_label_once(right, state).await?;
        let ticket = right.ticket().ticket.as_str();
        let what = format!("add label {state} to issue {ticket} of {}", self.name);
        let body = Some(json!({ "labels": [state.label()] }));
        let answer = self.send(Request { body, ..Request::write(&what, Method::POST, route, right) }).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Issue(ticket), &answer).await);
        }
        let labels = label_set(parse::<Vec<Label>>(&what, &answer)?);
        match labels.contains(state.label()) {
            true => Ok(labels),
            false => Err(self.dropped(&format!("adding label {state} to issue {ticket}"))),
        }
    }

    async fn issue_labels(&self, ticket: &str, route: &str) -> Result<Labels> {
        let what = format!("read labels of issue {ticket} of {}", self.name);
        // An issue carries 100 labels at most: one page.
        let answer = self.send(Request::get(&what, &format!("{route}?per_page={PAGE_SIZE}"))).await?;
        match answer.status {
            StatusCode::OK => Ok(label_set(parse::<Vec<Label>>(&what, &answer)?)),
            _ => Err(self.refusal(&what, About::Issue(ticket), &answer).await),
        }
    }

    /// Deletes one label, in the spelling it has on the issue; returns what remains.
    async fn delete_label(&self, right: &dyn WriteRight, route: &str, name: &str) -> Result<Labels> {
        let ticket = right.ticket().ticket.as_str();
        let what = format!("remove label {name} from issue {ticket} of {}", self.name);
        let path = format!("{route}/{}", encode(name));
        let answer = self.send(Request::write(&what, Method::DELETE, &path, right)).await?;
        match answer.status {
            StatusCode::OK => Ok(label_set(parse::<Vec<Label>>(&what, &answer)?)),
            // Somebody else took it away, which is what we wanted, or the issue is gone, which the read will say.
            StatusCode::NOT_FOUND => self.issue_labels(ticket, route).await,
            _ => Err(self.refusal(&what, About::Issue(ticket), &answer).await),
        }
    }

    /// Gives the repository the label with colour and description, once per state and life of this tracker. GitHub
    /// would create it by itself, grey and unexplained; so a refusal is no reason to stop.
    async fn create_label_once(&self, right: &dyn WriteRight, state: Lifecycle) -> Result<()> {
        if self.known_labels.lock().unwrap_or_else(PoisonError::into_inner).contains(&state) {
            return Ok(());
        }
        let what = format!("create label {state} in {}", self.name);
        let ((red, green, blue), description) = appearance(state);
        let color = format!("{red:02x}{green:02x}{blue:02x}");
        let body = Some(json!({ "name": state.label(), "color": color, "description": description }));
        let path = format!("{}/labels", self.route);
        let answer = match self.send(Request { body, ..Request::write(&what, Method::POST, &path, right) }).await {
            Ok(answer) => answer,
            Err(Error::Transport(reason)) => {
                debug!(error = reason, "label {state} of {} is left to GitHub to create", self.name);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        // 201 created, 422 there already; anything else will not be different next time.
        debug!(status = answer.status.as_u16(), "label {state} of {} looked after", self.name);
        self.known_labels.lock().unwrap_or_else(PoisonError::into_inner).insert(state);
        Ok(())
    }

    fn dropped(&self, what: &str) -> Error {
        Error::Unauthorized {
            what: format!("{what} of {} had no effect", self.name),
            cure: "the token needs Issues: write, and its owner needs the role triage or higher in the repository"
                .to_owned(),
        }
    }
}

/// The next lifecycle label that must go, with its spelling on the issue.
fn next_to_remove(labels: &Labels, to: Option<Lifecycle>) -> Option<(Lifecycle, String)> {
    Lifecycle::removal_order(to).find_map(|state| Some((state, labels.get(state.label())?.to_owned())))
}
