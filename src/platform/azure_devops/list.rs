//! Listings: a query for the ids, page by page behind the last id, then the work items in batches.
//!
//! Who calls: `Platform::list`. What must stay true: a page or batch that fails fails the listing; the ids of Azure
//! DevOps rise as work items are created, so that the order of ids is the order of age; what the query let through is
//! compared once more here, tag by tag.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::json;

use super::client::{AzureDevOps, Request};
use super::models::{Batch, ListedItem, QueryResult, parse};
use super::refusal::About;
use super::tags::labels;
use super::wiql::Query;
use crate::platform::http::Answer;
use crate::platform::{Error, Listing, Result};
use crate::ticket::{Candidate, Labels};

/// Ids that a query returns at most. Above 20,000 Azure DevOps refuses; a thousand keeps an answer near 100 kB.
const PAGE_SIZE: usize = 1_000;

/// Pages of one query: 100,000 work items. A walk that is longer goes in circles.
const MOST_PAGES: usize = 100;

/// Work items in one batch, the most that Azure DevOps gives.
const BATCH_SIZE: usize = 200;

/// What a candidate needs. The description is left out: it is the bulk of an answer.
const FIELDS: [&str; 4] = ["System.Id", "System.Title", "System.State", "System.Tags"];

impl AzureDevOps {
    /// One query for up to 19 trigger tags; work items with a lifecycle tag are left out of discovery by the query
    /// itself, so that finished ones never crowd out new ones.
    ///
    /// Source: Microsoft, "Wiql - Query By Wiql" and "Work Items - Get Work Items Batch" (at most 200).
    pub(super) async fn list_items(&self, listing: Listing<'_>) -> Result<Vec<Candidate>> {
        let queries = match listing {
            // A project without open states has no open work items; the query could not be asked.
            Listing::Discovery(_) if self.open_states().is_empty() => Vec::new(),
            Listing::Discovery(tags) => Query::discovery(tags, self.open_states()),
            Listing::Lifecycle(state) => vec![Query::lifecycle(state, self.open_states())],
        };
        let mut ids = BTreeSet::new();
        for query in &queries {
            self.find(query, &mut ids).await?;
        }
        let ids: Vec<u64> = ids.into_iter().collect();
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH_SIZE) {
            found.extend(self.batch(batch).await?.into_iter().map(|item| self.candidate(item)));
        }
        found.retain(|candidate| match listing {
            Listing::Discovery(tags) => candidate.open && carries_any(&candidate.labels, tags),
            Listing::Lifecycle(state) => candidate.labels.contains(state.label()),
        });
        found.sort_by(|a, b| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)));
        found.dedup_by(|a, b| a.id == b.id);
        Ok(found)
    }

    async fn find(&self, query: &Query, ids: &mut BTreeSet<u64>) -> Result<()> {
        let what = format!("query work items of {}", self.project);
        let mut last = 0;
        for page in 0..MOST_PAGES {
            let continues = page > 0 || !ids.is_empty();
            let answer = self.send_query(&what, &query.text(last), PAGE_SIZE, continues).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refusal(&what, About::Project, &answer).await);
            }
            let found = parse::<QueryResult>(&what, &answer)?.work_items;
            ids.extend(found.iter().map(|item| item.id));
            let furthest = found.iter().map(|item| item.id).max().unwrap_or(0);
            match found.len() < PAGE_SIZE {
                true => return Ok(()),
                false if furthest <= last => {
                    return Err(Error::Malformed { what, detail: format!("the page behind {last} is not behind it") });
                }
                false => last = furthest,
            }
        }
        Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages of {PAGE_SIZE}") })
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

    fn candidate(&self, item: ListedItem) -> Candidate {
        Candidate {
            id: item.id.to_string(),
            title: item.fields.title,
            labels: labels(item.fields.tags.as_deref()),
            open: self.is_open(&item.fields.state),
        }
    }
}

fn carries_any(labels: &Labels, tags: &[String]) -> bool {
    tags.iter().any(|tag| labels.contains(tag))
}
