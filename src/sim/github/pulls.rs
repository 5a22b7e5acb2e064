//! Pull requests: the open ones of a branch, new ones, changes to one.
//!
//! Source: GitHub REST, "Pulls". What must stay true: both branches exist in the repository that git sees, and the head
//! has commits that the base has not; there is one open pull request for a head and a base.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::body::{JsonBody, text};
use super::face::Face;
use super::json;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::{Asked, BoardError, Change, Edit, NewTicket, TicketView};

pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let params: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let param = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let state = param("state").unwrap_or("open");
    let owner = at.name().split('/').next().unwrap_or_default().to_owned();
    let wanted = |ticket: &TicketView| {
        let Some(change) = &ticket.change else { return false };
        // Without the owner the filter is ignored.
        let is_head = param("head").filter(|head| head.contains(':')).is_none_or(|head| {
            head.split_once(':').is_some_and(|(of, branch)| of.eq_ignore_ascii_case(&owner) && branch == change.head)
        });
        let is_state = state == "all" || (state == "open") == ticket.open;
        is_head && is_state && param("base").is_none_or(|base| base == change.base)
    };
    let mut tickets = at.board.tickets(at.name());
    tickets.retain(wanted);
    tickets.reverse();
    let pulls: Value = tickets.iter().map(|ticket| pull(ticket, &at)).collect();
    Ok(Json(pulls).into_response())
}

pub(super) async fn read(State(face): State<Face>, at: Located) -> Result<Response, Problem> {
    Ok(Json(whole(&at.pull()?, &at, &face).await).into_response())
}

pub(super) async fn open(State(face): State<Face>, at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    if !at.tracker.can_write {
        return Err(Problem::new(StatusCode::FORBIDDEN, "Resource not accessible by personal access token"));
    }
    let needed = |field: &str| text(&body, field)?.ok_or_else(|| missing(field));
    let (title, head, base) = (needed("title")?, needed("head")?, needed("base")?);
    let change = Change { head, base, draft: body["draft"].as_bool().unwrap_or(false), ..Change::default() };
    let repositories = face.repositories.as_ref();
    for (field, branch) in [("base", &change.base), ("head", &change.head)] {
        let commit = match repositories {
            Some(repositories) => repositories.commit_of(at.name(), branch).await,
            None => None,
        };
        if commit.is_none() {
            return Err(Problem::invalid_field("PullRequest", field, "invalid"));
        }
    }
    let is_ahead = match repositories {
        Some(repositories) => repositories.is_ahead(at.name(), &change.base, &change.head).await,
        None => false,
    };
    if !is_ahead {
        return Err(custom(&format!("No commits between {} and {}", change.base, change.head)));
    }
    let owner = at.name().split('/').next().unwrap_or_default();
    let exists = format!("A pull request already exists for {owner}:{}.", change.head);
    let new = NewTicket::titled(title).body(text(&body, "body")?.unwrap_or_default());
    match at.board.open_change_request(at.name(), new, change).map_err(|error| at.problem(error))? {
        Asked::Opened(number) => {
            let ticket = at.board.look(at.name(), number).map_err(|error| at.problem(error))?;
            Ok((StatusCode::CREATED, Json(whole(&ticket, &at, &face).await)).into_response())
        }
        Asked::Exists(_) => Err(custom(&exists)),
    }
}

pub(super) async fn edit(State(face): State<Face>, at: Located, JsonBody(body): JsonBody) -> Result<Response, Problem> {
    let ticket = at.pull()?;
    if !at.tracker.can_write {
        return Err(Problem::new(StatusCode::FORBIDDEN, "Resource not accessible by personal access token"));
    }
    let open = text(&body, "state")?.map(|state| state == "open");
    let edit = Edit { title: text(&body, "title")?, body: text(&body, "body")?, open, ..Edit::default() };
    let ticket = at.board.edit(at.name(), ticket.number, edit).map_err(|error| at.problem(error))?;
    Ok(Json(whole(&ticket, &at, &face).await).into_response())
}

impl Located {
    /// The pull request in the path.
    fn pull(&self) -> Result<TicketView, Problem> {
        let ticket = self.ticket()?;
        if ticket.change.is_some() { Ok(ticket) } else { Err(self.problem(BoardError::NoTracker(String::new()))) }
    }
}

fn missing(field: &str) -> Problem {
    Problem::invalid_field("PullRequest", field, "missing_field")
}

fn custom(message: &str) -> Problem {
    Problem::invalid(json!({ "resource": "PullRequest", "code": "custom", "message": message }))
}

/// A single one says more than one of a list: whether it can be merged, and what that changes.
async fn whole(ticket: &TicketView, at: &Located, face: &Face) -> Value {
    let change = ticket.change.as_deref().cloned().unwrap_or_default();
    let mut pull = pull(ticket, at);
    let merge = match &face.repositories {
        Some(repositories) => repositories.merge(at.name(), &change.base, &change.head).await,
        None => None,
    };
    let state = match merge {
        None => "unknown",
        Some(merge) if merge.conflicts => "dirty",
        Some(_) if change.draft => "draft",
        Some(_) => "clean",
    };
    pull["mergeable"] = json!(merge.map(|merge| !merge.conflicts));
    pull["mergeable_state"] = json!(state);
    let counts = merge.unwrap_or_default();
    for (name, count) in [
        ("commits", counts.commits),
        ("changed_files", counts.files),
        ("additions", counts.added),
        ("deletions", counts.removed),
    ] {
        pull[name] = json!(count);
    }
    pull
}

fn pull(ticket: &TicketView, at: &Located) -> Value {
    let repo = json!({ "id": at.tracker.id, "full_name": at.name(), "url": json::repo_url(at) });
    let owner = at.name().split('/').next().unwrap_or_default();
    let change = ticket.change.as_deref().cloned().unwrap_or_default();
    let end = |branch: &str| json!({ "label": format!("{owner}:{branch}"), "ref": branch, "repo": repo });
    let url = format!("{}/pulls/{}", json::repo_url(at), ticket.number);
    let issue = json::issue(ticket, at);
    json!({
        "url": url,
        "id": ticket.id,
        "node_id": issue["node_id"],
        "html_url": issue["html_url"],
        "issue_url": issue["url"],
        "number": ticket.number,
        "state": issue["state"],
        "locked": false,
        "title": ticket.title,
        "user": issue["user"],
        "body": issue["body"],
        "labels": issue["labels"],
        "created_at": issue["created_at"],
        "updated_at": issue["updated_at"],
        "closed_at": issue["closed_at"],
        "merged_at": null,
        "draft": change.draft,
        "head": end(&change.head),
        "base": end(&change.base),
    })
}
