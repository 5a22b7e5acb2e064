//! GitLab's error answers: one type that every handler returns, and some answers as faults.
//!
//! Texts are GitLab's where they are published, because clients tell errors apart by them.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::sim::board::BoardError;
use crate::sim::faults::Fault;

/// An error answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    body: Value,
    location: Option<String>,
}

impl Problem {
    /// The usual form.
    pub(super) fn message(status: StatusCode, message: impl Into<Value>) -> Self {
        Self { status, body: json!({ "message": message.into() }), location: None }
    }

    /// The form of what the API's own layer refuses, before GitLab looks at it.
    pub(super) fn error(status: StatusCode, error: &str) -> Self {
        Self { status, body: json!({ "error": error }), location: None }
    }

    /// What does not exist and what the token may not see look the same.
    pub(super) fn no_project() -> Self {
        Self::message(StatusCode::NOT_FOUND, "404 Project Not Found")
    }

    pub(super) fn not_found() -> Self {
        Self::message(StatusCode::NOT_FOUND, "404 Not found")
    }

    /// A path that the API does not have.
    pub(super) fn no_route() -> Self {
        Self::error(StatusCode::NOT_FOUND, "404 Not Found")
    }

    pub(super) fn forbidden() -> Self {
        Self::message(StatusCode::FORBIDDEN, "403 Forbidden")
    }

    pub(super) fn bad_request(error: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, error)
    }

    /// The scope of the token does not reach.
    pub(super) fn insufficient_scope() -> Self {
        let body = json!({
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api",
        });
        Self { status: StatusCode::FORBIDDEN, body, location: None }
    }

    /// A project under an old name: reads are sent on, writes refused.
    pub(super) fn moved(location: String) -> Self {
        let message = format!("This resource has been moved permanently to {location}");
        Self { location: Some(location), ..Self::message(StatusCode::MOVED_PERMANENTLY, message) }
    }

    pub(super) fn moved_write() -> Self {
        Self::message(StatusCode::METHOD_NOT_ALLOWED, "Non GET methods are not allowed for moved projects")
    }

    /// The board's refusal in GitLab's words.
    pub(super) fn from_board(error: BoardError) -> Self {
        let invalid = |field: &str, reason: String| Self::message(StatusCode::BAD_REQUEST, json!({ field: [reason] }));
        match error {
            BoardError::NoTracker(_) => Self::no_project(),
            BoardError::LabelExists(_) => Self::message(StatusCode::CONFLICT, "Label already exists"),
            BoardError::InvalidLabel { reason, .. } => invalid("title", reason),
            BoardError::InvalidText { field, reason } => invalid(field, reason),
            BoardError::Full(what) => invalid("base", format!("too many: {what}")),
            BoardError::NoTicket { .. }
            | BoardError::Deleted { .. }
            | BoardError::Transferred { .. }
            | BoardError::NoLabel(_)
            | BoardError::NoComment(_)
            | BoardError::TrackerExists(_) => Self::not_found(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.body)).into_response();
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        answer
    }
}

/// The answer over a limit, as a fault: 429 in plain text. The limits of an application, such as 60 notes a minute,
/// name no wait.
pub fn retry_later(retry_after: Option<Duration>) -> Fault {
    let fault = plain(429, "Retry later\n");
    match retry_after {
        Some(wait) => fault.header("retry-after", wait.as_secs().to_string()),
        None => fault,
    }
}

/// The answer to an address that was blocked, after too many failed logins for example: 403 in plain text.
pub fn address_blocked() -> Fault {
    plain(403, "Forbidden\n")
}

/// The answer to a token that was good once.
pub fn token_expired() -> Fault {
    let description = "Token is expired. You can either do re-authorization or token refresh.";
    let body = json!({ "error": "invalid_token", "error_description": description }).to_string();
    Fault::Answer { status: 401, headers: Vec::new(), content_type: "application/json".to_owned(), body }
}

fn plain(status: u16, text: &str) -> Fault {
    let content_type = "text/plain".to_owned();
    Fault::Answer { status, headers: Vec::new(), content_type, body: text.to_owned() }
}
