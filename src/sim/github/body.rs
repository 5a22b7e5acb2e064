//! Reading request bodies.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde_json::Value;

use super::face::Face;
use super::problem::Problem;

/// A request body that is a JSON object or array, whatever its content type says: GitHub does not look at that.
#[derive(Debug)]
pub(super) struct JsonBody(pub(super) Value);

impl FromRequest<Face> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, face: &Face) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, face)
            .await
            .map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large"))?;
        let problems = || Problem::new(StatusCode::BAD_REQUEST, "Problems parsing JSON");
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| problems())?;
        if value.is_object() || value.is_array() { Ok(Self(value)) } else { Err(problems()) }
    }
}

/// The label names in `["a"]` or `[{"name": "a"}]`.
pub(super) fn names_in(value: &Value) -> Result<Vec<String>, Problem> {
    let invalid = || Problem::invalid_request("For 'properties/labels', an array of label names is needed.");
    let name = |item: &Value| item.as_str().or_else(|| item["name"].as_str()).map(str::to_owned);
    value.as_array().ok_or_else(invalid)?.iter().map(|item| name(item).ok_or_else(invalid)).collect()
}

/// A text in a JSON body; null counts as absent.
pub(super) fn text(body: &Value, field: &str) -> Result<Option<String>, Problem> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(Problem::invalid_request(&format!("For 'properties/{field}', {other} is not a string."))),
    }
}
