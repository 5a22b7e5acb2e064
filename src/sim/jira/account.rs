//! Who the token is, what it may do, what the site and its projects are.

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::Utc;
use http::StatusCode;
use serde_json::{Value, json};

use super::face::Face;
use super::guard::Caller;
use super::issues::parameter;
use super::json::{self, Wanted};
use super::options::Deployment;
use super::problem::Problem;
use crate::sim::board::{Role, TrackerView};

/// The only call that tells a stranger that they are one.
pub(super) async fn myself(
    State(face): State<Face>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let login = caller.login.as_deref().ok_or_else(Problem::not_authenticated)?;
    let mut user = json::user(login, &caller, &face);
    user["emailAddress"] = json!(face.options.email);
    user["locale"] = json!("en_US");
    Ok(Json(user).into_response())
}

/// Open to anybody.
pub(super) async fn server_info(State(face): State<Face>, Extension(caller): Extension<Caller>) -> Response {
    let (version, numbers, kind) = match face.options.deployment {
        Deployment::Cloud => ("1001.0.0-SNAPSHOT", json!([1001, 0, 0]), "Cloud"),
        Deployment::DataCenter => ("9.12.5", json!([9, 12, 5]), "Server"),
    };
    let info = json!({
        "baseUrl": caller.site,
        "version": version,
        "versionNumbers": numbers,
        "deploymentType": kind,
        "buildNumber": 100_200,
        "buildDate": "2026-01-01T00:00:00.000+0000",
        "serverTime": json::time(Utc::now()),
        "scmInfo": "0000000",
        "serverTitle": "Jira (simulated)",
    });
    Json(info).into_response()
}

/// For administrators of the project. Cloud finds an account by its id, Data Center users by how their name begins.
/// Source: Jira REST, "Find users with permissions".
pub(super) async fn permitted(
    State(face): State<Face>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    if caller.login.is_none() {
        return Err(Problem::not_authenticated());
    }
    let asked = |name: &str| parameter(query.as_deref(), name).unwrap_or_default();
    if asked("permissions") != "EDIT_ISSUES" {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "The permissions query parameter is required."));
    }
    let key = asked("issueKey");
    let (project, number) = key.rsplit_once('-').ok_or_else(Problem::no_issue)?;
    let tracker = visible(&face, &caller, project).ok_or_else(Problem::no_issue)?;
    let number = number.parse().map_err(|_| Problem::no_issue())?;
    face.board.look(&tracker.name, number).map_err(|_| Problem::no_issue())?;
    if !face.options.administers {
        return Err(Problem::new(StatusCode::FORBIDDEN, "You do not have permission to find users."));
    }
    let is_asked_for = |login: &str| match face.options.deployment {
        Deployment::Cloud => asked("accountId") == format!("sim-{login}"),
        Deployment::DataCenter => login.starts_with(&asked("username").to_lowercase()),
    };
    let members = face.board.members(&tracker.name).into_iter();
    let editors = members.filter(|(login, role)| *role >= Role::Writer && is_asked_for(login));
    let users: Vec<Value> = editors.map(|(login, _)| json::user(&login, &caller, &face)).collect();
    Ok(Json(users).into_response())
}

/// Of one project, or of any. Strangers may ask and have none.
pub(super) async fn my_permissions(
    State(face): State<Face>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = parameter(query.as_deref(), "permissions").map(|names| Wanted::split(&names)).unwrap_or_default();
    if asked.is_empty() {
        let message = "The 'permissions' query parameter is required.";
        return Err(Problem::new(StatusCode::BAD_REQUEST, message));
    }
    let (may_see, may_write) = match parameter(query.as_deref(), "projectKey") {
        Some(key) => {
            let project = visible(&face, &caller, &key).ok_or_else(|| Problem::no_project(&key))?;
            (true, project.can_write)
        }
        None => {
            let all = face.board.trackers();
            let mut seen = all.iter().filter(|tracker| !tracker.hidden && caller.login.is_some()).peekable();
            (seen.peek().is_some(), seen.any(|tracker| tracker.can_write))
        }
    };
    let permission = |key: &str| {
        let has = match key {
            "BROWSE_PROJECTS" => may_see,
            "EDIT_ISSUES" | "ADD_COMMENTS" => may_write,
            _ => return Err(Problem::new(StatusCode::BAD_REQUEST, format!("Unrecognized permission: {key}"))),
        };
        Ok(json!({ "id": "0", "key": key, "name": key, "type": "PROJECT", "description": "", "havePermission": has }))
    };
    let permissions: serde_json::Map<String, Value> =
        asked.into_iter().map(|key| permission(&key).map(|value| (key, value))).collect::<Result<_, _>>()?;
    Ok(Json(json!({ "permissions": permissions })).into_response())
}

/// An old key leads to the project under its new one.
pub(super) async fn project(
    State(face): State<Face>,
    Extension(caller): Extension<Caller>,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    let tracker = visible(&face, &caller, &key).ok_or_else(|| Problem::no_project(&key))?;
    let mut project = json::project(&tracker, &caller);
    project["description"] = json!("");
    project["archived"] = json!(false);
    project["isPrivate"] = json!(true);
    Ok(Json(project).into_response())
}

/// The project that a key leads to, if the caller may see it.
pub(super) fn visible(face: &Face, caller: &Caller, key: &str) -> Option<TrackerView> {
    face.board.tracker(key).filter(|tracker| !tracker.hidden && caller.login.is_some())
}
