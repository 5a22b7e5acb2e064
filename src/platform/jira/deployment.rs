//! Which Jira it is, and where its two API versions are.
//!
//! Pure. Who calls: the client, for every request. What must stay true: what a site is stays what it was first found
//! to be.

use std::sync::OnceLock;

use url::Url;

/// The two kinds of Jira, which differ in API version, search, credentials and text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deployment {
    /// Atlassian's own: REST version 3, documents as trees.
    Cloud,
    /// Data Center or Server: REST version 2, wiki markup.
    DataCenter,
}

impl Deployment {
    fn version(self) -> &'static str {
        match self {
            Self::Cloud => "3",
            Self::DataCenter => "2",
        }
    }
}

/// The site behind an API base, and what is known of its kind.
#[derive(Debug)]
pub(super) struct Site {
    /// The base as configured, without a slash at the end.
    base: Url,
    /// The path of the base up to `/rest/api`; `None` for a base of another form, which is used as it stands.
    api_path: Option<String>,
    known: OnceLock<Deployment>,
}

impl Site {
    /// The site of an API base such as `https://host/context/rest/api/3`.
    ///
    /// The base tells what it is where Atlassian hosts it, and where an operator asks for version 2 by name.
    pub(super) fn new(base: Url) -> Self {
        let path = base.path().trim_end_matches('/');
        let versioned = path.rsplit_once('/').filter(|(api, _)| api.ends_with("/rest/api"));
        let hosted =
            base.host_str().is_some_and(|host| host == "api.atlassian.com" || host.ends_with(".atlassian.net"));
        let known = match versioned {
            _ if hosted => Some(Deployment::Cloud),
            Some((_, "2")) => Some(Deployment::DataCenter),
            _ => None,
        };
        let api_path = versioned.map(|(api, _)| api.to_owned());
        Self { base, api_path, known: known.map_or_else(OnceLock::new, OnceLock::from) }
    }

    /// The kind, once it is known.
    pub(super) fn known(&self) -> Option<Deployment> {
        self.known.get().copied()
    }

    /// Remembers the kind; the first one stays.
    pub(super) fn learn(&self, deployment: Deployment) {
        let _ = self.known.set(deployment);
    }

    /// The base as configured.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The URL of `path` (and query) below the API of a kind.
    pub(super) fn url(&self, deployment: Deployment, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        match &self.api_path {
            Some(api) => url.set_path(&format!("{api}/{}/{path}", deployment.version())),
            None => url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/'))),
        }
        url.set_query(query);
        url
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use Deployment::{Cloud, DataCenter};

    fn site(base: &str) -> Site {
        Site::new(Url::parse(base).unwrap())
    }

    #[test]
    fn both_versions_are_found_from_one_base() {
        for (base, version, expected) in [
            ("https://o.atlassian.net/rest/api/3", Cloud, "https://o.atlassian.net/rest/api/3/issue/A-1?x=%20"),
            ("https://j.example/ctx/rest/api/3", DataCenter, "https://j.example/ctx/rest/api/2/issue/A-1?x=%20"),
            ("https://j.example/rest/api/latest/", Cloud, "https://j.example/rest/api/3/issue/A-1?x=%20"),
            ("https://j.example/rest/api/2", DataCenter, "https://j.example/rest/api/2/issue/A-1?x=%20"),
            ("https://j.example/proxy", DataCenter, "https://j.example/proxy/issue/A-1?x=%20"),
        ] {
            assert_eq!(site(base).url(version, "issue/A-1?x=%20").as_str(), expected);
        }
    }

    #[test]
    fn some_bases_tell_what_they_are() {
        for (base, expected) in [
            ("https://o.atlassian.net/rest/api/3", Some(Cloud)),
            ("https://api.atlassian.com/ex/jira/11-22/rest/api/3", Some(Cloud)),
            ("https://j.example/rest/api/2", Some(DataCenter)),
            ("https://j.example/rest/api/3", None),
            ("https://atlassian.net.example/rest/api/3", None),
        ] {
            assert_eq!(site(base).known(), expected, "{base}");
        }
        let unknown = site("https://j.example/rest/api/3");
        unknown.learn(DataCenter);
        unknown.learn(Cloud);
        assert_eq!(unknown.known(), Some(DataCenter));
    }
}
