//! A project: what it is called now.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::json::{guid, time};
use super::located::Organization;
use super::problem::Problem;

/// By name or id. A former name finds it only with `includeHistory`. Source: Microsoft, "Projects - Get".
pub(super) async fn read(
    organization: Organization,
    Query(params): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let asked = organization.param("project");
    let with_history = params.get("includeHistory").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let full = format!("{}/{asked}", organization.name).to_lowercase();
    let former = organization.face.board.tracker(&full).filter(|_| with_history).map(|tracker| tracker.id);
    let found = organization.trackers().into_iter().find(|tracker| {
        tracker.name.to_lowercase() == full || guid(tracker.id) == asked.to_lowercase() || former == Some(tracker.id)
    });
    let tracker = found.ok_or_else(|| Problem::no_project(asked))?;
    let name = tracker.name.split_once('/').map_or("", |(_, name)| name);
    let collection = format!("{}/{}", organization.caller.api, organization.name);
    let project = json!({
        "id": guid(tracker.id),
        "name": name,
        "url": format!("{collection}/_apis/projects/{}", guid(tracker.id)),
        "state": "wellFormed",
        "revision": 1,
        "visibility": "private",
        "lastUpdateTime": time(tracker.created_at),
    });
    Ok(Json(project).into_response())
}
