//! A project, its members, and who calls.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde_json::json;

use super::guard::Caller;
use super::json;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::Role;
use crate::sim::people::number_of;

/// Levels of access. Source: GitLab REST, "Members".
const GUEST: u64 = 10;
const PLANNER: u64 = 15;
const DEVELOPER: u64 = 30;
const MAINTAINER: u64 = 40;

pub(super) async fn read(at: Located) -> Response {
    let name = at.name().rsplit('/').next().unwrap_or_default();
    let level = if at.tracker.can_write { DEVELOPER } else { GUEST };
    Json(json!({
        "id": at.tracker.id,
        "name": name,
        "path": name,
        "path_with_namespace": at.name(),
        "name_with_namespace": at.name().replace('/', " / "),
        "description": null,
        "default_branch": "main",
        "visibility": "private",
        "web_url": at.page(),
        "http_url_to_repo": format!("{}.git", at.page()),
        "archived": false,
        "issues_enabled": true,
        "issues_access_level": "enabled",
        "open_issues_count": at.tracker.open_count,
        "created_at": json::time(at.tracker.created_at),
        "last_activity_at": json::time(at.tracker.created_at),
        "permissions": {
            "project_access": { "access_level": level, "notification_level": 3 },
            "group_access": null,
        },
    }))
    .into_response()
}

/// A member with the role that they have in the end. Everybody else is 404. Source: GitLab REST, "Get a member of a
/// project, including inherited and invited members".
pub(super) async fn member(at: Located) -> Result<Response, Problem> {
    let members = at.face.board.members(at.name());
    let asked = at.param("user");
    let found = members.into_iter().find(|(login, _)| number_of(login).to_string() == asked);
    let (login, role) = found.ok_or_else(Problem::not_found)?;
    let level = match role {
        Role::Reader => GUEST,
        Role::Labeller => PLANNER,
        Role::Writer => DEVELOPER,
        Role::Admin => MAINTAINER,
    };
    let mut member = json::user(&login, &at.caller);
    member["access_level"] = json!(level);
    member["expires_at"] = json!(null);
    member["membership_state"] = json!("active");
    Ok(Json(member).into_response())
}

pub(super) async fn user(Extension(caller): Extension<Caller>) -> Result<Response, Problem> {
    match &caller.login {
        Some(login) => Ok(Json(json::user(login, &caller)).into_response()),
        None => Err(Problem::message(StatusCode::UNAUTHORIZED, "401 Unauthorized")),
    }
}
