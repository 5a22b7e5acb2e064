//! Jira's error answers: one type that every handler returns, and its limits as faults.
//!
//! Texts are Jira's where they are published, because clients tell errors apart by them.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::sim::board::BoardError;
use crate::sim::faults::Fault;

/// An error answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    body: Box<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// With one entry in `errorMessages`.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::with(status, json!({ "errorMessages": [message.into()], "errors": {} }))
    }

    fn with(status: StatusCode, body: Value) -> Self {
        Self { status, body: Box::new(body), headers: Vec::new() }
    }

    /// 400 with one entry in `errors`.
    pub(super) fn field(name: &str, reason: impl Into<String>) -> Self {
        Self::with(StatusCode::BAD_REQUEST, json!({ "errorMessages": [], "errors": { name: reason.into() } }))
    }

    /// What does not exist and what the caller may not see look the same.
    pub(super) fn no_issue() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Issue does not exist or you do not have permission to see it.")
    }

    pub(super) fn no_project(key: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("No project could be found with key '{key}'."))
    }

    pub(super) fn not_authenticated() -> Self {
        let message = "Client must be authenticated to access this resource.";
        Self::with(StatusCode::UNAUTHORIZED, json!({ "message": message, "status-code": 401 }))
    }

    pub(super) fn unreadable() -> Self {
        let message = "Invalid request payload. Refer to the REST API documentation and try again.";
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A path that this deployment does not have.
    pub(super) fn no_such_path() -> Self {
        Self::with(StatusCode::NOT_FOUND, json!({ "message": "HTTP 404 Not Found", "status-code": 404 }))
    }

    /// The search that Cloud has taken away.
    pub(super) fn search_removed() -> Self {
        let message = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full \
                       migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046";
        Self::new(StatusCode::GONE, message)
    }

    /// One issue was written too often.
    pub(super) fn too_many_writes(wait: Duration) -> Self {
        let seconds = wait.as_secs_f64().ceil().to_string();
        let headers = vec![("retry-after", seconds), ("ratelimit-reason", "jira-per-issue-on-write".to_owned())];
        Self { headers, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded.") }
    }

    /// The board's refusal in Jira's words.
    pub(super) fn from_board(error: BoardError) -> Self {
        match error {
            BoardError::InvalidLabel { name, reason } => Self::field("labels", format!("The label '{name}': {reason}")),
            BoardError::InvalidText { field, reason } => Self::field(field, format!("{field} {reason}")),
            BoardError::Full(what) if what.contains("comments") => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The number of comments on this issue has reached its limit.")
            }
            BoardError::Full(what) => Self::field("labels", format!("too many: {what}")),
            BoardError::NoTracker(_)
            | BoardError::NoTicket { .. }
            | BoardError::Deleted { .. }
            | BoardError::TrackerExists(_)
            | BoardError::NoLabel(_)
            | BoardError::NoComment(_)
            | BoardError::LabelExists(_)
            | BoardError::Transferred { .. } => Self::no_issue(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = (self.status, Json(self.body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = http::HeaderValue::try_from(value) {
                answer.headers_mut().insert(name, value);
            }
        }
        answer
    }
}

/// One of Jira's limits as a fault. `reason` is the value of `RateLimit-Reason`, such as `jira-burst-based` or, for the
/// limit on writes to one issue, `jira-per-issue-on-write`; a gateway sends neither a reason (empty) nor a wait.
pub fn rate_limit(reason: &str, retry_after: Option<Duration>) -> Fault {
    let mut fault = Fault::status(429);
    if let Fault::Answer { body, .. } = &mut fault {
        *body = r#"{"errorMessages":["Rate limit exceeded."],"errors":{}}"#.to_owned();
    }
    if !reason.is_empty() {
        fault = fault.header("ratelimit-reason", reason);
    }
    match retry_after {
        Some(wait) => fault.header("retry-after", wait.as_secs().to_string()),
        None => fault,
    }
}
