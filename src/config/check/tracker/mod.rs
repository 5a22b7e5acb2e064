//! What names a tracker, where its API is and what it is called with.
//!
//! Called by the check of a project; one file per platform. What must stay true: two spellings of one tracker give equal
//! values, and credentials are a warning away from being used: without them the project stays in force.

mod azure_devops;
mod github;
mod gitlab;
mod jira;

use secrecy::SecretString;
use url::Url;

use super::Spot;
use crate::config::env::Env;
use crate::config::model::{Credentials, Place, Tracker};
use crate::config::problem::Desk;
use crate::config::raw;
use crate::ticket::PlatformKind;

/// What a platform's file is given.
struct Input<'i, 't> {
    raw: &'i raw::Tickets,
    spot: Spot<'t>,
    env: &'i Env,
}

/// What a platform's file finds out.
struct Found {
    /// Default base of the API.
    api_url: Url,
    web_url: Url,
    place: Place,
}

/// The tracker of a project; `None` after something about it was reported as an error.
pub(super) fn tracker(raw: &raw::Tickets, spot: Spot<'_>, env: &Env, desk: &mut Desk<'_, '_>) -> Option<Tracker> {
    let input = Input { raw, spot, env };
    refuse_foreign_keys(&input, desk);
    let found = match raw.kind.0 {
        PlatformKind::GitHub => github::find(&input, desk),
        PlatformKind::GitLab => gitlab::find(&input, desk),
        PlatformKind::AzureDevOps => azure_devops::find(&input, desk),
        PlatformKind::Jira => jira::find(&input, desk),
    };
    let api_url = api_url(&input, desk);
    let has_account = found.as_ref().is_none_or(|found| needs_account(&found.web_url));
    let credentials = credentials(&input, has_account, desk);
    let Found { api_url: default, web_url, place } = found?;
    Some(Tracker { api_url: api_url.unwrap_or(default), web_url, place, credentials })
}

/// A key that has no meaning on this platform would silently do nothing.
fn refuse_foreign_keys(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) {
    let platform = input.raw.kind.0;
    for (key, platforms) in [
        ("project", &[PlatformKind::GitLab, PlatformKind::AzureDevOps, PlatformKind::Jira][..]),
        ("organization", &[PlatformKind::AzureDevOps]),
        ("open_states", &[PlatformKind::AzureDevOps]),
    ] {
        let place = input.spot.child(key);
        if place.exists() && !platforms.contains(&platform) {
            let name = platform.display_name();
            desk.error(place.key_span(), format!("`{key}` means nothing for tickets of type {name}; remove it"));
        }
    }
}

fn api_url(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) -> Option<Url> {
    let spot = input.spot.child("api_url");
    let url = parse_url(input.raw.api_url.as_deref()?, spot, &["http", "https"], desk)?;
    let endings: &[&str] = match input.raw.kind.0 {
        PlatformKind::GitLab => &["/api/v4"],
        PlatformKind::Jira => &["/rest/api/3", "/rest/api/2", "/rest/api/latest"],
        PlatformKind::GitHub | PlatformKind::AzureDevOps => &[],
    };
    if !endings.is_empty() && !endings.iter().any(|ending| url.path().ends_with(ending)) {
        let name = input.raw.kind.0.display_name();
        desk.warn(
            spot.span(),
            format!("the API base of {name} ends with `{}`; this one is used as it stands", endings[0]),
        );
    }
    Some(url)
}

