//! The HTTP side: probes, webhooks, and runs for operators.
//!
//! `serve` is the bounded accept loop, `health` the two probes, `webhook` the deliveries, `runs` what operators
//! read and steer, `held_back` what both say of a job that waits. What must stay true: a probe
//! waits for nobody, a delivery for a few seconds, and no handler answers 500.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::health::Health;

mod health;
mod held_back;
pub mod runs;
mod serve;
pub mod webhook;

pub use serve::{Limits, serve};

/// All routes.
pub fn router(health: Health, receiver: Arc<webhook::Receiver>, desk: Arc<runs::Desk>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/health/ready", get(health::ready))
        .fallback(unknown)
        .with_state(health)
        .merge(webhook::routes(receiver))
        .merge(runs::routes(desk))
}

async fn unknown() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "not found: try /health, /health/ready, /runs or POST /webhook\n")
}
