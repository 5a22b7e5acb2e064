//! What a delivery is answered: a status, a word and a reason, as JSON.
//!
//! What must stay true: the words are public (`docs/operations.md`); a reason is one short line and holds no secret.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::limits::{REASON_CHARS, RETRY_AFTER_SECONDS};
use crate::claim::{Claim, Rejection};
use crate::config::Project;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    status: u16,
    result: Cow<'static, str>,
    reason: String,
    /// True when sending the delivery again would be answered the same, so that this answer may be remembered.
    #[serde(skip)]
    stands: bool,
}

/// The body.
#[derive(Serialize)]
struct Body {
    result: Cow<'static, str>,
    reason: String,
}

impl Answer {
    fn new(status: StatusCode, result: &'static str, reason: impl AsRef<str>) -> Self {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let reason = reason.as_ref().chars().take(REASON_CHARS).map(plain).collect();
        Self { status: status.as_u16(), result: Cow::Borrowed(result), reason, stands: false }
    }

    fn standing(self) -> Self {
        Self { stands: true, ..self }
    }

    /// How the claim of a ticket ended.
    pub(super) fn of_claim(project: &Project, ticket: &str, claim: &Claim) -> Self {
        let name = &project.name;
        match claim {
            Claim::Claimed(job) => {
                let reason = format!("ticket {ticket} of {name} is queued for {}", job.pipeline);
                Self::new(StatusCode::ACCEPTED, "claimed", reason)
            }
            Claim::AlreadyClaimed(why) => {
                Self::new(StatusCode::OK, "already_claimed", format!("ticket {ticket} of {name}: {why}"))
            }
            Claim::Rejected(why) => {
                let rejected = Self::new(StatusCode::OK, "rejected", format!("ticket {ticket} of {name}: {why}"));
                // Whoever may not now may later, when somebody gives them a role or lists them.
                return if matches!(why, Rejection::Actor(_)) { rejected } else { rejected.standing() };
            }
        }
        .standing()
    }

    /// It is being worked on; whoever asks later learns how it ended.
    pub(super) fn accepted(reason: impl AsRef<str>) -> Self {
        Self::new(StatusCode::ACCEPTED, "accepted", reason)
    }

    /// A request for a run was taken back.
    pub(super) fn withdrawn(reason: impl AsRef<str>) -> Self {
        Self::new(StatusCode::OK, "withdrawn", reason).standing()
    }

    /// A command was answered with words on the ticket.
    pub(super) fn answered(said: impl AsRef<str>) -> Self {
        Self::new(StatusCode::OK, "answered", said).standing()
    }

    /// There is nothing to do.
    pub(super) fn ignored(reason: impl AsRef<str>) -> Self {
        Self::new(StatusCode::OK, "ignored", reason).standing()
    }

    /// The platform does not let us do it, and a person must act before it would.
    pub(super) fn refused_by_platform(reason: impl AsRef<str>) -> Self {
        Self::new(StatusCode::OK, "rejected", reason)
    }

    /// The request is not what the platform documents.
    pub(super) fn malformed(reason: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", reason)
    }

    /// The secret or the signature is missing or wrong.
    pub(super) fn unauthorized(reason: impl AsRef<str>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", reason)
    }

    /// The body is too large.
    pub(super) fn too_large(limit: usize) -> Self {
        let reason = format!("the body has more than {limit} bytes (webhooks.max_body_bytes)");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", reason)
    }

    /// Not now; sending it again may help.
    pub(super) fn unavailable(result: &'static str, reason: impl AsRef<str>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, result, reason)
    }

    /// True when the answer may be remembered for the delivery.
    pub(super) fn stands(&self) -> bool {
        self.stands
    }

    /// True for 503.
    pub(super) fn is_unavailable(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE.as_u16()
    }

    /// True when a job was queued.
    pub(super) fn is_claimed(&self) -> bool {
        self.result == "claimed"
    }

    /// True when a request was taken back.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.result == "withdrawn"
    }

    /// True for 401.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED.as_u16()
    }

    /// The word.
    pub(super) fn result(&self) -> &str {
        &self.result
    }

    /// The words.
    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// As the store remembers it.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As the store remembered it; `None` for what no version of ours wrote.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let answer: Self = serde_json::from_str(text).ok()?;
        StatusCode::from_u16(answer.status).is_ok().then(|| answer.standing())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        // Made from a status, or checked when it was read.
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let mut response = (status, Json(Body { result: self.result, reason: self.reason })).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"agent-smith webhooks\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_answers_the_same() {
        let first = Answer::ignored("ping\n\u{7}");
        assert_eq!(Answer::from_text(&first.to_text()), Some(first.clone()));
        assert_eq!(first.reason(), "ping  ");
        assert_eq!(Answer::from_text("nonsense"), None);
        assert_eq!(Answer::from_text(r#"{"status":7,"result":"x","reason":""}"#), None);
        assert_eq!(Answer::ignored("x".repeat(9_999)).reason().len(), REASON_CHARS);
    }

    #[test]
    fn only_answers_that_would_be_the_same_again_are_remembered() {
        assert!(Answer::ignored("").stands());
        for passing in [
            Answer::accepted(""),
            Answer::unauthorized(""),
            Answer::malformed(""),
            Answer::too_large(1),
            Answer::refused_by_platform(""),
            Answer::unavailable("busy", ""),
        ] {
            assert!(!passing.stands(), "{passing:?}");
        }
    }
}
