//! GitHub's error answers: one type that every handler returns, and the secondary limit as a fault.
//!
//! Texts are GitHub's where they are published, because clients tell errors apart by them.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::sim::board::BoardError;
use crate::sim::faults::Fault;

const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// An error answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    message: String,
    errors: Option<Box<Value>>,
    location: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: None, location: None }
    }

    /// What does not exist and what the token may not see look the same.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// 422 with one entry in `errors`.
    pub(super) fn invalid(error: Value) -> Self {
        Self {
            errors: Some(Box::new(json!([error]))),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed")
        }
    }

    /// 422 for one field of one kind of thing.
    pub(super) fn invalid_field(resource: &str, field: &str, code: &str) -> Self {
        Self::invalid(json!({ "resource": resource, "field": field, "code": code }))
    }

    /// 422 for a body that does not have the documented shape.
    pub(super) fn invalid_request(detail: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, format!("Invalid request.\n\n{detail}"))
    }

    /// It lives elsewhere: 301, or 307 where the method must be kept.
    pub(super) fn moved(location: String, keep_method: bool) -> Self {
        let (status, message) = if keep_method {
            (StatusCode::TEMPORARY_REDIRECT, "Temporary Redirect")
        } else {
            (StatusCode::MOVED_PERMANENTLY, "Moved Permanently")
        };
        Self { location: Some(location), ..Self::new(status, message) }
    }

    /// The board's refusal in GitHub's words. A transfer needs to know where to and is `Located`'s affair.
    pub(super) fn from_board(error: BoardError) -> Self {
        match error {
            BoardError::Deleted { .. } => Self::new(StatusCode::GONE, "This issue was deleted"),
            BoardError::NoComment(_) => Self::not_found(),
            BoardError::NoLabel(_) => Self::new(StatusCode::NOT_FOUND, "Label does not exist"),
            BoardError::LabelExists(_) => Self::invalid_field("Label", "name", "already_exists"),
            BoardError::InvalidLabel { name, reason } => Self::invalid(json!({
                "resource": "Label", "field": "name", "code": "invalid", "value": name, "message": reason,
            })),
            BoardError::InvalidText { field, reason } => Self::invalid(json!({
                "resource": "Issue", "field": field, "code": "custom", "message": format!("{field} {reason}"),
            })),
            BoardError::Full(what) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, format!("too many: {what}")),
            BoardError::NoTracker(_)
            | BoardError::NoTicket { .. }
            | BoardError::TrackerExists(_)
            | BoardError::Transferred { .. } => Self::not_found(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message,
            "documentation_url": DOCUMENTATION,
            "status": self.status.as_str(),
        });
        if let Some(errors) = self.errors {
            body["errors"] = *errors;
        }
        if let Some(location) = &self.location {
            body["url"] = json!(location);
        }
        let mut answer = (self.status, Json(body)).into_response();
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        answer
    }
}

/// GitHub's secondary limit as a fault: 403 or 429, with or without `retry-after`; quota remains.
pub fn secondary_limit(status: u16, retry_after: Option<Duration>) -> Fault {
    let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let about = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits";
    let body = json!({ "message": message, "documentation_url": about, "status": status.to_string() }).to_string();
    let content_type = "application/json; charset=utf-8".to_owned();
    let answer = Fault::Answer { status, headers: Vec::new(), content_type, body };
    match retry_after {
        Some(wait) => answer.header("retry-after", wait.as_secs().to_string()),
        None => answer,
    }
}
