//! Which configured trackers a payload names.
//!
//! Who calls: `handle`. What must stay true: names are compared in full and only made comparable (case, `.git`, a slash at
//! the end, the default port), so that one that fits nothing is nobody's; what a name cannot tell, the platform is asked.

use std::sync::Arc;

use url::Url;

use super::event::{Event, TrackerNamed};
use crate::claim;
use crate::config::{Config, Place, Project, Tracker};
use crate::platform::registry::Trackers;
use crate::platform::{Error, Result};
use crate::ticket::PlatformKind;

/// The projects that can find the ticket on one tracker, in file order; never empty.
pub(super) type OneTracker = Vec<Arc<Project>>;

/// Every tracker that the event may be about. More than one when a payload names no site, or one tracker is watched under
/// addresses that do not show it.
///
/// # Errors
/// When the platform had to be asked and did not answer.
pub(super) async fn find(
    platform: PlatformKind,
    event: &Event,
    config: &Config,
    trackers: &Trackers,
) -> Result<Vec<OneTracker>> {
    let mut found: Vec<OneTracker> = Vec::new();
    for project in config.projects.values().filter(|project| project.tracker.platform() == platform) {
        let known = found.iter().any(|group| group[0].tracker.shares_tickets_with(&project.tracker));
        let fits = match compare(&event.tracker, &project.tracker) {
            Fit::Yes => true,
            Fit::No => false,
            Fit::Ask(id) => !known && is_called(project, trackers, id, event).await?,
        };
        if fits && !known {
            found.push(claim::neighbours(config, &project.tracker, &event.ticket).cloned().collect());
        }
    }
    Ok(found)
}

/// True when [`find`] has to ask a platform.
pub(super) fn has_to_ask(event: &Event, config: &Config) -> bool {
    config.projects.values().any(|project| matches!(compare(&event.tracker, &project.tracker), Fit::Ask(_)))
}

/// What a payload names, for messages.
pub(super) fn in_words(named: &TrackerNamed) -> String {
    match named {
        TrackerNamed::GitHub { web_url } | TrackerNamed::GitLab { web_url, .. } => web_url.to_string(),
        TrackerNamed::AzureDevOps { collection, project, project_id } => {
            let place = collection.as_ref().map_or("an unnamed collection", Url::as_str);
            let name = project.as_deref().or(project_id.as_deref()).unwrap_or("(unnamed)");
            format!("project {name} in {place}")
        }
        TrackerNamed::Jira { site, project } => {
            format!("project {project} on {}", site.as_ref().map_or("an unnamed site", Url::as_str))
        }
    }
}

/// How a configured tracker compares with a name.
#[derive(Debug, PartialEq, Eq)]
enum Fit<'e> {
    Yes,
    No,
    /// The payload has an identifier only, and the configuration has the name.
    Ask(&'e str),
}

fn compare<'e>(named: &'e TrackerNamed, tracker: &Tracker) -> Fit<'e> {
    let fits = match (named, &tracker.place) {
        (TrackerNamed::GitHub { web_url }, Place::GitHub { .. })
        | (TrackerNamed::GitLab { web_url, .. }, Place::GitLab { .. }) => page(web_url) == page(&tracker.web_url),
        (
            TrackerNamed::AzureDevOps { collection, project, project_id },
            Place::AzureDevOps { project: configured, .. },
        ) => {
            let same = |name: &Option<String>| name.as_ref().is_some_and(|name| is_same_name(name, configured));
            if !collection.as_ref().is_none_or(|collection| is_collection_of(collection, tracker)) {
                false
            } else if same(project) || same(project_id) {
                true
            } else {
                // A name that differs may be a former one, or stand for a GUID in the configuration.
                return project_id.as_deref().or(project.as_deref()).map_or(Fit::No, Fit::Ask);
            }
        }
        (TrackerNamed::Jira { site, project }, Place::Jira { project: configured }) => {
            let same_site = site.as_ref().is_none_or(|site| page(site) == page(&tracker.web_url));
            same_site && configured.as_ref().is_none_or(|key| is_same_name(key, project))
        }
        _ => false,
    };
    if fits { Fit::Yes } else { Fit::No }
}

/// A tracker that cannot be opened, or that the token may not see, is none that the event is about.
async fn is_called(project: &Project, trackers: &Trackers, id: &str, event: &Event) -> Result<bool> {
    let Ok(platform) = trackers.of(project) else { return Ok(false) };
    match platform.is_known_as(id).await {
        Ok(known) => Ok(known),
        Err(error) if error.is_temporary() => Err(error),
        // A token may be good for work items and not for projects. Within one collection a number is one work item,
        // and one that is in another project is not answered as this one's.
        Err(Error::Unauthorized { .. }) => match collection_of(event) {
            Some(_) => match platform.read(&event.ticket).await {
                Ok(_) => Ok(true),
                Err(error) if error.is_temporary() => Err(error),
                Err(_) => Ok(false),
            },
            None => Ok(false),
        },
        Err(_) => Ok(false),
    }
}

fn collection_of(event: &Event) -> Option<&Url> {
    match &event.tracker {
        TrackerNamed::AzureDevOps { collection, .. } => collection.as_ref(),
        _ => None,
    }
}

