//! From the address of a repository to the API that opens change requests for it.
//!
//! Pure. Called by the check of a source. What must stay true: an address that git can use is never refused here; one
//! that is not the page of a repository only means that no change request can be opened.

use url::Url;

use super::tracker::{self, join, segments, with_path};
use crate::config::forge::{Forge, ForgePlace};
use crate::config::model::{Credentials, SourceHost};

/// Where change requests are opened for the repository at `url`. `api` is what the file says about the API's base,
/// `instance` where the environment says that GitLab is.
pub(super) fn forge(
    host: SourceHost,
    url: &Url,
    (api, instance): (Option<&Url>, Option<&Url>),
    credentials: Option<Credentials>,
) -> Option<Forge> {
    let page = over_http(url)?;
    let parts: Vec<String> = segments(&page).iter().map(|part| decoded(part)).collect();
    let (derived, web_url, place) = match host {
        SourceHost::GitHub => on_github(&page, &parts)?,
        SourceHost::GitLab => on_gitlab(&page, &parts, (api, instance))?,
        SourceHost::AzureRepos => in_azure_repos(&page, &parts)?,
    };
    Some(Forge { api_url: api.cloned().unwrap_or(derived), web_url, place, credentials })
}

fn on_github(page: &Url, parts: &[String]) -> Option<(Url, Url, ForgePlace)> {
    let [owner, repo] = parts else { return None };
    let repo = without_git(repo);
    let web_url = join(&with_path(page, &[]), &[owner, repo]);
    Some((tracker::github::api_base(page), web_url, ForgePlace::GitHub { owner: owner.clone(), repo: repo.to_owned() }))
}

/// An instance may live below a path, which only its API base or the environment can tell.
fn on_gitlab(page: &Url, parts: &[String], known: (Option<&Url>, Option<&Url>)) -> Option<(Url, Url, ForgePlace)> {
    let from_api = known.0.and_then(|api| {
        let mut path = segments(api);
        (path.pop().as_deref() == Some("v4") && path.pop().as_deref() == Some("api")).then_some((api, path))
    });
    let from_instance = known.1.map(|instance| (instance, segments(instance)));
    let below =
        |(at, path): (&Url, Vec<String>)| (at.host() == page.host() && parts.starts_with(&path)).then_some(path);
    let prefix = [from_api, from_instance].into_iter().flatten().find_map(below).unwrap_or_default();
    let path: Vec<&str> = parts[prefix.len()..].iter().map(|part| without_git(part)).collect();
    if path.len() < 2 {
        return None;
    }
    let instance = with_path(page, &prefix);
    let (api, web_url) = (join(&instance, &["api", "v4"]), join(&instance, &path));
    Some((api, web_url, ForgePlace::GitLab { path: path.join("/") }))
}

/// Source: Microsoft, "Clone an existing Git repo": `{collection}/{project}/_git/{repository}`; a repository that is
/// called like its project leaves the project out, and ssh goes to `v3/{organization}/{project}/{repository}`.
fn in_azure_repos(page: &Url, parts: &[String]) -> Option<(Url, Url, ForgePlace)> {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (collection, project, repository) = match parts.as_slice() {
        ["v3", organization, project, repository] => (vec![*organization], *project, *repository),
        [before @ .., "_git", repository] => {
            let host = page.host_str().unwrap_or_default();
            // In the cloud it is known how long the collection is.
            let length = match host {
                "dev.azure.com" => Some(1),
                _ if host.ends_with(".visualstudio.com") => {
                    Some(usize::from(before.first() == Some(&"DefaultCollection")))
                }
                _ => None,
            };
            match length {
                Some(length) if before.len() == length => (before.to_vec(), *repository, *repository),
                _ => {
                    let (project, collection) = before.split_last()?;
                    (collection.to_vec(), *project, *repository)
                }
            }
        }
        _ => return None,
    };
    let mut root = with_path(page, &[]);
    if page.host_str() == Some("ssh.dev.azure.com") {
        root.set_host(Some("dev.azure.com")).ok()?;
    }
    let api = join(&root, &collection);
    let web_url = join(&api, &[project, "_git", repository]);
    Some((api, web_url, ForgePlace::AzureRepos { project: project.to_owned(), repository: repository.to_owned() }))
}

