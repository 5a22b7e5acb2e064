//! Listings: all pages, oldest first, unchanged pages for free.
//!
//! Who calls: `Platform::list`. What must stay true: a page that fails fails the listing; requests go one after the
//! other, as GitHub asks; pull requests, which GitHub lists among issues, are left out.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;

use super::client::{GitHub, Request, encode};
use super::models::{ListedIssue, label_set, parse};
use super::pages::{MOST_PAGES, PAGE_SIZE, Page, next_page};
use super::refusal::About;
use crate::platform::http::Answer;
use crate::platform::{Error, Listing, Result};
use crate::ticket::Candidate;

type Dated = (Option<DateTime<Utc>>, Candidate);

impl GitHub {
    /// Discovery asks once per trigger label, because several labels in one call must all be present. A lifecycle
    /// listing asks for closed tickets as well and marks them: one that was closed while it ran still shows its state.
    ///
    /// Source: GitHub REST, "List repository issues"; a 304 does not count against the quota.
    pub(super) async fn list_issues(&self, listing: Listing<'_>) -> Result<Vec<Candidate>> {
        let (labels, state): (Vec<&str>, _) = match listing {
            Listing::Discovery(labels) => (labels.iter().map(String::as_str).collect(), "open"),
            Listing::Lifecycle(state) => (vec![state.label()], "all"),
        };
        self.pages.begin_listing();
        let mut found: HashMap<String, Dated> = HashMap::new();
        for label in labels {
            for (created_at, candidate) in self.list_label(label, state).await? {
                found.insert(candidate.id.clone(), (created_at, candidate));
            }
        }
        let mut found: Vec<Dated> = found.into_values().collect();
        found.retain(|(_, candidate)| state == "all" || candidate.open);
        // Numbers have no leading zeros, so that the shorter one is the smaller one.
        found.sort_by(|(a_time, a), (b_time, b)| (a_time, a.id.len(), &a.id).cmp(&(b_time, b.id.len(), &b.id)));
        Ok(found.into_iter().map(|(_, candidate)| candidate).collect())
    }

    async fn list_label(&self, label: &str, state: &str) -> Result<Vec<Dated>> {
        let what = format!("list issues of {} labelled {label}", self.name);
        let mut next = Some(format!(
            "{}/issues?labels={}&state={state}&per_page={PAGE_SIZE}&sort=created&direction=asc",
            self.route,
            encode(label)
        ));
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(path) = next else { return Ok(found) };
            let page = self.page(&what, &path).await?;
            found.extend(page.candidates.iter().cloned());
            next = page.next.clone();
        }
        match next {
            None => Ok(found),
            Some(_) => Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") }),
        }
    }

    async fn page(&self, what: &str, path: &str) -> Result<Arc<Page>> {
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
        let page = Arc::new(Page { candidates: candidates(issues), next });
        self.pages.put(path, answer.header("etag").filter(|_| !may_grow), &page);
        Ok(page)
    }

    /// A page whose body is as we know it. A link that came along counts more than the one we remember.
    fn unchanged(&self, what: &str, path: &str, answer: &Answer, tag: &str, page: Arc<Page>) -> Result<Arc<Page>> {
        let next = next_page(what, &self.base, answer)?;
        if next.is_none() || next == page.next {
            return Ok(page);
        }
        let page = Arc::new(Page { candidates: page.candidates.clone(), next });
        self.pages.put(path, Some(tag), &page);
        Ok(page)
    }
}

fn candidates(issues: Vec<ListedIssue>) -> Vec<Dated> {
    let tickets = issues.into_iter().filter(|issue| issue.pull_request.is_none());
    tickets
        .map(|issue| {
            let candidate = Candidate {
                id: issue.number.to_string(),
                title: issue.title,
                labels: label_set(issue.labels),
                open: issue.state == "open",
            };
            (issue.created_at, candidate)
        })
        .collect()
}
