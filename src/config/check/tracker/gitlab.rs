//! GitLab: an instance and the path of a project, or the project's page alone.

use url::Url;

use super::{Found, Input, join, segments, url_or_env, with_path};
use crate::config::model::Place;
use crate::config::problem::Desk;

/// Instance: `url`, else `GITLAB_URL`, else gitlab.com.
pub(super) fn find(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) -> Option<Found> {
    let (url, project) = (input.spot.child("url"), input.spot.child("project"));
    if url.exists() && input.raw.url.is_none() || project.exists() && input.raw.project.is_none() {
        return None;
    }
    let is_given = url.exists() || input.env.trimmed("GITLAB_URL").is_some();
    let base = if is_given { url_or_env(input, "GITLAB_URL", desk)? } else { Url::parse("https://gitlab.com").ok()? };
    let mut parts = segments(&base);
    // A page below the project, such as `…/-/issues`.
    parts.truncate(parts.iter().position(|part| part == "-").unwrap_or(parts.len()));
    let (prefix, path) = match &input.raw.project {
        Some(path) => {
            let path = names_of(path.trim());
            if !is_project(&path) {
                desk.error(
                    project.span(),
                    format!("{} is not the path of a project; write group/name", project.quoted()),
                );
                return None;
            }
            (without_project(parts, &path), path)
        }
        None if !url.exists() => {
            let message = "`tickets` names no project; give `project: group/name`, or the project's page as `url`";
            desk.error(project.key_span(), message);
            return None;
        }
        None => {
            let prefix = sub_path(input, &base);
            let is_below = parts.len() > prefix.len() && parts.starts_with(&prefix);
            let prefix = if is_below { prefix } else { Vec::new() };
            let path = names_of(&parts.split_off(prefix.len()).join("/"));
            if !is_project(&path) {
                let message =
                    "this URL names no project; add `project: group/name`, or give the project's page as `url`";
                desk.error(url.span(), message);
                return None;
            }
            (prefix, path)
        }
    };
    if base.host_str() == Some("gitlab.com") && !prefix.is_empty() {
        desk.error(
            url.span(),
            "gitlab.com is not below a path; give its plain URL beside `project`, or the project's page alone",
        );
        return None;
    }
    let instance = with_path(&base, &prefix);
    let web_url = with_path(&instance, &[prefix, path.clone()].concat());
    Some(Found { api_url: join(&instance, &["api", "v4"]), web_url, place: Place::GitLab { path: path.join("/") } })
}

fn names_of(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(|name| name.strip_suffix(".git").unwrap_or(name).to_owned()).collect()
}

/// At least a group and a name, in the characters that GitLab allows.
fn is_project(parts: &[String]) -> bool {
    let is_name = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
    parts.len() >= 2 && parts.iter().all(is_name)
}

/// What is left of the URL's path when it is the project's page, although `project` is given too.
fn without_project(mut parts: Vec<String>, project: &[String]) -> Vec<String> {
    let page = parts.len().checked_sub(project.len()).map(|at| names_of(&parts[at..].join("/")));
    let same = page.is_some_and(|page| page.iter().zip(project).all(|(a, b)| a.eq_ignore_ascii_case(b)));
    if same {
        parts.truncate(parts.len() - project.len());
    }
    parts
}

/// The path that an instance lives below, when `api_url` or `GITLAB_URL` tells it for the same host.
fn sub_path(input: &Input<'_, '_>, page: &Url) -> Vec<String> {
    let from_api =
        input.raw.api_url.as_deref().and_then(|url| url.trim().trim_end_matches('/').strip_suffix("/api/v4"));
    let known =
        [from_api, input.env.trimmed("GITLAB_URL")].into_iter().flatten().filter_map(|url| Url::parse(url).ok());
    let mut same_host = known.filter(|url| url.host() == page.host());
    same_host.next().map(|url| segments(&url)).unwrap_or_default()
}
