//! GitHub: the page of a repository names everything.

use url::Url;

use super::{Found, Input, join, parse_url, segments};
use crate::config::model::Place;
use crate::config::problem::Desk;

/// `https://host/owner/repo`, with or without `.git` and a slash.
pub(super) fn find(input: &Input<'_, '_>, desk: &mut Desk<'_, '_>) -> Option<Found> {
    let spot = input.spot.child("url");
    if !spot.exists() {
        desk.error(
            spot.key_span(),
            "`url` is missing in `tickets`: the repository's page, https://github.com/owner/repo",
        );
        return None;
    }
    let page = parse_url(input.raw.url.as_deref()?, spot, &["http", "https"], desk)?;
    let parts = segments(&page);
    let named = match parts.as_slice() {
        [owner, repo] => Some((owner.clone(), repo.strip_suffix(".git").unwrap_or(repo).to_owned())),
        _ => None,
    };
    let is_name = |name: &str| {
        !matches!(name, "" | "." | "..") && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let Some((owner, repo)) = named.filter(|(owner, repo)| is_name(owner) && is_name(repo)) else {
        desk.error(spot.span(), "this is not the page of a repository; write https://host/owner/repo");
        return None;
    };
    let mut web_url = page.clone();
    web_url.set_path(&format!("{owner}/{repo}"));
    Some(Found { api_url: api_base(&page), web_url, place: Place::GitHub { owner, repo } })
}

/// github.com has its API on a host of its own, GitHub Enterprise Server below `/api/v3`.
pub(in crate::config::check) fn api_base(page: &Url) -> Url {
    let mut base = page.clone();
    base.set_path("");
    if matches!(page.host_str(), Some("github.com" | "www.github.com")) && page.port().is_none() {
        // Never in clear text, whatever the page's scheme: nothing listens there.
        return Url::parse("https://api.github.com").unwrap_or(base);
    }
    join(&base, &["api", "v3"])
}
