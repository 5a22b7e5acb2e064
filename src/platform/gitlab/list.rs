//! Listings: every spelling of every label, all pages, oldest first.
//!
//! Who calls: `Platform::list`. What must stay true: a page that fails fails the listing; requests go one after the
//! other; merge requests never appear, tasks and incidents do, and so do confidential issues that the token may see.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
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
use crate::platform::{Listing, Result};
use crate::ticket::Candidate;

/// With its time of creation and its number, for the order.
type Dated = (Option<DateTime<Utc>>, u64, Candidate);

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

impl GitLab {
    /// Discovery asks once per trigger label, because several labels in one call must all be present, and leaves out
    /// what is queued, running or finished. Tickets that wait are asked for open ones only. A listing of another state
    /// asks for closed tickets as well and marks them: one that was closed while it ran still shows its state.
    ///
    /// Source: GitLab REST, "List project issues".
    pub(super) async fn list_issues(&self, listing: Listing<'_>) -> Result<Vec<Candidate>> {
        let (labels, open_only, without): (Vec<&str>, _, _) = match listing {
            Listing::Discovery(labels) => (labels.iter().map(String::as_str).collect(), true, past_waiting()),
            Listing::Lifecycle(state) => (vec![state.label()], state == Lifecycle::Pending, String::new()),
        };
        let mut found: HashMap<u64, Dated> = HashMap::new();
        for label in labels {
            for spelling in self.spellings_of(label).await? {
                self.list_label(&spelling, open_only, &without, &mut found).await?;
            }
        }
        let mut found: Vec<Dated> = found.into_values().collect();
        found.retain(|(_, _, candidate)| candidate.open || !open_only);
        found.sort_by_key(|(created_at, number, _)| (*created_at, *number));
        Ok(found.into_iter().map(|(_, _, candidate)| candidate).collect())
    }

    async fn list_label(
        &self,
        label: &str,
        open_only: bool,
        without: &str,
        found: &mut HashMap<u64, Dated>,
    ) -> Result<()> {
        let what = format!("list issues of {} labelled {label}", self.path);
        let session = Session::reading(self, &what, About::Issues);
        let mut issues = Issues::builder();
        issues.project(self.path.as_str()).label(label);
        issues.order_by(IssueOrderBy::CreatedAt).sort(SortOrder::Ascending);
        if open_only {
            // Without it the project's listing is of all states.
            issues.state(IssueState::Opened);
        }
        let endpoint = Labelled { issues: session.built(issues.build())?, without: without.to_owned() };
        session
            .walk(&endpoint, Paging::Cursor, |page: Vec<ListedIssue>| {
                found.extend(page.into_iter().map(|issue| (issue.iid, dated(issue))));
                true
            })
            .await
    }
}

/// The labels of tickets that discovery need not see, as one value. GitLab documents that `not[labels]` takes labels,
/// and not whether several are read as "any of these" or "all of these": whichever it is, and also if it is neither, a
/// ticket with none of them is listed. One that is finished and asks again carries the pending label, by which it is found.
fn past_waiting() -> String {
    let past = Lifecycle::ALL.into_iter().filter(|state| *state != Lifecycle::Pending);
    past.map(Lifecycle::label).collect::<Vec<_>>().join(",")
}

fn dated(issue: ListedIssue) -> Dated {
    let candidate = Candidate {
        id: issue.iid.to_string(),
        title: issue.title,
        labels: issue.labels.into_iter().collect(),
        open: is_open(&issue.state),
    };
    (issue.created_at, issue.iid, candidate)
}
