//! Who put a label on an issue.
//!
//! Who calls: `Platform::who_labelled`. What must stay true: one request unless an issue has more than a hundred changes,
//! or had its label from the start; the newest changes are looked through first; of several additions the latest counts.

use http::StatusCode;

use super::client::{Jira, Request};
use super::deployment::Deployment;
use super::models::{ChangelogPage, History, HistoryItem, IssueHistory, User, parse};
use super::refusal::About;
use crate::platform::Result;
use crate::platform::http::Answer;
use crate::platform::labelling::{Labelling, added};

/// Changes on one page, the most that Cloud gives.
const PAGE_SIZE: usize = 100;
/// Pages that are looked through: a thousand changes.
const MOST_PAGES: usize = 10;

impl Jira {
    /// A label that an issue was created with is in no change: then its creator counts.
    pub(super) async fn latest_labelling(&self, ticket: &str, labels: &[&str]) -> Result<Option<Labelling>> {
        let key = self.key(ticket)?;
        let what = format!("read who labelled issue {key} of {}", self.name);
        // Which of the two it is shows in the first answer of a site.
        let first = self
            .ask(|deployment| {
                Request::get(
                    &what,
                    match deployment {
                        Deployment::Cloud => changes_at(&key, 0),
                        Deployment::DataCenter => format!("issue/{key}?fields=creator&expand=changelog"),
                    },
                )
            })
            .await?;
        let first = self.answered(&what, &key, first).await?;
        match self.site.known() {
            Some(Deployment::DataCenter) => {
                let issue: IssueHistory = parse(&what, &first)?;
                self.still_there(&key, &issue.key)?;
                let found = latest(&issue.changelog.unwrap_or_default().histories, labels);
                Ok(found.unwrap_or_else(|| from_the_start(issue.fields.creator, labels)))
            }
            _ => self.in_pages(&what, &key, parse(&what, &first)?, labels).await,
        }
    }

    /// Source: Jira Cloud REST, "Get changelogs": oldest first, at most a hundred on a page, with their number.
    async fn in_pages(
        &self,
        what: &str,
        key: &str,
        first: ChangelogPage,
        labels: &[&str],
    ) -> Result<Option<Labelling>> {
        let mut start = first.total.saturating_sub(1) / PAGE_SIZE * PAGE_SIZE;
        for _ in 1..MOST_PAGES {
            if start == 0 {
                if let Some(found) = latest(&first.values, labels) {
                    return Ok(found);
                }
                let answer = self.ask(|_| Request::get(what, format!("issue/{key}?fields=creator"))).await?;
                let issue: IssueHistory = parse(what, &self.answered(what, key, answer).await?)?;
                return Ok(from_the_start(issue.fields.creator, labels));
            }
            let answer = self.ask(|_| Request::get(what, changes_at(key, start))).await?;
            let page: ChangelogPage = parse(what, &self.answered(what, key, answer).await?)?;
            if let Some(found) = latest(&page.values, labels) {
                return Ok(found);
            }
            start = start.saturating_sub(PAGE_SIZE);
        }
        Ok(None)
    }

    async fn answered(&self, what: &str, key: &str, answer: Answer) -> Result<Answer> {
        match answer.status {
            StatusCode::OK => Ok(answer),
            _ => Err(self.refusal(what, About::Issue(key), &answer).await),
        }
    }
}

fn changes_at(key: &str, start: usize) -> String {
    format!("issue/{key}/changelog?startAt={start}&maxResults={PAGE_SIZE}")
}

fn from_the_start(creator: Option<User>, labels: &[&str]) -> Option<Labelling> {
    Labelling::from_the_start(labels, creator.and_then(User::known))
}

/// The last change that brought one of these labels; `Some(None)` when it does not say whose it was.
fn latest(changes: &[History], labels: &[&str]) -> Option<Option<Labelling>> {
    changes.iter().rev().find_map(|change| {
        let label = change.items.iter().find_map(|item| item.brought(labels))?.to_owned();
        let by = change.author.clone().and_then(User::known);
        Some(by.map(|by| Labelling { label, by }))
    })
}

impl HistoryItem {
    /// All labels are one text: labels have no spaces.
    fn brought<'a>(&self, labels: &[&'a str]) -> Option<&'a str> {
        let is_labels =
            self.field_id.as_deref().or(self.field.as_deref()).is_some_and(|it| it.eq_ignore_ascii_case("labels"));
        let [before, after] = [&self.from_string, &self.to_string]
            .map(|text| text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>());
        added(labels, &before, &after).filter(|_| is_labels)
    }
}
