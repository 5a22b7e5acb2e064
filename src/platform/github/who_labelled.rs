//! Who put a label on an issue.
//!
//! Who calls: `Platform::who_labelled`. What must stay true: one request unless an issue has more than a hundred events;
//! of several additions the latest counts, whatever order a server lists them in.

use http::StatusCode;
use tokio::time::sleep;

use super::client::{GitHub, Request};
use super::models::{Authored, IssueEvent, Login, parse};
use super::pages::{PAGE_SIZE, linked_page};
use super::refusal::About;
use crate::platform::Result;
use crate::platform::http::Answer;
use crate::platform::labelling::{HISTORY_LAG, History, Labelling};
use crate::ticket::{Account, same_label};

/// Pages that are looked through, from the end where the server says where that is: a thousand events.
const MOST_PAGES: usize = 10;

/// Who did something and is no more, as GitHub shows that everywhere else.
const GHOST: &str = "ghost";

impl GitHub {
    /// Source: GitHub REST, "List issue events": oldest first, counted pages, `labeled` with `actor` and `label`. A label
    /// that an issue was opened with is an event as well; for an issue without one its author counts.
    pub(super) async fn latest_labelling(&self, ticket: &str, labels: &[&str]) -> Result<Option<Labelling>> {
        let what = format!("read who labelled issue {ticket} of {}", self.name);
        let mut history = self.label_history(&what, ticket, labels).await?;
        if history.as_ref().is_some_and(History::lags) {
            sleep(HISTORY_LAG).await;
            history = self.label_history(&what, ticket, labels).await?;
        }
        // Too long to be read to its end.
        let Some(history) = history else { return Ok(None) };
        if let Some(labelling) = history.addition() {
            return Ok(labelling.clone());
        }
        let answer = self.answered(&what, ticket, &self.issue_route(ticket)?).await?;
        let author = account(parse::<Authored>(&what, &answer)?.user);
        Ok(Labelling::from_the_start(labels, Some(author)))
    }

    /// From the last page backwards, where the server says which one that is. `None`: there is no end to it.
    async fn label_history(&self, what: &str, ticket: &str, labels: &[&str]) -> Result<Option<History>> {
        let path = format!("{}/events?per_page={PAGE_SIZE}", self.issue_route(ticket)?);
        let first = self.answered(what, ticket, &path).await?;
        let last = linked_page(what, "last", &self.base, &first)?;
        let (relation, mut answer) = match &last {
            Some(path) => ("prev", self.answered(what, ticket, path).await?),
            None => ("next", first),
        };
        let mut history = History::default();
        for _ in 0..MOST_PAGES {
            for event in parse::<Vec<IssueEvent>>(what, &answer)? {
                event.noted_in(&mut history, labels);
            }
            let is_found = last.is_some() && history.addition().is_some();
            match linked_page(what, relation, &self.base, &answer)? {
                Some(path) if !is_found => answer = self.answered(what, ticket, &path).await?,
                _ => return Ok(Some(history)),
            }
        }
        Ok(None)
    }

    async fn answered(&self, what: &str, ticket: &str, path: &str) -> Result<Answer> {
        let answer = self.send(Request::get(what, path)).await?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            _ => Err(self.refusal(what, About::Issue(ticket), &answer).await),
        }
    }
}

impl IssueEvent {
    fn noted_in(self, history: &mut History, labels: &[&str]) {
        let Some(name) = self.label.map(|label| label.name) else { return };
        let Some(label) = labels.iter().find(|label| same_label(label, &name)) else { return };
        match self.event.as_str() {
            "labeled" => {
                history.came(self.id, Some(Labelling { label: (*label).to_owned(), by: account(self.actor) }));
            }
            "unlabeled" => history.went(self.id),
            _ => {}
        }
    }
}

/// An account that was deleted is null.
fn account(user: Option<Login>) -> Account {
    user.map_or_else(|| Account { id: GHOST.to_owned(), ..Account::default() }, Login::account)
}
