//! Who the token is, and what is left of its quota.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde_json::json;

use super::face::Face;
use super::guard::Caller;
use super::json;
use super::problem::Problem;

pub(super) async fn user(Extension(caller): Extension<Caller>) -> Result<Response, Problem> {
    match &caller.login {
        Some(login) => Ok(Json(json::user(login, &caller)).into_response()),
        None => Err(Problem::new(StatusCode::UNAUTHORIZED, "Requires authentication")),
    }
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
