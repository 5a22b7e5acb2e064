//! What deliveries are verified with, and what may be taken of them.
//!
//! Made by `load` from the file and the environment, used by `http::webhook`. What must stay true: a secret is never
//! printed, and one that is not there is never taken for one that matches.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::Project;
use super::env::{Env, previous_webhook_secret_name, webhook_secret_name};
use crate::ticket::PlatformKind;

/// How webhooks are received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhooks {
    /// Accept deliveries of a platform for which no secret is configured.
    pub allow_unsigned: bool,
    /// The largest body that is read.
    pub max_body_bytes: usize,
    /// The environment's secrets, good for every project on the platform.
    pub secrets: BTreeMap<PlatformKind, WebhookSecrets>,
}

impl Webhooks {
    /// The environment's secrets for a platform, the current one first; none when it has none.
    pub fn secrets_of(&self, platform: PlatformKind) -> &[SecretString] {
        self.secrets.get(&platform).map_or(&[], |secrets| secrets.as_slice())
    }

    /// True when a delivery could be believed that speaks for this project.
    pub fn may_speak_for(&self, project: &Project) -> bool {
        let signed = !self.secrets_of(project.tracker.platform()).is_empty() || !project.webhook_secrets.is_empty();
        signed || self.allow_unsigned
    }
}

/// The secret that deliveries are verified with, and the one before it while senders still use that. `Debug` shows how
/// many there are.
#[derive(Clone, Default)]
pub struct WebhookSecrets(Vec<SecretString>);

impl WebhookSecrets {
    /// The environment's for a platform.
    pub(super) fn of_environment(platform: PlatformKind, env: &Env) -> Self {
        let names = [webhook_secret_name(platform), previous_webhook_secret_name(platform)];
        names.into_iter().filter_map(|name| env.trimmed(name)).collect()
    }

    /// The current one first.
    pub fn as_slice(&self) -> &[SecretString] {
        &self.0
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Into<String>> FromIterator<S> for WebhookSecrets {
    fn from_iter<I: IntoIterator<Item = S>>(values: I) -> Self {
        Self(values.into_iter().map(|value| SecretString::from(value.into())).collect())
    }
}

impl PartialEq for WebhookSecrets {
    fn eq(&self, other: &Self) -> bool {
        let plain = |secrets: &Self| -> Vec<String> {
            secrets.0.iter().map(|secret| secret.expose_secret().to_owned()).collect()
        };
        plain(self) == plain(other)
    }
}

impl Eq for WebhookSecrets {}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}
