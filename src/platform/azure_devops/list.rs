//! Listings: a query for the ids behind the last one, then the work items in batches.
//!
//! Who calls: `Platform::page`, whose pages are batches. What must stay true: the ids of Azure DevOps rise as work items
//! are created, so that the order of ids is the order of age and the last id is a place that no change can move; what
//! the query let through is compared once more here, tag by tag.

use http::StatusCode;
use serde_json::json;

use super::client::{AzureDevOps, Request};
use super::models::{Batch, ListedItem, QueryResult, parse};
use super::refusal::About;
use super::tags::labels;
use super::wiql::Query;
use crate::platform::http::Answer;
use crate::platform::{Error, Found, Listing, Page, PlannedCall, Position, Result};
use crate::ticket::{Candidate, Labels};

/// Ids that a query returns at most. Above 20,000 Azure DevOps refuses; a thousand keeps an answer near 100 kB.
const PAGE_SIZE: usize = 1_000;

/// Work items in one batch, the most that Azure DevOps gives.
const BATCH_SIZE: usize = 200;

/// What a candidate needs. The description is left out: it is the bulk of an answer.
const FIELDS: [&str; 4] = ["System.Id", "System.Title", "System.State", "System.Tags"];

/// What is left of a query: ids that it returned and that are still to be read, and where the next page of it begins.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    ids: Vec<u64>,
    /// Behind this id; `None` when the query has returned everything.
    behind: Option<u64>,
}

impl AzureDevOps {
    /// One query for up to 19 trigger tags; work items with a lifecycle tag are left out of discovery by the query
    /// itself, so that finished ones never crowd out new ones.
    ///
    /// Source: Microsoft, "Wiql - Query By Wiql" and "Work Items - Get Work Items Batch" (at most 200).
    pub(super) async fn page_of_items(&self, listing: Listing<'_>, at: &Position) -> Result<Page> {
        let queries = self.queries_of(listing);
        let Some(query) = queries.get(at.part) else { return Ok(Page::default()) };
        let mut left = Left::read(&at.mark);
        if left.ids.is_empty() {
            left = self.find(query, left.behind.unwrap_or(0), *at != Position::default()).await?;
        }
        let later = left.ids.split_off(left.ids.len().min(BATCH_SIZE));
        let now = std::mem::replace(&mut left.ids, later);
        let items = if now.is_empty() { Vec::new() } else { self.batch(&now).await? };
        let mut found: Vec<Found> = items.into_iter().map(|item| self.found(item)).collect();
        found.retain(|Found { candidate, .. }| match listing {
            Listing::Discovery(tags) => candidate.open && carries_any(&candidate.labels, tags),
            Listing::Lifecycle(state) => candidate.labels.contains(state.label()),
        });
        let next = match left {
            Left { behind: None, ids } if ids.is_empty() => at.next_part(queries.len()),
            left => Some(at.with_mark(left.written())),
        };
        Ok(Page { found, next })
    }

    /// The queries, and the batches that they make necessary.
    pub(super) fn plan_of(&self, listing: Listing<'_>) -> Vec<PlannedCall> {
        let top = PAGE_SIZE.to_string();
        let query = [("$top", top.as_str())];
        let url = |call: &str, query: &[(&str, &str)]| self.released_url(&[&self.project, "_apis", "wit", call], query);
        let queries = self.queries_of(listing);
        let asked = queries.iter().map(|one| PlannedCall::ask(url("wiql", &query), one.text(0)));
        let batches = (!queries.is_empty()).then(|| {
            let what = format!("{} of what was found, {BATCH_SIZE} work items at a time", FIELDS.join(", "));
            PlannedCall::ask(url("workitemsbatch", &[]), what)
        });
        asked.chain(batches).collect()
    }

    fn queries_of(&self, listing: Listing<'_>) -> Vec<Query> {
        match listing {
            // A project without open states has no open work items; the query could not be asked.
            Listing::Discovery(_) if self.open_states().is_empty() => Vec::new(),
            Listing::Discovery(tags) => Query::discovery(tags, self.open_states()),
            Listing::Lifecycle(state) => vec![Query::lifecycle(state, self.open_states())],
        }
    }

    /// One page of a query.
    async fn find(&self, query: &Query, behind: u64, continues: bool) -> Result<Left> {
        let what = format!("query work items of {}", self.project);
        let answer = self.send_query(&what, &query.text(behind), PAGE_SIZE, continues).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Project, &answer).await);
        }
        let found = parse::<QueryResult>(&what, &answer)?.work_items;
        let mut ids: Vec<u64> = found.into_iter().map(|item| item.id).collect();
        let is_full = ids.len() >= PAGE_SIZE;
        ids.sort_unstable();
        ids.dedup();
        let furthest = ids.last().copied().unwrap_or(0);
        match is_full {
            false => Ok(Left { ids, behind: None }),
            true if furthest <= behind => {
                Err(Error::Malformed { what, detail: format!("the page behind {behind} is not behind it") })
            }
            true => Ok(Left { ids, behind: Some(furthest) }),
        }
    }

    /// Asks a query; `top` is what it returns at most.
    pub(super) async fn send_query(&self, what: &str, text: &str, top: usize, continues: bool) -> Result<Answer> {
        let path = [self.project.as_str(), "_apis", "wit", "wiql"];
        let (top, body) = (top.to_string(), json!({ "query": text }));
        let query = [("$top", top.as_str())];
        self.send(Request { query: &query, continues, ..Request::ask(what, &path, body) }).await
    }

    async fn batch(&self, ids: &[u64]) -> Result<Vec<ListedItem>> {
        let what = format!("read {} work items of {}", ids.len(), self.project);
        let path = [self.project.as_str(), "_apis", "wit", "workitemsbatch"];
        // Without `omit` one work item that was deleted since the query would fail the whole batch.
        let body = json!({ "ids": ids, "fields": FIELDS, "errorPolicy": "omit" });
        let answer = self.send(Request { continues: true, ..Request::ask(&what, &path, body) }).await?;
        match answer.status {
            StatusCode::OK => Ok(parse::<Batch>(&what, &answer)?.value.into_iter().flatten().collect()),
            _ => Err(self.refusal(&what, About::Project, &answer).await),
        }
    }

    fn found(&self, item: ListedItem) -> Found {
        let candidate = Candidate {
            id: item.id.to_string(),
            title: item.fields.title,
            labels: labels(item.fields.tags.as_deref()),
            open: self.is_open(&item.fields.state),
            state: item.fields.state,
        };
        Found { created_at: None, number: item.id, candidate }
    }
}

impl Left {
    /// `next page;id,id,…`, each part empty when there is none of it.
    fn written(&self) -> String {
        let ids: Vec<String> = self.ids.iter().map(u64::to_string).collect();
        format!("{};{}", self.behind.map(|id| id.to_string()).unwrap_or_default(), ids.join(","))
    }

    fn read(mark: &str) -> Self {
        let (behind, ids) = mark.split_once(';').unwrap_or_default();
        Self { behind: behind.parse().ok(), ids: ids.split(',').filter_map(|id| id.parse().ok()).collect() }
    }
}

fn carries_any(labels: &Labels, tags: &[String]) -> bool {
    tags.iter().any(|tag| labels.contains(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_query_is_read_as_it_was_written() {
        for (ids, behind) in [(vec![3, 7], Some(9)), (vec![3], None), (vec![], Some(9)), (vec![], None)] {
            let left = Left { ids, behind };
            assert_eq!(Left::read(&left.written()), left);
        }
        assert_eq!(Left::read(""), Left::default());
    }
}
