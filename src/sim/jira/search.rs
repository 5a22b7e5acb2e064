//! Search: by pages that lead to each other (Cloud) or are counted (Data Center).
//!
//! What Jira does here that clients trip over: Cloud gives the id alone unless fields are named, no total, no promise
//! of order, and refuses a query without a restriction; a stranger finds nothing, with status 200; what was just
//! written may not be found yet (`Board::freeze_listings`).

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::account::visible;
use super::face::Face;
use super::guard::Caller;
use super::issues::parameter;
use super::jql::Jql;
use super::json::{self, Wanted};
use super::options::Deployment;
use super::problem::Problem;
use crate::sim::board::{Query, StateFilter, TicketView, TrackerView};

/// Issues on a page when the request does not say.
const DEFAULT_PAGE: usize = 50;
/// The most that Cloud gives when the identifiers alone are asked for.
const MAX_PAGE_OF_IDS: usize = 5_000;
/// The most when fields are asked for, on Cloud.
const MAX_PAGE: usize = 100;
/// The most that Data Center gives by default.
const MAX_COUNTED_PAGE: usize = 1_000;

/// What Cloud takes; anything else in it is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Asked {
    jql: String,
    fields: Vec<String>,
    max_results: Option<usize>,
    next_page_token: Option<String>,
    #[serde(rename = "expand")]
    _expand: Option<String>,
    #[serde(rename = "fieldsByKeys")]
    _fields_by_keys: Option<bool>,
    #[serde(rename = "properties")]
    _properties: Option<Vec<String>>,
    #[serde(rename = "reconcileIssues")]
    _reconcile_issues: Option<Vec<u64>>,
}

/// What Data Center takes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AskedCounted {
    jql: String,
    fields: Vec<String>,
    max_results: Option<usize>,
    start_at: usize,
}

pub(super) async fn by_token(
    State(face): State<Face>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, Problem> {
    page_by_token(&face, &caller, read(&body)?)
}

/// The same with everything in the query.
pub(super) async fn by_token_in_query(
    State(face): State<Face>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let text = |name: &str| parameter(query.as_deref(), name);
    let asked = Asked {
        jql: text("jql").unwrap_or_default(),
        fields: text("fields").map(|names| Wanted::split(&names)).unwrap_or_default(),
        max_results: text("maxResults").and_then(|most| most.parse().ok()),
        next_page_token: text("nextPageToken"),
        ..Asked::default()
    };
    page_by_token(&face, &caller, asked)
}

fn page_by_token(face: &Face, caller: &Caller, asked: Asked) -> Result<Response, Problem> {
    let jql = Jql::parse(&asked.jql)?;
    if jql.is_unbounded() {
        let message = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, message));
    }
    let wanted = Wanted::new(asked.fields, "id");
    let most = if wanted.is_id_alone() { MAX_PAGE_OF_IDS } else { MAX_PAGE };
    let limit = asked.max_results.unwrap_or(DEFAULT_PAGE).clamp(1, most);
    let found = matching(face, caller, &jql)?;
    let start = match &asked.next_page_token {
        None => 0,
        Some(token) => {
            let last = last_of(token, &asked.jql)
                .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "The provided next page token is invalid."))?;
            found.iter().position(|(_, ticket)| ticket.id == last).map_or_else(
                // What the page before ended with has left the set: go on behind where it was.
                || found.iter().take_while(|(_, ticket)| ticket.id < last).count(),
                |at| at + 1,
            )
        }
    };
    let page: Vec<_> = found.iter().skip(start).take(limit).collect();
    let is_last = start + page.len() >= found.len();
    let issues: Vec<Value> =
        page.iter().map(|(tracker, ticket)| json::issue(tracker, ticket, &wanted, (caller, face))).collect();
    let mut answer = json!({ "issues": issues, "isLast": is_last });
    if let Some((_, last)) = page.last().filter(|_| !is_last) {
        answer["nextPageToken"] = json!(token(last.id, &asked.jql));
    }
    Ok(Json(answer).into_response())
}

pub(super) async fn counted(
    State(face): State<Face>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: AskedCounted = read(&body)?;
    let found = matching(&face, &caller, &Jql::parse(&asked.jql)?)?;
    let wanted = Wanted::new(asked.fields, "*navigable");
    let limit = asked.max_results.unwrap_or(DEFAULT_PAGE).min(MAX_COUNTED_PAGE);
    let page = found.iter().skip(asked.start_at).take(limit);
    let issues: Vec<Value> =
        page.map(|(tracker, ticket)| json::issue(tracker, ticket, &wanted, (&caller, &face))).collect();
    let answer = json!({
        "expand": "schema,names",
        "startAt": asked.start_at,
        "maxResults": limit,
        "total": found.len(),
        "issues": issues,
    });
    Ok(Json(answer).into_response())
}

/// The search that Cloud had until 2025.
pub(super) async fn removed() -> Problem {
    Problem::search_removed()
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::unreadable())
}

/// Everything that a query finds, in its order; without one, in an order that is not that of creation.
fn matching(face: &Face, caller: &Caller, jql: &Jql) -> Result<Vec<(TrackerView, TicketView)>, Problem> {
    if caller.login.is_none() && face.options.deployment == Deployment::Cloud {
        return Ok(Vec::new());
    }
    if let Some(unknown) = jql.projects().find(|key| visible(face, caller, key).is_none()) {
        let message = format!("The value '{unknown}' does not exist for the field 'project'.");
        return Err(Problem::new(StatusCode::BAD_REQUEST, message));
    }
    let all = Query { state: StateFilter::All, ..Query::default() };
    let mut found = Vec::new();
    for tracker in face.board.trackers().into_iter().filter(|tracker| !tracker.hidden) {
        let tickets = face.board.list(&tracker.name, &all).map_err(Problem::from_board)?.items;
        let is_project = |key: &str| visible(face, caller, key).is_some_and(|named| named.id == tracker.id);
        let tickets = tickets.into_iter().filter(|ticket| !ticket.is_pull_request && jql.wants(ticket, is_project));
        found.extend(tickets.map(|ticket| (tracker.clone(), ticket)));
    }
    let by_update = jql.order().is_some_and(|order| order.by_update);
    found.sort_by_key(|(_, ticket)| (if by_update { ticket.updated_at } else { ticket.created_at }, ticket.id));
    if !jql.order().is_some_and(|order| order.ascending) {
        found.reverse();
    }
    Ok(found)
}

/// Opaque, and good for one query alone.
fn token(last: u64, jql: &str) -> String {
    format!("Ch0jU3RyaW5nJlVGSk-{:x}.{last:x}", fingerprint(jql))
}

fn last_of(token: &str, jql: &str) -> Option<u64> {
    let (query, last) = token.strip_prefix("Ch0jU3RyaW5nJlVGSk-")?.split_once('.')?;
    (query == format!("{:x}", fingerprint(jql))).then(|| u64::from_str_radix(last, 16).ok())?
}

fn fingerprint(jql: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    jql.hash(&mut hasher);
    hasher.finish()
}
