//! Environment variables and secrets that a step, or every coding agent, is given.
//!
//! Called by `steps` and `coding`. What must stay true: nobody sees a secret that was not asked for by its name.

use indexmap::IndexMap;

use super::Spot;
use crate::config::hint;
use crate::config::model::Secrets;
use crate::config::problem::Desk;

/// What the program sets by itself; a step that sets it too would take its own orders for ours.
const RESERVED: &str = "AGENTSMITH_";

/// Checks the keys `env` and `secrets` below a place.
pub(super) fn check_environment(
    (env, asked): (&IndexMap<String, String>, &[String]),
    spot: Spot<'_>,
    secrets: &Secrets,
    desk: &mut Desk<'_, '_>,
) {
    for (name, value) in env {
        let place = spot.child("env").child(name);
        check_variable(name, place, desk);
        if value.contains('\0') {
            desk.error(place.span(), "an environment variable may not contain a NUL character");
        }
    }
    for (index, name) in asked.iter().enumerate() {
        let place = spot.child("secrets").item(index);
        check_variable(name, place, desk);
        if secrets.get(name).is_none() {
            let known = hint(name, secrets.names());
            desk.error(place.span(), format!("`{name}` is not a name under `secrets` that has a value{known}"));
        }
        if env.contains_key(name) {
            desk.error(place.span(), format!("`{name}` stands under `env` of this step too"));
        }
    }
}

fn check_variable(name: &str, place: Spot<'_>, desk: &mut Desk<'_, '_>) {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !fits {
        desk.error(
            place.key_span(),
            format!("`{name}` cannot be an environment variable: letters, digits, underscores"),
        );
    } else if name.starts_with(RESERVED) {
        desk.error(place.key_span(), format!("names that begin with {RESERVED} are set by agent-smith"));
    }
}
