//! Listings: page after page of every spelling of every label, oldest first.
//!
//! Who calls: `Platform::page`. What must stay true: requests go one after the other; merge requests never appear, tasks
//! and incidents do, and so do confidential issues that the token may see. A position is a label, one of its spellings
//! and the query of the next page as GitLab gave it. A server that counts pages moves later tickets up when earlier ones
//! leave the set: those are found when the walk begins anew.

use std::borrow::Cow;

use gitlab::api::common::SortOrder;
use gitlab::api::endpoint_prelude::Method;
use gitlab::api::projects::issues::{IssueOrderBy, IssueState, Issues};
use gitlab::api::{Endpoint, QueryParams};

use super::client::GitLab;
use super::models::{ListedIssue, is_open};
use super::pages::Paging;
use super::refusal::About;
use super::session::Session;
use crate::lifecycle::Lifecycle;
use crate::platform::{Found, Listing, Page, PlannedCall, Position, Result};
use crate::ticket::Candidate;

/// Between the spelling and the query in a position; no label has one.
const SEPARATOR: char = '\n';

/// The crate's listing of issues, and what its builder cannot say.
struct Labelled<'a> {
    issues: Issues<'a>,
    /// Tickets that carry any of these are left out; empty for none.
    without: String,
}

impl Endpoint for Labelled<'_> {
    fn method(&self) -> Method {
        self.issues.method()
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.issues.endpoint()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = self.issues.parameters();
        if !self.without.is_empty() {
            parameters.push("not[labels]", &self.without);
        }
        parameters
    }
}

/// What a listing asks for.
struct Query<'a> {
    /// One after the other.
    labels: Vec<&'a str>,
    open_only: bool,
    without: String,
}

impl<'a> Query<'a> {
    fn of(listing: Listing<'a>) -> Self {
        match listing {
            Listing::Discovery(labels) => {
                Self { labels: labels.iter().map(String::as_str).collect(), open_only: true, without: past_waiting() }
            }
            Listing::Lifecycle(state) => {
                let open_only = state == Lifecycle::Pending;
                Self { labels: vec![state.label()], open_only, without: String::new() }
            }
        }
    }
}

impl GitLab {
    /// Discovery asks once per trigger label, because several labels in one call must all be present, and leaves out
    /// what is queued, running or finished. Tickets that wait are asked for open ones only. A listing of another state
    /// asks for closed tickets as well and marks them: one that was closed while it ran still shows its state.
    ///
    /// Source: GitLab REST, "List project issues".
    pub(super) async fn page_of_issues(&self, listing: Listing<'_>, at: &Position) -> Result<Page> {
        let Query { labels, open_only, without } = Query::of(listing);
        let Some(label) = labels.get(at.part) else { return Ok(Page::default()) };
        // Looked up at the first page and behind the last one, and not for each.
        let spellings = if at.mark.is_empty() { self.spellings_of(label).await? } else { Vec::new() };
        let (spelling, query) = at.mark.split_once(SEPARATOR).unwrap_or((label, ""));
        let (issues, next) = self.page_of_label(spelling, open_only, &without, query).await?;
        let next = match next {
            Some(query) => Some(at.with_mark(format!("{spelling}{SEPARATOR}{query}"))),
            None => {
                let spellings = if spellings.is_empty() { self.spellings_of(label).await? } else { spellings };
                match spellings.iter().skip_while(|one| *one != spelling).nth(1) {
                    Some(spelling) => Some(at.with_mark(format!("{spelling}{SEPARATOR}"))),
                    None => at.next_part(labels.len()),
                }
            }
        };
        let found = issues.into_iter().map(found).filter(|found| found.candidate.open || !open_only).collect();
        Ok(Page { found, next })
    }

    /// The look-up of each label's spellings, which is asked again every five minutes, and a call per spelling that is
    /// known.
    pub(super) fn plan_of(&self, listing: Listing<'_>) -> Vec<PlannedCall> {
        let Query { labels, open_only, without } = Query::of(listing);
        let session = Session::reading(self, "plan", About::Issues);
        let mut urls = Vec::new();
        for label in labels {
            urls.push(self.lookup_of(&session, label).and_then(|lookup| session.first_url(&lookup, Paging::Counted)));
            let known = self.spellings.get(label).unwrap_or_else(|| vec![label.to_owned()]);
            urls.extend(known.iter().map(|spelling| {
                let endpoint = self.labelled(&session, spelling, open_only, &without)?;
                session.first_url(&endpoint, Paging::Cursor)
            }));
        }
        // What cannot be asked is an error of the listing itself.
        urls.into_iter().flatten().map(PlannedCall::get).collect()
    }

    fn labelled<'a>(
        &'a self,
        session: &Session<'_>,
        label: &'a str,
        open_only: bool,
        without: &str,
    ) -> Result<Labelled<'a>> {
        let mut issues = Issues::builder();
        issues.project(self.path.as_str()).label(label);
        issues.order_by(IssueOrderBy::CreatedAt).sort(SortOrder::Ascending);
        if open_only {
            // Without it the project's listing is of all states.
            issues.state(IssueState::Opened);
        }
        Ok(Labelled { issues: session.built(issues.build())?, without: without.to_owned() })
    }

    async fn page_of_label(
        &self,
        label: &str,
        open_only: bool,
        without: &str,
        query: &str,
    ) -> Result<(Vec<ListedIssue>, Option<String>)> {
        let what = format!("list issues of {} labelled {label}", self.path);
        let session = Session::reading(self, &what, About::Issues);
        let endpoint = self.labelled(&session, label, open_only, without)?;
        session.page(&endpoint, Paging::Cursor, query).await
    }
}

/// The labels of tickets that discovery need not see, as one value. GitLab documents that `not[labels]` takes labels,
/// and not whether several are read as "any of these" or "all of these": whichever it is, and also if it is neither, a
/// ticket with none of them is listed. One that is finished and asks again carries the pending label, by which it is found.
fn past_waiting() -> String {
    let past = Lifecycle::ALL.into_iter().filter(|state| *state != Lifecycle::Pending);
    past.map(Lifecycle::label).collect::<Vec<_>>().join(",")
}

fn found(issue: ListedIssue) -> Found {
    let candidate = Candidate {
        id: issue.iid.to_string(),
        title: issue.title,
        labels: issue.labels.into_iter().collect(),
        open: is_open(&issue.state),
        state: issue.state,
    };
    Found { created_at: issue.created_at, number: issue.iid, candidate }
}
