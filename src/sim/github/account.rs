//! Who the token is, what is left of its quota, and what others may do.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde_json::json;

use super::face::Face;
use super::guard::Caller;
use super::json;
use super::located::Located;
use super::problem::Problem;
use crate::sim::board::Role;

pub(super) async fn user(Extension(caller): Extension<Caller>) -> Result<Response, Problem> {
    match &caller.login {
        Some(login) => Ok(Json(json::user(login, &caller)).into_response()),
        None => Err(Problem::new(StatusCode::UNAUTHORIZED, "Requires authentication")),
    }
}

/// For who may push. Somebody without a role may do nothing in a private repository.
///
/// Source: GitHub REST, "Get repository permissions for a user": `permission` knows four words, triage counts as read.
pub(super) async fn permission(at: Located) -> Result<Response, Problem> {
    if !at.tracker.can_write {
        let message = "Must have push access to view collaborator permission.";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let login = at.param("login");
    let (permission, role_name) = match at.board.role(at.name(), login) {
        None => ("none", ""),
        Some(Role::Reader) => ("read", "read"),
        Some(Role::Labeller) => ("read", "triage"),
        Some(Role::Writer) => ("write", "write"),
        Some(Role::Admin) => ("admin", "admin"),
    };
    let user = json::user(login, &at.caller);
    Ok(Json(json!({ "permission": permission, "role_name": role_name, "user": user })).into_response())
}

/// Costs nothing. 404 where limits are switched off.
pub(super) async fn rate_limit(State(face): State<Face>) -> Result<Response, Problem> {
    let Some(quota) = face.faults.quota() else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "Rate limiting is not enabled."));
    };
    let core = json!({
        "limit": quota.limit,
        "used": quota.used,
        "remaining": quota.remaining(),
        "reset": quota.reset_epoch_seconds,
        "resource": "core",
    });
    let search = json!({ "limit": 30, "used": 0, "remaining": 30, "reset": quota.reset_epoch_seconds });
    Ok(Json(json!({ "resources": { "core": core, "search": search }, "rate": core })).into_response())
}
