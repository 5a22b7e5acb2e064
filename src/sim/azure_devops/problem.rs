//! Azure DevOps' error answers: one type that every handler returns, and the block for too much as a fault.
//!
//! Texts and keys are Azure DevOps' where they are known, because clients tell errors apart by them.

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
    key: &'static str,
    message: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, key: &'static str, message: impl Into<String>) -> Self {
        Self { status, key, message: message.into() }
    }

    pub(super) fn bad_request(key: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, key, message)
    }

    /// What does not exist and what the token may not see look the same.
    pub(super) fn no_item(number: impl std::fmt::Display) -> Self {
        let message =
            format!("TF401232: Work item {number} does not exist, or you do not have permissions to read it.");
        Self::new(StatusCode::NOT_FOUND, "WorkItemUnauthorizedAccessException", message)
    }

    pub(super) fn no_project(name: &str) -> Self {
        let message = format!(
            "TF200016: The following project does not exist: {name}. Verify that the name of the project is correct \
             and that the project exists on the specified Azure DevOps Server."
        );
        Self::new(StatusCode::NOT_FOUND, "ProjectDoesNotExistWithNameException", message)
    }

    /// A route that this version of the server does not have.
    pub(super) fn no_route() -> Self {
        let message = "The API resource location is not registered on this server.";
        Self::new(StatusCode::NOT_FOUND, "VssResourceNotFoundException", message)
    }

    pub(super) fn may_not_save() -> Self {
        let message = "TF237111: The current user does not have permissions to save work items under the specified \
                       area path.";
        Self::new(StatusCode::FORBIDDEN, "WorkItemTrackingUnauthorizedOperationException", message)
    }

    pub(super) fn may_not_create_tags() -> Self {
        let message = "TF401289: The current user does not have permissions to create tags.";
        Self::new(StatusCode::FORBIDDEN, "TagCreationNotAllowedException", message)
    }

    /// The work item has another revision than the one tested for.
    pub(super) fn stale(revision: u64, tested: &Value) -> Self {
        let message = format!(
            "VS403351: Test Operation for path /rev failed, value {revision} was not equal to test value {tested}."
        );
        Self::new(StatusCode::PRECONDITION_FAILED, "TestPatchOperationFailedException", message)
    }

    pub(super) fn rule(message: impl Into<String>) -> Self {
        Self::bad_request("RuleValidationException", message)
    }

    /// The board's refusal in Azure DevOps' words.
    pub(super) fn from_board(error: BoardError) -> Self {
        match error {
            BoardError::NoTracker(name) => Self::no_project(&name),
            BoardError::NoTicket { number, .. }
            | BoardError::Deleted { number, .. }
            | BoardError::Transferred { number, .. } => Self::no_item(number),
            BoardError::Full(what) => Self::rule(format!("TF401243: too many: {what}")),
            other => Self::rule(format!("TF401320: Rule Error: {other}")),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(body(self.key, &self.message))).into_response()
    }
}

fn body(key: &str, message: &str) -> Value {
    json!({
        "$id": "1",
        "innerException": null,
        "message": message,
        "typeName": format!("Microsoft.TeamFoundation.WorkItemTracking.Server.{key}, Microsoft.TeamFoundation"),
        "typeKey": key,
        "errorCode": 0,
        "eventId": 3000,
    })
}

/// Azure DevOps' block for too much as a fault, with or without a wait.
pub fn blocked(retry_after: Option<Duration>) -> Fault {
    let message = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource \
                   'Concurrency' in namespace 'User'.";
    let answer = Fault::Answer {
        status: 429,
        headers: Vec::new(),
        content_type: "application/json; charset=utf-8".to_owned(),
        body: body("RequestBlockedException", message).to_string(),
    };
    match retry_after {
        Some(wait) => answer.header("retry-after", wait.as_secs().to_string()),
        None => answer,
    }
}
