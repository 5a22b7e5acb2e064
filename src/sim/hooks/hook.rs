//! A webhook as a person registers it on a platform.

/// How a delivery shows that it comes from the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// With the one secret that every platform knows: the key of an HMAC on GitHub and Jira, `X-Gitlab-Token` on GitLab,
    /// the password of HTTP's Basic scheme on Azure DevOps.
    Secret(String),
    /// With a GitLab signing token, `whsec_…`. Like no secret elsewhere.
    SigningToken(String),
    /// With a header that a person added, as Azure DevOps and GitLab allow.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
}

/// Where the deliveries of one tracker go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The tracker on the board.
    pub(in crate::sim) tracker: String,
    /// An `http` URL on this machine.
    pub(in crate::sim) url: String,
    pub(in crate::sim) auth: Auth,
    pub(in crate::sim) is_form: bool,
    pub(in crate::sim) is_minimal: bool,
}

impl Hook {
    /// Deliveries about `tracker` to `url`, as JSON with everything in it, and without a secret.
    pub fn new(tracker: &str, url: impl Into<String>) -> Self {
        let (tracker, url) = (tracker.to_owned(), url.into());
        Self { tracker, url, auth: Auth::None, is_form: false, is_minimal: false }
    }

    /// The same with a secret.
    #[must_use]
    pub fn secret(self, secret: &str) -> Self {
        self.auth(Auth::Secret(secret.to_owned()))
    }

    /// The same with another proof of where it comes from.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// The same in GitHub's other content type, a form with the JSON in its field `payload`.
    #[must_use]
    pub fn form(mut self) -> Self {
        self.is_form = true;
        self
    }

    /// The same with Azure DevOps' resource details set to "Minimal".
    #[must_use]
    pub fn minimal(mut self) -> Self {
        self.is_minimal = true;
        self
    }
}
