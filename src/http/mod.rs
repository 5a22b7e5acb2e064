//! The HTTP side: probes now, webhooks beside them.
//!
//! `serve` is the bounded accept loop, `health` the two probes. What must stay true: no answer waits for a platform or
//! for the store, and no handler answers 500.

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::health::Health;

mod health;
mod serve;
pub mod webhook;

pub use serve::{Limits, serve};

/// All routes.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/health/ready", get(health::ready))
        .fallback(unknown)
        .with_state(health)
}

async fn unknown() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "not found: try /health or /health/ready\n")
}
