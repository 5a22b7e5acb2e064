//! `/health`, for people and monitoring, and `/health/ready`, for load balancers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::health::{self, Health, Subsystem};

/// The body of both probes.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subsystems: Option<Vec<Subsystem>>,
}

/// Always 200: the process answers. The body says how it is doing.
pub(super) async fn health(State(health): State<Health>) -> Json<Body> {
    let subsystems = health.snapshot();
    let well = health.is_ready()
        && subsystems.iter().all(|one| matches!(one.state, health::State::Up | health::State::Disabled));
    Json(Body { status: if well { "ok" } else { "degraded" }, subsystems: Some(subsystems) })
}

/// 200 when everything that the process needs is up, else 503 with what is not.
pub(super) async fn ready(State(health): State<Health>) -> (StatusCode, Json<Body>) {
    if health.is_ready() {
        return (StatusCode::OK, Json(Body { status: "ready", subsystems: None }));
    }
    let mut missing = health.snapshot();
    missing.retain(|one| one.gates_readiness && one.state != health::State::Up);
    (StatusCode::SERVICE_UNAVAILABLE, Json(Body { status: "not_ready", subsystems: Some(missing) }))
}
