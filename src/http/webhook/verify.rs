//! Whether a delivery may be believed, and for which projects it may speak.
//!
//! Who calls: `route`, before the body is read for what the headers tell and after it for the rest. What must stay true:
//! it fails closed: without a secret, without a proof, or with one that no secret fits, a delivery is refused; the only
//! way around is `allow_unsigned`, and only for a platform that has no secret at all.

use std::collections::BTreeSet;
use std::time::Duration;

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use super::proof::Proof;
use crate::config::{Config, Project, webhook_secret_name};
use crate::ticket::PlatformKind;

/// Why a delivery is refused, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(String);

/// For whom a verified delivery may speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was verified with the environment's secret.
    EveryProject,
    /// It was verified with the secrets of these projects.
    Only(BTreeSet<String>),
    /// Nobody has vouched for it, and the configuration says that nobody needs to.
    Unsigned,
}

impl Standing {
    /// True when it may speak for this project.
    pub(super) fn covers(&self, project: &Project) -> bool {
        match self {
            Self::EveryProject | Self::Unsigned => true,
            Self::Only(names) => names.contains(&project.name),
        }
    }

    /// A word that keeps the deliveries of one standing apart from those of another: an id that somebody without the
    /// secret has sent, or with another one, says nothing of the real delivery.
    pub(super) fn word(&self) -> String {
        match self {
            Self::EveryProject => "signed".to_owned(),
            Self::Unsigned => "unsigned".to_owned(),
            Self::Only(names) => format!("signed-for-{}", names.iter().next().map_or("", String::as_str)),
        }
    }
}

/// What a platform's deliveries are verified with.
pub(super) struct Keys<'c> {
    platform: PlatformKind,
    allow_unsigned: bool,
    of_environment: &'c [SecretString],
    of_projects: Vec<&'c Project>,
}

/// What the headers alone have told.
#[derive(Debug)]
pub(super) enum Shown {
    /// The body has to fit this.
    Proof(Proof),
    /// No proof is asked for.
    Nothing,
}

impl<'c> Keys<'c> {
    /// Those of the configuration in force.
    pub(super) fn of(config: &'c Config, platform: PlatformKind) -> Self {
        let own = |project: &&Project| project.tracker.platform() == platform && !project.webhook_secrets.is_empty();
        Self {
            platform,
            allow_unsigned: config.webhooks.allow_unsigned,
            of_environment: config.webhooks.secrets_of(platform),
            of_projects: config.projects.values().map(AsRef::as_ref).filter(own).collect(),
        }
    }

    /// True when there is no secret for the platform.
    pub(super) fn is_empty(&self) -> bool {
        self.of_environment.is_empty() && self.of_projects.is_empty()
    }

    /// What the headers show, before anything of the body is read.
    ///
    /// # Errors
    /// When there is no secret, or no proof in the headers.
    pub(super) fn look(&self, headers: &HeaderMap) -> Result<Shown, Refused> {
        match (self.is_empty(), self.allow_unsigned) {
            (true, true) => Ok(Shown::Nothing),
            (true, false) => {
                let (name, variable) = (self.platform.display_name(), webhook_secret_name(self.platform));
                let text =
                    format!("no secret is configured for webhooks of {name}: set {variable}, here and at the sender");
                Err(Refused(text))
            }
            (false, _) => Proof::of(self.platform, headers).map(Shown::Proof).map_err(Refused),
        }
    }

    /// For whom the delivery may speak. `now`: since 1970.
    ///
    /// # Errors
    /// When no secret fits.
    pub(super) fn verify(&self, shown: &Shown, body: &[u8], now: Duration) -> Result<Standing, Refused> {
        let Shown::Proof(proof) = shown else { return Ok(Standing::Unsigned) };
        let fits = |secret: &SecretString| proof.fits(secret.expose_secret(), body, now);
        if self.of_environment.iter().any(fits) {
            return Ok(Standing::EveryProject);
        }
        // Projects may share a secret: each of them has it checked, and the delivery speaks for all that it fits.
        let fitting = self.of_projects.iter().filter(|project| project.webhook_secrets.as_slice().iter().any(fits));
        let names: BTreeSet<String> = fitting.map(|project| project.name.clone()).collect();
        if names.is_empty() { Err(Refused(proof.why_not(now).to_owned())) } else { Ok(Standing::Only(names)) }
    }
}
