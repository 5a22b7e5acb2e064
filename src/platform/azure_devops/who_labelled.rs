//! Who put a tag on a work item.
//!
//! Who calls: `Platform::who_labelled`. What must stay true: one request unless a work item has more than two hundred
//! updates, and then the newest first; of several additions the latest counts.

use http::StatusCode;

use super::client::{AzureDevOps, Request};
use super::models::{Identity, Update, Updates, parse};
use super::refusal::About;
use super::tags::labels as tags_of;
use crate::platform::Result;
use crate::platform::labelling::{Labelling, added};
use crate::ticket::Account;

/// Updates on one page, the most that are given at once.
const PAGE_SIZE: u64 = 200;
/// Pages that are looked through: two thousand updates.
const MOST_PAGES: u64 = 10;

impl AzureDevOps {
    /// Source: Microsoft, "Updates - List": what changed and `revisedBy`, oldest first; the first one is the creation. They
    /// are about as many as the revision says, which was just read.
    pub(super) async fn latest_labelling(&self, ticket: &str, labels: &[&str]) -> Result<Option<Labelling>> {
        let id = self.item_id(ticket)?;
        let newest = self.known_revision(id).unwrap_or_default().saturating_sub(1) / PAGE_SIZE * PAGE_SIZE;
        // To the end first: there may be more of them than revisions.
        let (mut latest, mut at_the_end, mut skip) = (None, false, newest);
        for _ in 0..MOST_PAGES {
            let updates = self.updates(id, skip).await?;
            at_the_end = (updates.len() as u64) < PAGE_SIZE;
            latest = latest_in(updates, labels).or(latest);
            skip += PAGE_SIZE;
            if at_the_end {
                break;
            }
        }
        let mut skip = newest;
        for _ in 1..MOST_PAGES {
            if latest.is_some() || skip == 0 {
                break;
            }
            skip -= PAGE_SIZE;
            latest = latest_in(self.updates(id, skip).await?, labels);
        }
        Ok(latest.flatten().filter(|_| at_the_end))
    }

    async fn updates(&self, id: u64, skip: u64) -> Result<Vec<Update>> {
        let (what, number) = (format!("read who tagged work item {id} of {}", self.project), id.to_string());
        let path = [self.project.as_str(), "_apis", "wit", "workItems", &number, "updates"];
        let (size, skip) = (PAGE_SIZE.to_string(), skip.to_string());
        let query = [("$top", size.as_str()), ("$skip", skip.as_str())];
        let answer = self.send(Request { query: &query, continues: true, ..Request::get(&what, &path) }).await?;
        match answer.status {
            StatusCode::OK => Ok(parse::<Updates>(&what, &answer)?.value),
            _ => Err(self.refusal(&what, About::Item(id), &answer).await),
        }
    }
}

/// The last update that brought one of these tags; `Some(None)` when it does not say whose it was.
fn latest_in(updates: Vec<Update>, labels: &[&str]) -> Option<Option<Labelling>> {
    updates.into_iter().rev().find_map(|update| {
        let tags = update.fields?.tags?;
        let (before, after) = (tags_of(tags.old_value.as_deref()), tags_of(tags.new_value.as_deref()));
        let (before, after): (Vec<&str>, Vec<&str>) = (before.iter().collect(), after.iter().collect());
        let label = added(labels, &before, &after)?.to_owned();
        Some(update.revised_by.and_then(Identity::account).map(|by| Labelling { label, by }))
    })
}

impl Identity {
    /// The account, unless nothing says who it is. What kind of account it is shows in the descriptor.
    ///
    /// Source: Microsoft, "Graph - Users": the subject types `svc` (build services and the like), `aadsp` (service
    /// principals and managed identities) and `s2s` (Azure DevOps itself).
    fn account(self) -> Option<Account> {
        let is_bot = self
            .descriptor
            .as_deref()
            .is_some_and(|descriptor| ["svc.", "aadsp.", "s2s."].iter().any(|kind| descriptor.starts_with(kind)));
        let some = |name: Option<String>| name.filter(|name| !name.is_empty());
        let (unique_name, guid) = (some(self.unique_name), some(self.id));
        let id = unique_name.or_else(|| guid.clone())?;
        // The first of the names is the one that people see.
        Some(Account { id, names: some(self.display_name).into_iter().chain(guid).collect(), is_bot })
    }
}
