//! Answers other than what was asked for: a status, a word and a reason, as JSON.
//!
//! What must stay true: the words are public (`docs/operations.md`); a reason is one line that names the cure.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::limits::RETRY_AFTER_SECONDS;
use crate::{claim, platform, store};

/// Why a question is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    reason: String,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    reason: String,
}

impl Refusal {
    fn new(status: StatusCode, error: &'static str, reason: impl Into<String>) -> Self {
        Self { status, error, reason: reason.into() }
    }

    /// The question cannot be understood.
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", reason)
    }

    /// The token is missing or wrong.
    pub(super) fn unauthorized(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", reason)
    }

    /// Not from there.
    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", reason)
    }

    /// There is no such run, or it has no such log.
    pub(super) fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", reason)
    }

    /// As things stand it cannot be done.
    pub(super) fn conflict(error: &'static str, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error, reason)
    }

    /// Not now.
    pub(super) fn unavailable(error: &'static str, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, reason)
    }

    /// The words.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        let word = if matches!(error, store::Error::Full(_)) { "queue_full" } else { "store_unavailable" };
        Self::unavailable(word, error.to_string())
    }
}

impl From<platform::Error> for Refusal {
    fn from(error: platform::Error) -> Self {
        Self::unavailable("platform_unavailable", error.to_string())
    }
}

impl From<claim::Error> for Refusal {
    fn from(error: claim::Error) -> Self {
        match error {
            claim::Error::Store(error) => error.into(),
            claim::Error::Platform(error) => error.into(),
            late @ claim::Error::TooSlow => Self::unavailable("platform_unavailable", late.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Body { error: self.error, reason: self.reason })).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"agent-smith runs\""));
        }
        response
    }
}