fn is_same_name(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// The collection is the tracker's API base, or what its page lies in where `api_url` leads elsewhere.
fn is_collection_of(collection: &Url, tracker: &Tracker) -> bool {
    let mut parent = tracker.web_url.clone();
    if let Ok(mut path) = parent.path_segments_mut() {
        path.pop_if_empty().pop();
    }
    [&tracker.api_url, &parent].into_iter().any(|ours| page(ours) == page(collection))
}

/// Host, port unless it is the default, and path: what makes two addresses the same page. The scheme does not: a proxy
/// may end TLS on the way.
fn page(url: &Url) -> (String, Option<u16>, String) {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
    let path = url.path().trim_end_matches('/').to_lowercase();
    let path = path.strip_suffix(".git").unwrap_or(&path).trim_end_matches('/').to_owned();
    let host = match host.as_str() {
        "www.github.com" => "github.com".to_owned(),
        _ => host,
    };
    let port = url.port().filter(|port| !matches!((url.scheme(), port), ("http", 443) | ("https", 80)));
    // An organization has an older address of its own.
    match host.strip_suffix(".visualstudio.com") {
        Some(organization) => {
            let below = path.strip_prefix("/defaultcollection").unwrap_or(&path);
            ("dev.azure.com".to_owned(), port, format!("/{organization}{below}"))
        }
        None => (host, port, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn tracker(web_url: &str, api_url: &str, place: Place) -> Tracker {
        Tracker { api_url: url(api_url), web_url: url(web_url), place, credentials: None }
    }

    #[test]
    fn pages_are_compared_and_nothing_like_them_fits() {
        let place = Place::GitHub { owner: "Org".into(), repo: "Api".into() };
        let ours = tracker("https://github.com/Org/Api", "https://api.github.com", place);
        let fits = |page: &str| compare(&TrackerNamed::GitHub { web_url: url(page) }, &ours) == Fit::Yes;
        for same in [
            "https://github.com/org/api",
            "https://GITHUB.com:443/ORG/api.git",
            "https://www.github.com/org/api/",
            "http://github.com/org/api.git/",
        ] {
            assert!(fits(same), "{same}");
        }
        for other in [
            "https://github.com/org/api2",
            "https://github.com/org2/api",
            "https://github.com/api",
            "https://ghe.example/org/api",
            "https://github.com:8443/org/api",
            "https://github.com.evil.example/org/api",
        ] {
            assert!(!fits(other), "{other}");
        }
    }

    #[test]
    fn a_collection_is_known_under_both_of_its_addresses() {
        let place = Place::AzureDevOps { project: "My Project".into(), open_states: Vec::new() };
        let ours = tracker("https://dev.azure.com/Org/My%20Project", "http://127.0.0.1:9/Org", place);
        let named = |collection: Option<&str>, project: Option<&str>, id: Option<&str>| TrackerNamed::AzureDevOps {
            collection: collection.map(url),
            project: project.map(str::to_owned),
            project_id: id.map(str::to_owned),
        };
        for (collection, project, id, fit) in [
            (Some("https://dev.azure.com/org/"), Some("my project"), None, Fit::Yes),
            (Some("https://org.visualstudio.com/"), Some("My Project"), Some("1-2"), Fit::Yes),
            (Some("https://org.visualstudio.com/DefaultCollection/"), Some("My Project"), None, Fit::Yes),
            (Some("http://127.0.0.1:9/org"), Some("My Project"), None, Fit::Yes),
            (None, Some("My Project"), None, Fit::Yes),
            (Some("https://dev.azure.com/other/"), Some("My Project"), None, Fit::No),
            (Some("https://dev.azure.com/other/"), None, Some("1-2"), Fit::No),
            (Some("https://dev.azure.com/org/"), None, Some("1-2"), Fit::Ask("1-2")),
            (Some("https://dev.azure.com/org/"), Some("Other"), Some("1-2"), Fit::Ask("1-2")),
        ] {
            assert_eq!(compare(&named(collection, project, id), &ours), fit, "{collection:?} {project:?} {id:?}");
        }
    }

    #[test]
    fn a_site_without_a_key_takes_every_project_of_it() {
        let site = "https://jira.example/ctx";
        let one = tracker(site, site, Place::Jira { project: Some("ABC".into()) });
        let all = tracker(site, site, Place::Jira { project: None });
        let named = |site: Option<&str>, key: &str| TrackerNamed::Jira { site: site.map(url), project: key.into() };
        assert_eq!(compare(&named(Some(site), "abc"), &one), Fit::Yes);
        assert_eq!(compare(&named(None, "ABC"), &one), Fit::Yes);
        assert_eq!(compare(&named(Some(site), "ABCD"), &one), Fit::No);
        assert_eq!(compare(&named(Some(site), "ABCD"), &all), Fit::Yes);
        assert_eq!(compare(&named(Some("https://jira.example"), "ABC"), &one), Fit::No);
        let github = TrackerNamed::GitHub { web_url: url(site) };
        assert_eq!(compare(&github, &all), Fit::No);
    }
}
