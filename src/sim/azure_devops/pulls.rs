//! Pull requests in Azure Repos: the active ones of a branch, new ones, changes to one.
//!
//! Source: Microsoft, "Pull Requests". What must stay true: both branches exist in the repository that git sees; there is
//! one active pull request for a source and a target; a list shows the beginning of a description only.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::json::{guid, identity, time};
use super::located::Located;
use super::problem::Problem;
use super::routes::encoded;
use crate::sim::board::{Asked, Change, Edit, NewTicket, TicketView};

/// Longest description, and what a list shows of one, in characters.
const MAX_DESCRIPTION: usize = 4_000;
const LISTED_DESCRIPTION: usize = 400;
const HEADS: &str = "refs/heads/";

pub(super) async fn list(at: Located, Query(params): Query<HashMap<String, String>>) -> Result<Response, Problem> {
    let repository = at.repository()?;
    let status = params.get("searchCriteria.status").map_or("active", String::as_str);
    let wanted = |ticket: &TicketView| {
        let Some(change) = ticket.change.as_ref().filter(|change| change.repository == repository) else {
            return false;
        };
        let is = |name: &str, branch: &str| params.get(name).is_none_or(|wanted| *wanted == format!("{HEADS}{branch}"));
        let is_state = status == "all" || (status == "active") == ticket.open;
        is_state && is("searchCriteria.sourceRefName", &change.head) && is("searchCriteria.targetRefName", &change.base)
    };
    let mut tickets = at.face.board.tickets(&at.tracker.name);
    tickets.retain(wanted);
    tickets.reverse();
    let listed = |ticket: &TicketView| {
        let mut pull = pull(ticket, &at);
        pull["description"] = json!(ticket.body.chars().take(LISTED_DESCRIPTION).collect::<String>());
        pull
    };
    let pulls: Vec<Value> = tickets.iter().map(listed).collect();
    Ok(Json(json!({ "count": pulls.len(), "value": pulls })).into_response())
}

pub(super) async fn read(at: Located) -> Result<Response, Problem> {
    Ok(Json(whole(&at.pull()?, &at).await).into_response())
}

pub(super) async fn open(at: Located, Json(body): Json<Value>) -> Result<Response, Problem> {
    let repository = at.repository()?;
    at.may_contribute()?;
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let branch = |name: &str| text(name).strip_prefix(HEADS).unwrap_or_default().to_owned();
    let (head, base) = (branch("sourceRefName"), branch("targetRefName"));
    check_description(&text("description"))?;
    for name in [&head, &base] {
        let commit = match &at.face.repositories {
            Some(repositories) => repositories.commit_of(&at.repository_path(&repository), name).await,
            None => None,
        };
        if commit.is_none() {
            let message = "TF401398: The pull request cannot be activated because the source and/or the target branch \
                           no longer exists, or the requested repositories are not part of the same repository network.";
            return Err(Problem::bad_request("GitPullRequestCannotBeActivated", message));
        }
    }
    let change = Change { head, base, draft: body["isDraft"].as_bool().unwrap_or(false), repository };
    let new = NewTicket::titled(text("title")).body(text("description"));
    match at.face.board.open_change_request(&at.tracker.name, new, change).map_err(Problem::from_board)? {
        Asked::Opened(number) => {
            let ticket = at.face.board.look(&at.tracker.name, number).map_err(Problem::from_board)?;
            Ok((StatusCode::CREATED, Json(whole(&ticket, &at).await)).into_response())
        }
        Asked::Exists(_) => {
            let message =
                "TF401179: An active pull request for the source and target branch already exists.".to_owned();
            Err(Problem::new(StatusCode::CONFLICT, "GitPullRequestExistsException", message))
        }
    }
}

pub(super) async fn edit(at: Located, Json(body): Json<Value>) -> Result<Response, Problem> {
    let ticket = at.pull()?;
    at.may_contribute()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    check_description(&text("description").unwrap_or_default())?;
    let open = text("status").map(|status| status == "active");
    let edit = Edit { title: text("title"), body: text("description"), open, ..Edit::default() };
    let ticket = at.face.board.edit(&at.tracker.name, ticket.number, edit).map_err(Problem::from_board)?;
    Ok(Json(whole(&ticket, &at).await).into_response())
}

