//! Who put a label on an issue.
//!
//! Who calls: `Platform::who_labelled`. What must stay true: one request unless an issue has more than a hundred label
//! events, and then the newest first; of several additions the latest counts.

use gitlab::api::projects::issues::{Issue, IssueResourceLabelEvents};
use tokio::time::sleep;

use super::client::GitLab;
use super::models::{Authored, LabelEvent, User};
use super::refusal::About;
use super::session::Session;
use crate::platform::Result;
use crate::platform::labelling::{HISTORY_LAG, History, Labelling};
use crate::ticket::same_label;

/// Pages that are looked through, from the end where the server says where that is: a thousand label events.
const MOST_PAGES: usize = 10;

impl GitLab {
    /// Source: GitLab REST, "Resource label events": since 11.1; a label that an issue was created with is an event as
    /// well, and for an issue without one its author counts. A label that was deleted meanwhile is null.
    pub(super) async fn latest_labelling(&self, ticket: &str, labels: &[&str]) -> Result<Option<Labelling>> {
        let what = format!("read who labelled issue {ticket} of {}", self.path);
        let number = self.number(ticket)?;
        let session = Session::reading(self, &what, About::Issue(ticket));
        let mut history = self.label_history(&session, number, labels).await?;
        if history.as_ref().is_some_and(History::lags) {
            sleep(HISTORY_LAG).await;
            history = self.label_history(&session, number, labels).await?;
        }
        // Too long to be read to its end.
        let Some(history) = history else { return Ok(None) };
        if let Some(labelling) = history.addition() {
            return Ok(labelling.clone());
        }
        let issue: Authored = session.ask(Issue::builder().project(self.path.as_str()).issue(number).build()).await?;
        Ok(Labelling::from_the_start(labels, issue.author.map(User::account)))
    }

    /// `None`: there is no end to it.
    async fn label_history(&self, session: &Session<'_>, number: u64, labels: &[&str]) -> Result<Option<History>> {
        let mut endpoint = IssueResourceLabelEvents::builder();
        endpoint.project(self.path.as_str()).issue(number);
        let (mut history, mut pages, mut is_found) = (History::default(), 0, false);
        let visit = |page: Vec<LabelEvent>, is_backwards: bool| {
            page.into_iter().for_each(|event| event.noted_in(&mut history, labels));
            pages += 1;
            is_found = is_backwards && history.addition().is_some();
            !is_found && pages < MOST_PAGES
        };
        session.walk_back(&session.built(endpoint.build())?, visit).await?;
        Ok((is_found || pages < MOST_PAGES).then_some(history))
    }
}

impl LabelEvent {
    fn noted_in(self, history: &mut History, labels: &[&str]) {
        let Some(name) = self.label.map(|label| label.name) else { return };
        let Some(label) = labels.iter().find(|label| same_label(label, &name)) else { return };
        match self.action.as_str() {
            "add" => {
                let by = self.user.map(User::account);
                history.came(self.id, by.map(|by| Labelling { label: (*label).to_owned(), by }));
            }
            "remove" => history.went(self.id),
            _ => {}
        }
    }
}
