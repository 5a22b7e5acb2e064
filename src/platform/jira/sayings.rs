//! What an answer says in Jira's own words. Pure.
//!
//! Who calls: everything that has to tell refusals apart.

use http::StatusCode;
use serde_json::Value;

use crate::platform::http::Answer;

/// Longest text of a platform that goes into a message.
pub(super) const LONGEST_SAYING: usize = 200;

/// True for an error in the words of Jira's API, and not of something in front of it.
pub(super) fn is_from_jira(answer: &Answer) -> bool {
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body["errorMessages"].is_array())
}

/// True for the gateway's "scope does not match": the token is good and too weak for this call.
pub(super) fn lacks_scope(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        && answer.message().to_lowercase().contains("scope does not match")
}

/// What Jira said: `errorMessages`, and `errors` by field; else what anybody says.
pub(super) fn said(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let messages = body["errorMessages"].as_array().into_iter().flatten().filter_map(text);
    let fields = body["errors"].as_object().into_iter().flatten();
    let fields = fields.filter_map(|(field, reason)| Some(format!("{field}: {}", reason.as_str()?)));
    let all: Vec<String> = messages.chain(fields).collect();
    if all.is_empty() {
        return answer.message();
    }
    let line = all.join("; ").split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(LONGEST_SAYING).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn said_in(body: &'static str) -> String {
        said(&Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) })
    }

    #[test]
    fn messages_and_fields_are_one_line() {
        let body = r#"{"errorMessages":["Not\nallowed."],"errors":{"labels":"Field 'labels' cannot be set."}}"#;
        assert_eq!(said_in(body), "Not allowed.; labels: Field 'labels' cannot be set.");
        assert_eq!(said_in(r#"{"message":"Client must be authenticated"}"#), "Client must be authenticated");
        assert_eq!(said_in(r#"{"errorMessages":[],"errors":{}}"#), r#"{"errorMessages":[],"errors":{}}"#);
        assert_eq!(said_in("<html>"), "a page instead of an answer");
    }
}
