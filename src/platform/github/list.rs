//! Listings: page after page of label after label, oldest first, unchanged pages for free.
//!
//! Who calls: `Platform::page`. What must stay true: requests go one after the other, as GitHub asks; pull requests,
//! which GitHub lists among issues, are left out. A position is a label and the path of the next page as GitHub gave it.

use std::sync::Arc;

use http::StatusCode;

use super::client::{GitHub, Request, encode};
use super::models::{ListedIssue, label_set, parse};
use super::pages::{CachedPage, PAGE_SIZE, next_page};
use super::refusal::About;
use crate::platform::http::Answer;
use crate::platform::{Found, Listing, Page, PlannedCall, Position, Result};
use crate::ticket::Candidate;

impl GitHub {
    /// Discovery asks once per trigger label, because several labels in one call must all be present. A lifecycle
    /// listing asks for closed tickets as well and marks them: one that was closed while it ran still shows its state.
    ///
    /// Source: GitHub REST, "List repository issues"; a 304 does not count against the quota.
    pub(super) async fn page_of_issues(&self, listing: Listing<'_>, at: &Position) -> Result<Page> {
        let (labels, state) = query_of(listing);
        if *at == Position::default() {
            self.pages.begin_listing();
        }
        let Some(label) = labels.get(at.part) else { return Ok(Page::default()) };
        let what = format!("list issues of {} labelled {label}", self.name);
        let path = if at.mark.is_empty() { self.first_page(label, state) } else { at.mark.clone() };
        let page = self.known_or_fresh(&what, &path).await?;
        let found = page.found.iter().filter(|found| state == "all" || found.candidate.open).cloned().collect();
        let next = match &page.next {
            Some(path) => Some(at.with_mark(path)),
            None => at.next_part(labels.len()),
        };
        Ok(Page { found, next })
    }

    /// One call per label.
    pub(super) fn plan_of(&self, listing: Listing<'_>) -> Vec<PlannedCall> {
        let (labels, state) = query_of(listing);
        labels.iter().map(|label| PlannedCall::get(self.url(&self.first_page(label, state)))).collect()
    }

    /// Path and query of the first page of a label.
    fn first_page(&self, label: &str, state: &str) -> String {
        let (route, label) = (&self.route, encode(label));
        format!("{route}/issues?labels={label}&state={state}&per_page={PAGE_SIZE}&sort=created&direction=asc")
    }

    async fn known_or_fresh(&self, what: &str, path: &str) -> Result<Arc<CachedPage>> {
        let cached = self.pages.get(path);
        let unless = cached.as_ref().map(|(tag, _)| tag.as_str());
        let answer = self.send(Request { unless, ..Request::get(what, path) }).await?;
        match (answer.status, cached) {
            (StatusCode::OK, _) => {}
            (StatusCode::NOT_MODIFIED, Some((tag, page))) => return self.unchanged(what, path, &answer, &tag, page),
            _ => return Err(self.refusal(what, About::Issues, &answer).await),
        }
        let issues: Vec<ListedIssue> = parse(what, &answer)?;
        let next = next_page(what, &self.base, &answer)?;
        // The tag covers the body and not the link to the next page: a full last page looks unchanged after a next
        // page has appeared behind it, so that it must be read whole each time.
        let may_grow = next.is_none() && issues.len() >= PAGE_SIZE;
        let page = Arc::new(CachedPage { found: found(issues), next });
        self.pages.put(path, answer.header("etag").filter(|_| !may_grow), &page);
        Ok(page)
    }

    /// A page whose body is as we know it. A link that came along counts more than the one we remember.
    fn unchanged(
        &self,
        what: &str,
        path: &str,
        answer: &Answer,
        tag: &str,
        page: Arc<CachedPage>,
    ) -> Result<Arc<CachedPage>> {
        let next = next_page(what, &self.base, answer)?;
        if next.is_none() || next == page.next {
            return Ok(page);
        }
        let page = Arc::new(CachedPage { found: page.found.clone(), next });
        self.pages.put(path, Some(tag), &page);
        Ok(page)
    }
}

/// The labels that are asked for one after the other, and the state in which tickets are wanted.
fn query_of(listing: Listing<'_>) -> (Vec<&str>, &'static str) {
    match listing {
        Listing::Discovery(labels) => (labels.iter().map(String::as_str).collect(), "open"),
        Listing::Lifecycle(state) => (vec![state.label()], "all"),
    }
}

fn found(issues: Vec<ListedIssue>) -> Vec<Found> {
    let tickets = issues.into_iter().filter(|issue| issue.pull_request.is_none());
    tickets
        .map(|issue| {
            let candidate = Candidate {
                id: issue.number.to_string(),
                title: issue.title,
                labels: label_set(issue.labels),
                open: issue.state == "open",
                state: issue.state,
            };
            Found { created_at: issue.created_at, number: issue.number, candidate }
        })
        .collect()
}
