//! The labels that a project defines.

use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::fields::Fields;
use super::json;
use super::listing::Params;
use super::located::Located;
use super::problem::Problem;

/// Ordered by title; `search` looks into titles and descriptions and ignores case.
pub(super) async fn list(at: Located, RawQuery(query): RawQuery) -> Response {
    let params = Params::parse(query.as_deref());
    let search = params.get("search").unwrap_or_default().to_lowercase();
    let mut labels = at.face.board.labels(at.name());
    labels.retain(|label| {
        let description = label.description.as_deref().unwrap_or_default();
        label.name.to_lowercase().contains(&search) || description.to_lowercase().contains(&search)
    });
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    params.counted(&labels, &at.url, at.face.options.totals_up_to, |label| json::label(label))
}

pub(super) async fn create(at: Located, fields: Fields) -> Result<Response, Problem> {
    if !at.tracker.can_write {
        return Err(Problem::forbidden());
    }
    let (Some(name), Some(color)) = (fields.text("name"), fields.text("color")) else {
        return Err(Problem::bad_request("name is missing, color is missing"));
    };
    if name.contains(',') {
        return Err(Problem::message(StatusCode::BAD_REQUEST, serde_json::json!({ "title": ["is invalid"] })));
    }
    let color = color.trim_start_matches('#').to_owned();
    let label = at
        .face
        .board
        .create_label(at.name(), &name, &color, fields.text("description"))
        .map_err(Problem::from_board)?;
    Ok((StatusCode::CREATED, Json(json::label(&label))).into_response())
}