/// Parses a URL: one of `schemes`, a host, no credentials, no query; slashes at the end go.
pub(super) fn parse_url(text: &str, spot: Spot<'_>, schemes: &[&str], desk: &mut Desk<'_, '_>) -> Option<Url> {
    let problem = match Url::parse(text.trim()) {
        Ok(url) if !schemes.contains(&url.scheme()) => format!("must begin with {}://", schemes.join(":// or ")),
        Ok(url) if !url.has_host() => "names no host".to_owned(),
        Ok(url) if url.password().is_some() || (url.scheme() != "ssh" && !url.username().is_empty()) => {
            "may not hold credentials; they come from the environment".to_owned()
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => "may not have a `?` or `#` part".to_owned(),
        Ok(mut url) => {
            let path = url.path().trim_end_matches('/').to_owned();
            url.set_path(&path);
            return Some(url);
        }
        Err(_) => "is not a URL; write it as https://host/…".to_owned(),
    };
    // Not quoted: what is wrong with it may be a password.
    desk.error(spot.span(), format!("this URL {problem}"));
    None
}

/// A base URL from the file, else from the environment.
fn url_or_env(input: &Input<'_, '_>, variable: &str, desk: &mut Desk<'_, '_>) -> Option<Url> {
    let spot = input.spot.child("url");
    if spot.exists() {
        return parse_url(input.raw.url.as_deref()?, spot, &["http", "https"], desk);
    }
    let value = input.env.trimmed(variable)?;
    let url = Url::parse(value).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(mut url) =
        url.filter(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none())
    else {
        desk.error(spot.key_span(), format!("environment variable `{variable}` is not a plain http or https URL"));
        return None;
    };
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url.set_fragment(None);
    Some(url)
}

/// The segments of a path, without empty ones. Percent-encoding stays.
fn segments(url: &Url) -> Vec<String> {
    url.path_segments().into_iter().flatten().filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The URL with further segments; what needs it is percent-encoded.
fn join(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(parts);
    }
    url
}

/// The URL with this path instead of its own.
fn with_path(url: &Url, parts: &[String]) -> Url {
    let mut url = url.clone();
    url.set_path(&parts.join("/"));
    url
}

/// Where Atlassian hosts Jira, a token goes with an account; elsewhere it may be a personal access token, which goes
/// alone.
fn needs_account(site: &Url) -> bool {
    site.host_str().is_some_and(|host| host.ends_with(".atlassian.net"))
}

/// From the environment. Not set: a warning, because the token may come tomorrow and the rest is right today.
fn credentials(input: &Input<'_, '_>, needs_account: bool, desk: &mut Desk<'_, '_>) -> Option<Credentials> {
    let auth = input.spot.child("auth");
    let span = if auth.exists() { auth.span() } else { input.spot.key_span() };
    let (user, token) = match input.raw.kind.0 {
        PlatformKind::GitHub => (None, "GITHUB_TOKEN"),
        PlatformKind::GitLab => (None, "GITLAB_TOKEN"),
        PlatformKind::AzureDevOps => (None, "AZURE_DEVOPS_TOKEN"),
        PlatformKind::Jira if needs_account || input.env.trimmed("JIRA_EMAIL").is_some() => {
            (Some("JIRA_EMAIL"), "JIRA_TOKEN")
        }
        PlatformKind::Jira => (None, "JIRA_TOKEN"),
    };
    let mut read = |name: &str| match self::token(input.env, name) {
        Ok(value) => Some(value),
        Err(NoToken::Unset) => {
            let platform = input.raw.kind.0.display_name();
            desk.warn(span, format!("environment variable `{name}` is not set: calls to {platform} will be refused"));
            None
        }
        Err(NoToken::Odd(why)) => {
            desk.error(span, why);
            None
        }
    };
    let user = user.map(&mut read);
    let token = read(token);
    match user {
        Some(None) => None,
        user => Some(Credentials { user: user.flatten(), token: SecretString::from(token?) }),
    }
}

/// Why there is no token.
pub(super) enum NoToken {
    /// The variable is not set.
    Unset,
    /// It holds what no token does; says so.
    Odd(String),
}

/// The token, or the account that goes with one, in an environment variable.
pub(super) fn token(env: &Env, name: &str) -> Result<String, NoToken> {
    let value = env.trimmed(name).ok_or(NoToken::Unset)?;
    match value.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(value.to_owned()),
        false => Err(NoToken::Odd(format!(
            "environment variable `{name}` holds a space, a line break or a letter outside ASCII: no token does"
        ))),
    }
}
