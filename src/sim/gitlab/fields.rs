//! Request bodies: form fields or JSON, as GitLab takes both.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::{StatusCode, header};
use serde_json::Value;
use url::form_urlencoded;

use super::face::Face;
use super::problem::Problem;

/// The fields of a body in the order they were sent. The items of a list are fields of the same name.
#[derive(Debug)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// Label names: comma-separated, or several. `None` when there is no such field.
    pub(super) fn names(&self, name: &str) -> Option<Vec<String>> {
        let given: Vec<&String> = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value).collect();
        let names = given.iter().flat_map(|value| value.split(','));
        let names = names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        (!given.is_empty()).then(|| names.collect())
    }
}

impl FromRequest<Face> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, face: &Face) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind.starts_with("application/json");
        let bytes = Bytes::from_request(request, face)
            .await
            .map_err(|_| Problem::error(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"))?;
        if !is_json {
            let fields = form_urlencoded::parse(&bytes).into_owned();
            return Ok(Self(fields.map(|(key, value)| (key.trim_end_matches("[]").to_owned(), value)).collect()));
        }
        let body: Value = serde_json::from_slice(&bytes)
            .map_err(|_| Problem::bad_request("The request body contains invalid JSON"))?;
        let object = body.as_object().ok_or_else(|| Problem::bad_request("The request body is no object"))?;
        let fields = object.iter().flat_map(|(key, value)| texts(value).into_iter().map(|text| (key.clone(), text)));
        Ok(Self(fields.collect()))
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}
