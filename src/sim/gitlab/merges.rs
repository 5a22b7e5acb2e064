//! Merge requests: the open ones of a branch, new ones, changes to one.
//!
//! Source: GitLab REST, "Merge requests". What must stay true: both branches exist in the repository that git sees; there
//! is one open merge request for a source and a target; quick actions in a description are carried out.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::fields::Fields;
use super::json;
use super::located::Located;
use super::orders::extract;
use super::problem::Problem;
use crate::sim::board::{Asked, Change, Edit, NewTicket, TicketView};

pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let params: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let param = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let wanted = |ticket: &TicketView| {
        let Some(change) = &ticket.change else { return false };
        let is_state = match param("state") {
            Some("opened") => ticket.open,
            Some("closed") => !ticket.open,
            _ => true,
        };
        is_state
            && param("source_branch").is_none_or(|branch| branch == change.head)
            && param("target_branch").is_none_or(|branch| branch == change.base)
    };
    let mut tickets = at.face.board.tickets(at.name());
    tickets.retain(wanted);
    tickets.reverse();
    let merges: Value = tickets.iter().map(|ticket| merge_request(ticket, &at)).collect();
    Ok(Json(merges).into_response())
}

pub(super) async fn read(at: Located) -> Result<Response, Problem> {
    Ok(Json(whole(&at.merge_request()?, &at).await).into_response())
}

pub(super) async fn open(at: Located, fields: Fields) -> Result<Response, Problem> {
    if !at.tracker.can_write {
        return Err(Problem::forbidden());
    }
    let needed = |name: &str| fields.text(name).ok_or_else(|| Problem::bad_request(&format!("{name} is missing")));
    let (head, base, title) = (needed("source_branch")?, needed("target_branch")?, needed("title")?);
    if head == base {
        return Err(invalid("You can't use same project/branch for source and target"));
    }
    for (branch, word) in [(&head, "Source"), (&base, "Target")] {
        let commit = match &at.face.options.repositories {
            Some(repositories) => repositories.commit_of(at.name(), branch).await,
            None => None,
        };
        if commit.is_none() {
            return Err(invalid(&format!("{word} branch \"{branch}\" does not exist")));
        }
    }
    let (description, orders) = extract(&fields.text("description").unwrap_or_default());
    let change = Change { head, base, draft: title.starts_with("Draft:"), ..Change::default() };
    let new = NewTicket::titled(title).body(description);
    match at.face.board.open_change_request(at.name(), new, change).map_err(Problem::from_board)? {
        Asked::Opened(number) => {
            if !orders.is_empty() {
                at.face.board.close(at.name(), number).map_err(Problem::from_board)?;
            }
            let ticket = at.face.board.look(at.name(), number).map_err(Problem::from_board)?;
            Ok((StatusCode::CREATED, Json(whole(&ticket, &at).await)).into_response())
        }
        Asked::Exists(number) => {
            let message = format!("Another open merge request already exists for this source branch: !{number}");
            Err(Problem::message(StatusCode::CONFLICT, json!([message])))
        }
    }
}

pub(super) async fn edit(at: Located, fields: Fields) -> Result<Response, Problem> {
    let ticket = at.merge_request()?;
    if !at.tracker.can_write {
        return Err(Problem::forbidden());
    }
    let body = fields.text("description").map(|text| extract(&text).0);
    let open = fields.text("state_event").map(|event| event == "reopen");
    let edit = Edit { title: fields.text("title"), body, open, ..Edit::default() };
    let ticket = at.face.board.edit(at.name(), ticket.number, edit).map_err(Problem::from_board)?;
    Ok(Json(whole(&ticket, &at).await).into_response())
}

impl Located {
    /// The merge request in the path.
    fn merge_request(&self) -> Result<TicketView, Problem> {
        let ticket = self.face.board.look(self.name(), self.number()?).map_err(Problem::from_board)?;
        if ticket.change.is_some() { Ok(ticket) } else { Err(Problem::not_found()) }
    }
}

fn invalid(message: &str) -> Problem {
    Problem::message(StatusCode::UNPROCESSABLE_ENTITY, json!([message]))
}

/// A single one says more than one of a list: whether it can be merged, and what that changes.
async fn whole(ticket: &TicketView, at: &Located) -> Value {
    let change = ticket.change.as_deref().cloned().unwrap_or_default();
    let mut request = merge_request(ticket, at);
    let merge = match &at.face.options.repositories {
        Some(repositories) => repositories.merge(at.name(), &change.base, &change.head).await,
        None => None,
    };
    let conflicts = merge.is_some_and(|merge| merge.conflicts);
    let (status, detailed) = match merge {
        None => ("unchecked", "unchecked"),
        Some(_) if conflicts => ("cannot_be_merged", "conflict"),
        Some(_) if !ticket.open => ("can_be_merged", "not_open"),
        Some(_) if ticket.title.starts_with("Draft:") => ("can_be_merged", "draft_status"),
        Some(_) => ("can_be_merged", "mergeable"),
    };
    request["merge_status"] = json!(status);
    request["detailed_merge_status"] = json!(detailed);
    request["has_conflicts"] = json!(conflicts);
    // A text, because a very large one ends with a plus sign.
    request["changes_count"] = json!(merge.unwrap_or_default().files.to_string());
    request
}

fn merge_request(ticket: &TicketView, at: &Located) -> Value {
    let change = ticket.change.as_deref().cloned().unwrap_or_default();
    json!({
        "id": ticket.id,
        "iid": ticket.number,
        "project_id": at.tracker.id,
        "title": ticket.title,
        "description": Some(&ticket.body).filter(|body| !body.is_empty()),
        "state": if ticket.open { "opened" } else { "closed" },
        "created_at": json::time(ticket.created_at),
        "updated_at": json::time(ticket.updated_at),
        "source_branch": change.head,
        "target_branch": change.base,
        "source_project_id": at.tracker.id,
        "target_project_id": at.tracker.id,
        "author": json::user(&ticket.author, &at.caller),
        "labels": [],
        "draft": ticket.title.starts_with("Draft:"),
        "work_in_progress": ticket.title.starts_with("Draft:"),
        "web_url": format!("{}/-/merge_requests/{}", at.page(), ticket.number),
    })
}
