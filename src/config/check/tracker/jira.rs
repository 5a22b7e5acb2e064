//! Jira: a site, and optionally the key of one project in it.

use super::{Found, Input, join, segments, url_or_env};
use crate::config::model::Place;
use crate::config::problem::Desk;

/// Site: `url`, else `JIRA_URL`.
pub(super) fn find(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) -> Option<Found> {
    let (url, project) = (input.spot.child("url"), input.spot.child("project"));
    let key = input.raw.project.as_deref().map(str::trim);
    let is_key = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if key.is_some_and(|key| !is_key(key)) {
        desk.error(
            project.span(),
            format!("{} is not the key of a project; write it as in PROJ-1: PROJ", project.quoted()),
        );
        return None;
    }
    if !url.exists() && input.env.trimmed("JIRA_URL").is_none() {
        desk.error(
            url.key_span(),
            "`url` is missing in `tickets`: the site; or set the environment variable `JIRA_URL`",
        );
        return None;
    }
    let site = url_or_env(input, "JIRA_URL", desk)?;
    let is_cloud = site.host_str().is_some_and(|host| host.ends_with(".atlassian.net"));
    if is_cloud && !segments(&site).is_empty() {
        let host = site.host_str().unwrap_or_default();
        desk.error(url.span(), format!("this is a page of the site; write https://{host}, and the key as `project`"));
        return None;
    }
    let api_url = join(&site, &["rest", "api", "3"]);
    Some(Found { api_url, web_url: site, place: Place::Jira { project: key.map(str::to_ascii_uppercase) } })
}
