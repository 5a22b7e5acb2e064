//! A project, and who calls.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde_json::json;

use super::guard::Caller;
use super::json;
use super::located::Located;
use super::problem::Problem;

/// Levels of access. Source: GitLab REST, "Members".
const GUEST: u64 = 10;
const DEVELOPER: u64 = 30;

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

pub(super) async fn user(Extension(caller): Extension<Caller>) -> Result<Response, Problem> {
    match &caller.login {
        Some(login) => Ok(Json(json::user(login, &caller)).into_response()),
        None => Err(Problem::message(StatusCode::UNAUTHORIZED, "401 Unauthorized")),
    }
}
