//! A project: what it is called now; and who calls.

use std::collections::HashMap;

use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::guard::Version;
use super::json::{guid, time};
use super::located::Organization;
use super::problem::Problem;
use crate::sim::people::number_of;

/// Who the credentials belong to. Never released, so that it wants a preview version. Source: Microsoft, "Connection
/// Data".
pub(super) async fn connection(
    organization: Organization,
    Extension(version): Extension<Version>,
) -> Result<Response, Problem> {
    if !version.is_preview {
        let message = "The requested version of the resource is under preview. The -preview flag must be supplied.";
        return Err(Problem::bad_request("VssInvalidPreviewVersionException", message));
    }
    let login = &organization.face.login;
    let user = json!({
        "id": guid(number_of(login)),
        "descriptor": format!("Microsoft.IdentityModel.Claims.ClaimsIdentity;{login}@example.invalid"),
        "subjectDescriptor": format!("aad.{login}"),
        "providerDisplayName": &**login,
        "isActive": true,
        "properties": { "Account": { "$type": "System.String", "$value": format!("{login}@example.invalid") } },
    });
    let data = json!({
        "authenticatedUser": user,
        "authorizedUser": user,
        "instanceId": guid(1),
        "deploymentType": "hosted",
    });
    Ok(Json(data).into_response())
}

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
