//! Listings: all pages, oldest first, in one query.
//!
//! Who calls: `Platform::list`. What must stay true: a page that fails fails the listing; nothing is believed of a site
//! that has not said who the token is; a walk ends, also when the site hands out the same page for ever.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::json;

use super::client::{Jira, Request, split_key};
use super::deployment::Deployment;
use super::identity::BELIEVED_FOR;
use super::jql;
use super::models::{CountedPage, Issue, Project, SearchPage, parse, time};
use super::refusal::About;
use crate::platform::{Error, Listing, Result};
use crate::ticket::Candidate;

/// Issues per page. Cloud gives fewer than it is asked for when many fields are read, and 100 is what it and Data
/// Center give of these.
const PAGE_SIZE: usize = 100;

/// Pages of one walk: 100,000 tickets. A walk that is longer goes in circles.
const MOST_PAGES: usize = 1_000;

/// What is read of each issue. Version 3 gives the identifier alone unless it is asked for more.
const FIELDS: [&str; 4] = ["summary", "status", "labels", "created"];

type Dated = (Option<DateTime<Utc>>, Candidate);

/// Where a page begins: a token from the page before, or a count.
enum Start {
    Token(Option<String>),
    Count(usize),
}

impl Jira {
    /// One query per listing, and each page of it one request.
    ///
    /// Sources: Jira Cloud REST, "Search for issues using JQL enhanced search (POST)"; Jira Data Center REST, "Search".
    pub(super) async fn list_issues(&self, listing: Listing<'_>) -> Result<Vec<Candidate>> {
        let project = self.project.as_deref();
        let (what, jql) = match listing {
            Listing::Discovery([]) => return Ok(Vec::new()),
            Listing::Discovery(labels) => ("list issues with a trigger label", jql::discovery(project, labels)),
            Listing::Lifecycle(state) => (state.label(), jql::lifecycle(project, state)),
        };
        let what = match listing {
            Listing::Discovery(_) => format!("{what} of {}", self.name),
            Listing::Lifecycle(_) => format!("list issues of {} labelled {what}", self.name),
        };
        self.identify(BELIEVED_FOR).await?;
        let issues = self.own(self.search(&what, &jql).await?).await?;
        let mut seen = HashSet::new();
        let mut found: Vec<Dated> = issues
            .into_iter()
            .filter(|issue| seen.insert(issue.key.clone()))
            .map(|issue| (issue.fields.created.as_deref().and_then(time), candidate(issue)))
            .collect();
        // The site orders them already; issues that were closed or opened between two pages may have shifted.
        found.sort_by_key(|(created, _)| *created);
        Ok(found.into_iter().map(|(_, candidate)| candidate).collect())
    }

    async fn search(&self, what: &str, jql: &str) -> Result<Vec<Issue>> {
        let mut found = Vec::new();
        let mut tokens = HashSet::new();
        let mut start = Start::Token(None);
        for _ in 0..MOST_PAGES {
            let (issues, next) = self.page_of_search(what, jql, &start).await?;
            let is_empty = issues.is_empty();
            found.extend(issues);
            start = match next {
                Some(Start::Token(Some(token))) if !is_empty && tokens.insert(token.clone()) => {
                    Start::Token(Some(token))
                }
                Some(Start::Count(count)) if !is_empty => Start::Count(count),
                _ => return Ok(found),
            };
        }
        Err(Error::Malformed { what: what.to_owned(), detail: format!("more than {MOST_PAGES} pages") })
    }

    /// One page, and where the next one begins.
    async fn page_of_search(&self, what: &str, jql: &str, start: &Start) -> Result<(Vec<Issue>, Option<Start>)> {
        let skipped = if let Start::Count(count) = start { *count } else { 0 };
        let answer = self
            .ask(|deployment| {
                let mut body = json!({ "jql": jql, "fields": FIELDS, "maxResults": PAGE_SIZE });
                match deployment {
                    Deployment::Cloud => {
                        if let Start::Token(Some(token)) = start {
                            body["nextPageToken"] = json!(token);
                        }
                        Request::query(what, "search/jql", body)
                    }
                    Deployment::DataCenter => {
                        body["startAt"] = json!(skipped);
                        Request::query(what, "search", body)
                    }
                }
            })
            .await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(what, About::Project, &answer).await);
        }
        if self.site.known() == Some(Deployment::DataCenter) {
            let page: CountedPage = parse(what, &answer)?;
            let end = skipped + page.issues.len();
            return Ok((page.issues, (end < page.total).then_some(Start::Count(end))));
        }
        let page: SearchPage = parse(what, &answer)?;
        let token = page.next_page_token.filter(|token| !token.is_empty());
        Ok((page.issues, token.map(|token| Start::Token(Some(token)))))
    }

    /// Leaves out issues that bear another project's key: the index lags behind a move. When the configured key itself
    /// is an old one, every issue does, and a person has to know.
    async fn own(&self, mut issues: Vec<Issue>) -> Result<Vec<Issue>> {
        let Some(project) = self.project.as_deref() else { return Ok(issues) };
        let is_own = |issue: &Issue| split_key(&issue.key).is_some_and(|(key, _)| key.eq_ignore_ascii_case(project));
        let before = issues.len();
        issues.retain(is_own);
        if issues.len() < before {
            self.check_key(project).await?;
        }
        Ok(issues)
    }

    /// Source: Jira REST, "Get project": an old key leads to the project under its new one.
    pub(super) async fn check_key(&self, project: &str) -> Result<()> {
        let what = format!("read {}", self.name);
        let answer = self.ask(|_| Request::get(&what, format!("project/{}", encoded(project)))).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&what, About::Project, &answer).await);
        }
        let now: Project = parse(&what, &answer)?;
        if now.key.eq_ignore_ascii_case(project) {
            return Ok(());
        }
        let cure = format!("set project to {}", self.redacted(&now.key));
        Err(Error::Moved { what: self.name.clone(), to: format!("{}/browse/{}", self.web_url, now.key), cure })
    }
}

/// For one segment of a path or one value of a query.
pub(super) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn candidate(issue: Issue) -> Candidate {
    Candidate {
        id: issue.key,
        title: issue.fields.summary.unwrap_or_default(),
        labels: issue.fields.labels.unwrap_or_default().into_iter().collect(),
        open: issue.fields.status.is_open(),
    }
}
