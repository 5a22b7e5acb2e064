//! Listings: one query, page after page, oldest first.
//!
//! Who calls: `Platform::page`. What must stay true: nothing is believed of a site that has not said who the token is; a
//! walk ends, also when the site hands out the same page for ever. A position is the token that Cloud gave for the next
//! page, good for seven days, or Data Center's count of tickets before it. Tickets that leave the set move later ones up
//! in a count: those are found when the walk begins anew.

use http::StatusCode;
use serde_json::{Value, json};

use super::client::{Jira, Request, split_key};
use super::deployment::Deployment;
use super::identity::BELIEVED_FOR;
use super::jql;
use super::models::{CountedPage, Issue, Project, SearchPage, parse, time};
use super::refusal::About;
use crate::platform::{Error, Found, Listing, Page, PlannedCall, Position, Result};
use crate::ticket::Candidate;

/// Issues per page. Cloud gives fewer than it is asked for when many fields are read, and 100 is what it and Data
/// Center give of these.
const PAGE_SIZE: usize = 100;

/// What is read of each issue. Version 3 gives the identifier alone unless it is asked for more.
const FIELDS: [&str; 4] = ["summary", "status", "labels", "created"];

impl Jira {
    /// Each page is one request, and now and then one that asks who the token is.
    pub(super) async fn page_of_issues(&self, listing: Listing<'_>, at: &Position) -> Result<Page> {
        let Some(jql) = self.query_of(listing) else { return Ok(Page::default()) };
        let what = match listing {
            Listing::Discovery(_) => format!("list issues with a trigger label of {}", self.name),
            Listing::Lifecycle(state) => format!("list issues of {} labelled {state}", self.name),
        };
        self.identify(BELIEVED_FOR).await?;
        let (issues, next) = self.page_of_search(&what, &jql, &at.mark).await?;
        // An empty page and one that leads to itself are the last.
        let next = next.filter(|mark| !issues.is_empty() && *mark != at.mark).map(|mark| at.with_mark(mark));
        Ok(Page { found: self.own(issues).await?.into_iter().map(found).collect(), next })
    }

    /// Who the token is, which is asked again every ten minutes, and the query.
    pub(super) fn plan_of(&self, listing: Listing<'_>) -> Vec<PlannedCall> {
        let Some(jql) = self.query_of(listing) else { return Vec::new() };
        let deployment = self.site.known().unwrap_or(Deployment::Cloud);
        let url = |path: &str| String::from(self.site.url(deployment, path));
        vec![PlannedCall::get(url("myself")), PlannedCall::ask(url(search_path(deployment)), jql)]
    }

    /// The query of a listing; `None` when there is nothing to ask for.
    fn query_of(&self, listing: Listing<'_>) -> Option<String> {
        let project = self.project.as_deref();
        match listing {
            Listing::Discovery([]) => None,
            Listing::Discovery(labels) => Some(jql::discovery(project, labels)),
            Listing::Lifecycle(state) => Some(jql::lifecycle(project, state)),
        }
    }

    /// One page, and the mark of the next one.
    ///
    /// Sources: Jira Cloud REST, "Search for issues using JQL enhanced search (POST)"; Jira Data Center REST, "Search".
    async fn page_of_search(&self, what: &str, jql: &str, mark: &str) -> Result<(Vec<Issue>, Option<String>)> {
        let answer = self.ask(|deployment| search(what, deployment, jql, mark)).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(what, About::Project, &answer).await);
        }
        if self.site.known() == Some(Deployment::DataCenter) {
            let page: CountedPage = parse(what, &answer)?;
            let end = count(mark) + page.issues.len();
            return Ok((page.issues, (end < page.total).then(|| end.to_string())));
        }
        let page: SearchPage = parse(what, &answer)?;
        Ok((page.issues, page.next_page_token.filter(|token| !token.is_empty())))
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

fn search<'a>(what: &'a str, deployment: Deployment, jql: &str, mark: &str) -> Request<'a> {
    let mut body = json!({ "jql": jql, "fields": FIELDS, "maxResults": PAGE_SIZE });
    match deployment {
        Deployment::Cloud if mark.is_empty() => {}
        Deployment::Cloud => body["nextPageToken"] = Value::from(mark),
        Deployment::DataCenter => body["startAt"] = Value::from(count(mark)),
    }
    Request::query(what, search_path(deployment), body)
}

fn search_path(deployment: Deployment) -> &'static str {
    match deployment {
        Deployment::Cloud => "search/jql",
        Deployment::DataCenter => "search",
    }
}

/// How many tickets are before a page of Data Center's.
fn count(mark: &str) -> usize {
    mark.parse().unwrap_or(0)
}

fn found(issue: Issue) -> Found {
    let created_at = issue.fields.created.as_deref().and_then(time);
    let candidate = Candidate {
        id: issue.key,
        title: issue.fields.summary.unwrap_or_default(),
        labels: issue.fields.labels.unwrap_or_default().into_iter().collect(),
        open: issue.fields.status.is_open(),
        state: issue.fields.status.name,
    };
    // The site orders issues of the same moment.
    Found { created_at, number: 0, candidate }
}
