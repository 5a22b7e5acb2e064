//! The `webhooks` section, and the secrets of a project's trigger section.
//!
//! Called by `load`. What must stay true: a secret that stands in the file itself is an error, and so is one that
//! verifies nothing; whoever accepts unsigned deliveries is told from whom.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Spot;
use crate::config::env::{Env, webhook_secret_name};
use crate::config::model::Project;
use crate::config::problem::Desk;
use crate::config::raw;
use crate::config::webhooks::{WebhookSecrets, Webhooks};
use crate::ticket::PlatformKind;

/// What GitLab's signing tokens begin with. Source: GitLab, "Webhooks", signing tokens.
const SIGNING_TOKEN: &str = "whsec_";

/// The `webhooks` section, completed from the environment.
pub(in crate::config) fn webhooks(
    raw: &raw::Webhooks,
    spot: Spot<'_>,
    (env, projects): (&Env, &[&Project]),
    desk: &mut Desk<'_, '_>,
) -> Webhooks {
    let of_environment = |platform| (platform, WebhookSecrets::of_environment(platform, env));
    let secrets = PlatformKind::ALL.into_iter().map(of_environment).filter(|(_, secrets)| !secrets.is_empty());
    let webhooks =
        Webhooks { allow_unsigned: raw.allow_unsigned, max_body_bytes: raw.max_body_bytes, secrets: secrets.collect() };
    if webhooks.allow_unsigned {
        desk.warn(spot.child("allow_unsigned").span(), unsigned(&webhooks, projects));
    }
    webhooks
}

/// From whom unsigned deliveries are accepted.
fn unsigned(webhooks: &Webhooks, projects: &[&Project]) -> String {
    let has_secret = |platform| {
        let own = |project: &&&Project| project.tracker.platform() == platform && !project.webhook_secrets.is_empty();
        webhooks.secrets.contains_key(&platform) || projects.iter().any(|project| own(&project))
    };
    let used: BTreeSet<PlatformKind> = projects.iter().map(|project| project.tracker.platform()).collect();
    let open: Vec<PlatformKind> = used.into_iter().filter(|platform| !has_secret(*platform)).collect();
    if open.is_empty() {
        return "`allow_unsigned` has no effect: every platform in use has a secret; remove the line".to_owned();
    }
    let names: Vec<&str> = open.iter().map(|platform| platform.display_name()).collect();
    let variables: Vec<&str> = open.iter().map(|platform| webhook_secret_name(*platform)).collect();
    format!(
        "unsigned webhooks from {} are accepted: whoever reaches this server can start runs; set {} instead",
        names.join(", "),
        variables.join(", ")
    )
}

/// The secrets of a trigger section, the current one first.
pub(in crate::config) fn project_secrets(
    raw: &raw::Trigger,
    platform: PlatformKind,
    spot: Spot<'_>,
    desk: &mut Desk<'_, '_>,
) -> WebhookSecrets {
    let (current, previous) = (spot.child("webhook_secret"), spot.child("webhook_secret_previous"));
    if previous.exists() && !current.exists() {
        desk.error(previous.key_span(), "`webhook_secret_previous` is the one before `webhook_secret`; give both");
    }
    let written = [(current, &raw.webhook_secret), (previous, &raw.webhook_secret_previous)];
    let mut good = Vec::new();
    for (place, value) in written {
        let Some(value) = value else { continue };
        let value = value.trim();
        if !place.is_one_variable() {
            desk.error(place.span(), "a secret may not stand in the file; write `${NAME}` and set the variable NAME");
        } else if value.is_empty() {
            desk.error(place.span(), "the variable is empty, and everybody knows an empty secret");
        } else if platform == PlatformKind::GitLab && !can_sign(value) {
            desk.error(place.span(), "this signing token is damaged: behind `whsec_` it must be base64");
        } else {
            good.push(value.to_owned());
        }
    }
    good.into_iter().collect()
}

fn can_sign(secret: &str) -> bool {
    secret.strip_prefix(SIGNING_TOKEN).is_none_or(|key| STANDARD.decode(key).is_ok_and(|key| !key.is_empty()))
}
