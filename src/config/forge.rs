//! Where change requests for a project's source are opened.
//!
//! Built by `check` from the `source` section; `platform` opens a client with it. What must stay true: no address holds
//! a credential.

use url::Url;

use super::model::Credentials;

/// The repository as the API of its host calls it.
#[derive(Debug, Clone, PartialEq)]
pub struct Forge {
    /// Base of the API calls, without a trailing slash; for Azure Repos the collection.
    pub api_url: Url,
    /// The repository's page, over http.
    pub web_url: Url,
    /// What names it below the API base.
    pub place: ForgePlace,
    /// What the API is called with; `None` when the environment does not have it.
    pub credentials: Option<Credentials>,
}

/// What names a repository on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgePlace {
    /// On GitHub.
    GitHub {
        /// User or organization.
        owner: String,
        /// Name without `.git`.
        repo: String,
    },
    /// On GitLab.
    GitLab {
        /// `group/sub/name`.
        path: String,
    },
    /// In Azure Repos.
    AzureRepos {
        /// Name of the project.
        project: String,
        /// Name of the repository in it.
        repository: String,
    },
}