/// The page behind an address that git uses over ssh; such a host serves its pages over https.
fn over_http(url: &Url) -> Option<Url> {
    if url.scheme() != "ssh" {
        return Some(url.clone());
    }
    let mut page = Url::parse(&format!("https://{}", url.host_str()?)).ok()?;
    page.set_path(url.path());
    Some(page)
}

fn without_git(name: &str) -> &str {
    name.strip_suffix(".git").unwrap_or(name)
}

/// A part of a path as it is meant; one that is no text after all stays as it is.
fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| part.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| part.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(host: SourceHost, url: &str) -> Option<(String, String, ForgePlace)> {
        let forge = forge(host, &Url::parse(url).unwrap(), (None, None), None)?;
        Some((forge.api_url.as_str().trim_end_matches('/').to_owned(), forge.web_url.into(), forge.place))
    }

    #[test]
    fn the_api_is_found_behind_each_kind_of_address() {
        let github = |owner: &str, repo: &str| ForgePlace::GitHub { owner: owner.into(), repo: repo.into() };
        for (url, api, page) in [
            ("https://github.com/o/r.git", "https://api.github.com", "https://github.com/o/r"),
            ("ssh://git@github.com/o/r.git", "https://api.github.com", "https://github.com/o/r"),
            ("http://ghe.example:8080/o/r", "http://ghe.example:8080/api/v3", "http://ghe.example:8080/o/r"),
        ] {
            assert_eq!(found(SourceHost::GitHub, url), Some((api.into(), page.into(), github("o", "r"))), "{url}");
        }
        assert_eq!(found(SourceHost::GitHub, "https://github.com/o"), None);
        let place = ForgePlace::GitLab { path: "group/sub/name".into() };
        let expected = ("https://gitlab.com/api/v4".into(), "https://gitlab.com/group/sub/name".into(), place.clone());
        assert_eq!(found(SourceHost::GitLab, "ssh://git@gitlab.com:22/group/sub/name.git"), Some(expected));
        let url = Url::parse("https://h/gitlab/group/sub/name").unwrap();
        let instance = Url::parse("https://h/gitlab").unwrap();
        let below = forge(SourceHost::GitLab, &url, (None, Some(&instance)), None).unwrap();
        assert_eq!((below.api_url.as_str(), below.place), ("https://h/gitlab/api/v4", place));
    }

    #[test]
    fn a_repository_in_azure_repos_has_many_addresses() {
        let place = |project: &str, repository: &str| ForgePlace::AzureRepos {
            project: project.into(),
            repository: repository.into(),
        };
        for (url, api, expected) in [
            (
                "https://dev.azure.com/org/My%20Project/_git/repo",
                "https://dev.azure.com/org",
                place("My Project", "repo"),
            ),
            ("https://dev.azure.com/org/_git/repo", "https://dev.azure.com/org", place("repo", "repo")),
            ("https://org.visualstudio.com/p/_git/repo", "https://org.visualstudio.com", place("p", "repo")),
            ("https://org.visualstudio.com/_git/repo", "https://org.visualstudio.com", place("repo", "repo")),
            ("https://tfs.example/tfs/Coll/p/_git/repo", "https://tfs.example/tfs/Coll", place("p", "repo")),
            ("ssh://git@ssh.dev.azure.com/v3/org/p/repo", "https://dev.azure.com/org", place("p", "repo")),
        ] {
            let (found_api, _, found_place) = found(SourceHost::AzureRepos, url).unwrap();
            assert_eq!((found_api.as_str(), found_place), (api, expected), "{url}");
        }
        assert_eq!(found(SourceHost::AzureRepos, "https://dev.azure.com/org/p"), None);
    }
}
