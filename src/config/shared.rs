//! Which trackers have tickets in common, however the file spells them. Pure.
//!
//! Who calls: the check of overlaps, and the claim service, which gives each ticket to one project. What must stay true:
//! there is one notion of "the same ticket", and it is symmetric. Taking two trackers for one is harmless as long as
//! their tickets are told apart; taking one for two would run a ticket twice.

use url::Url;

use super::model::{Place, Tracker};

/// Where a tracker's site is: host, port, and the path below which it lives.
type Site = (String, Option<u16>, String);

impl Tracker {
    /// True when a ticket can be in both.
    pub fn shares_tickets_with(&self, other: &Self) -> bool {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let places = match (&self.place, &other.place) {
            (Place::GitHub { owner, repo }, Place::GitHub { owner: other_owner, repo: other_repo }) => {
                same(owner, other_owner) && same(repo, other_repo)
            }
            (Place::GitLab { path }, Place::GitLab { path: other }) => same(path, other),
            // Which states count as open does not make it another tracker.
            (Place::AzureDevOps { project, .. }, Place::AzureDevOps { project: other, .. }) => same(project, other),
            (Place::Jira { project: Some(key) }, Place::Jira { project: Some(other) }) => same(key, other),
            (Place::Jira { .. }, Place::Jira { .. }) => true,
            _ => false,
        };
        places && (self.site() == other.site() || self.is_jira_at_page_of(other))
    }

    /// True when a ticket with this identifier can be here: a project of Jira holds the issues that bear its key.
    pub fn can_hold(&self, ticket: &str) -> bool {
        match &self.place {
            Place::Jira { project: Some(key) } => {
                ticket.rsplit_once('-').is_some_and(|(project, _)| project.eq_ignore_ascii_case(key))
            }
            Place::GitHub { .. } | Place::GitLab { .. } | Place::AzureDevOps { .. } | Place::Jira { project: None } => {
                true
            }
        }
    }

    /// True for a state that counts as not finished here. Only Azure DevOps leaves that to the configuration; elsewhere
    /// the platform knows.
    pub fn counts_as_open(&self, state: &str) -> bool {
        self.tells_open(state).unwrap_or(true)
    }

    /// Whether a state counts as not finished, where the configuration says that.
    pub fn tells_open(&self, state: &str) -> Option<bool> {
        match &self.place {
            Place::AzureDevOps { open_states, .. } => {
                Some(open_states.iter().any(|open| open.to_lowercase() == state.to_lowercase()))
            }
            Place::GitHub { .. } | Place::GitLab { .. } | Place::Jira { .. } => None,
        }
    }

    fn site(&self) -> Site {
        let (host, port, path) = spelled_once(&self.api_url);
        match &self.place {
            // The same site in another version of its API.
            Place::Jira { .. } => {
                let below = path.rsplit_once("/rest/api").map(|(below, _)| below.to_owned());
                (host, port, below.unwrap_or(path))
            }
            // The address that organizations had before 2018, which still works.
            Place::AzureDevOps { .. } => match host.strip_suffix(".visualstudio.com") {
                Some(organization) => ("dev.azure.com".to_owned(), port, format!("/{organization}")),
                None => (host, port, path),
            },
            Place::GitHub { .. } | Place::GitLab { .. } => (host, port, path),
        }
    }

    /// Jira is also called through a gateway, whose address does not name the site; its page does.
    fn is_jira_at_page_of(&self, other: &Self) -> bool {
        matches!(self.place, Place::Jira { .. }) && spelled_once(&self.web_url) == spelled_once(&other.web_url)
    }
}

/// Without what can be written in two ways. The port says whether it is http or https.
fn spelled_once(url: &Url) -> Site {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
    (host, url.port_or_known_default(), url.path().trim_end_matches('/').to_lowercase())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tracker(api_url: &str, place: Place) -> Tracker {
        let api_url: Url = api_url.parse().unwrap();
        Tracker { web_url: api_url.clone(), api_url, place, credentials: None }
    }

    fn jira(api_url: &str, project: Option<&str>) -> Tracker {
        tracker(api_url, Place::Jira { project: project.map(str::to_owned) })
    }

    fn azure(api_url: &str, project: &str, state: &str) -> Tracker {
        tracker(api_url, Place::AzureDevOps { project: project.to_owned(), open_states: vec![state.to_owned()] })
    }

    #[track_caller]
    fn check(a: &Tracker, b: &Tracker, shared: bool) {
        assert_eq!(a.shares_tickets_with(b), shared, "{a:?}\n{b:?}");
        assert_eq!(b.shares_tickets_with(a), shared, "not symmetric: {a:?}\n{b:?}");
    }

    #[test]
    fn a_site_is_the_same_in_every_spelling() {
        let one = jira("https://jira.example/rest/api/3", None);
        for other in [
            "HTTPS://Jira.Example:443/rest/api/3/",
            "https://jira.example./rest/api/2",
            "https://jira.example/rest/api/latest",
        ] {
            check(&one, &jira(other, None), true);
        }
        for other in
            ["http://jira.example/rest/api/3", "https://jira.example/jira/rest/api/3", "https://jira.example:8443"]
        {
            check(&one, &jira(other, None), false);
        }
        let gateway = Tracker {
            web_url: one.web_url.clone(),
            ..jira("https://api.atlassian.com/ex/jira/11-22/rest/api/3", Some("PROJ"))
        };
        check(&one, &gateway, true);
    }

    #[test]
    fn a_whole_site_shares_the_tickets_of_each_of_its_projects() {
        let url = "https://jira.example/rest/api/3";
        let (site, proj, other) = (jira(url, None), jira(url, Some("PROJ")), jira(url, Some("OTHER")));
        check(&site, &proj, true);
        check(&proj, &jira(url, Some("proj")), true);
        check(&proj, &other, false);
        assert!(proj.can_hold("PROJ-1") && proj.can_hold("proj-1") && !proj.can_hold("OTHER-1") && !proj.can_hold("1"));
        assert!(site.can_hold("PROJ-1") && site.can_hold("OTHER-1"));
    }

    #[test]
    fn places_differ_in_nothing_but_case_and_open_states() {
        let new = azure("https://dev.azure.com/Org", "Billing", "New");
        check(&new, &azure("https://dev.azure.com/org/", "billing", "Active"), true);
        check(&new, &azure("https://org.visualstudio.com/DefaultCollection", "Billing", "New"), true);
        check(&new, &azure("https://dev.azure.com/org", "other", "New"), false);
        let github = |owner: &str| {
            let place = Place::GitHub { owner: owner.to_owned(), repo: "api".to_owned() };
            tracker("https://api.github.com", place)
        };
        check(&github("Org"), &github("org"), true);
        check(&github("Org"), &github("other"), false);
        let gitlab = |path: &str| tracker("https://api.github.com", Place::GitLab { path: path.to_owned() });
        check(&gitlab("org/API"), &gitlab("org/api"), true);
        check(&gitlab("org/api"), &github("org"), false);
    }
}