fn check_description(text: &str) -> Result<(), Problem> {
    if text.chars().count() <= MAX_DESCRIPTION {
        return Ok(());
    }
    let message = format!("A maximum of {MAX_DESCRIPTION} characters is allowed for parameter \"description\".");
    Err(Problem::bad_request("InvalidArgumentValueException", message))
}

impl Located {
    fn repository_path(&self, repository: &str) -> String {
        let project: Vec<String> = self.tracker.name.split('/').map(encoded).collect();
        format!("{}/_git/{}", project.join("/"), encoded(repository))
    }

    /// The repository in the path, if git finds it too.
    fn repository(&self) -> Result<String, Problem> {
        let name = self.param("repository").to_owned();
        let path = self.repository_path(&name);
        match self.face.repositories.as_ref().and_then(|repositories| repositories.folder_of(&path)) {
            Some(_) => Ok(name),
            None => {
                let message = format!(
                    "TF401019: The Git repository with name or identifier {name} does not exist or you do not have \
                     permissions for the operation you are attempting."
                );
                Err(Problem::new(StatusCode::NOT_FOUND, "GitRepositoryNotFoundException", message))
            }
        }
    }

    fn pull(&self) -> Result<TicketView, Problem> {
        let (repository, number) = (self.repository()?, self.param("number"));
        let found = number.parse().ok().and_then(|number| self.face.board.ticket(&self.tracker.name, number));
        let is_here =
            |ticket: &TicketView| ticket.change.as_ref().is_some_and(|change| change.repository == repository);
        found.filter(is_here).ok_or_else(|| {
            let message = format!("TF401180: The requested pull request was not found: {number}.");
            Problem::new(StatusCode::NOT_FOUND, "GitPullRequestNotFoundException", message)
        })
    }

    fn may_contribute(&self) -> Result<(), Problem> {
        if self.tracker.can_write {
            return Ok(());
        }
        let message = "TF401027: You need the Git 'PullRequestContribute' permission to perform this action.";
        Err(Problem::new(StatusCode::FORBIDDEN, "GitNeedsPermissionException", message))
    }
}

/// With what became of the merge that Azure Repos tries beside each pull request.
async fn whole(ticket: &TicketView, at: &Located) -> Value {
    let change = ticket.change.as_deref().cloned().unwrap_or_default();
    let mut pull = pull(ticket, at);
    let merge = match &at.face.repositories {
        Some(repositories) => {
            repositories.merge(&at.repository_path(&change.repository), &change.base, &change.head).await
        }
        None => None,
    };
    pull["mergeStatus"] = json!(match merge {
        None => "notSet",
        Some(merge) if merge.conflicts => "conflicts",
        Some(_) => "succeeded",
    });
    pull
}

fn pull(ticket: &TicketView, at: &Located) -> Value {
    let change = ticket.change.as_deref().cloned().unwrap_or_default();
    let page = format!("{}/{}", at.caller.origin, at.repository_path(&change.repository));
    let api = format!("{}/{}/_apis/git/repositories/{}", at.collection(), guid(at.tracker.id), change.repository);
    json!({
        "repository": { "id": guid(at.tracker.id + 1), "name": change.repository, "url": api, "webUrl": page },
        "pullRequestId": ticket.number,
        "codeReviewId": ticket.number,
        "status": if ticket.open { "active" } else { "abandoned" },
        "createdBy": identity(&ticket.author, &at.collection()),
        "creationDate": time(ticket.created_at),
        "title": ticket.title,
        "description": ticket.body,
        "sourceRefName": format!("{HEADS}{}", change.head),
        "targetRefName": format!("{HEADS}{}", change.base),
        "isDraft": change.draft,
        "url": format!("{api}/pullRequests/{}", ticket.number),
    })
}
