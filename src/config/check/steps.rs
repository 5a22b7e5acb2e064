//! The steps of one pipeline: names, conditions, environment, secrets.
//!
//! Called by `pipelines`. What must stay true: a step that passed can be carried out as far as the file can tell; it
//! sees no secret that it did not ask for.

use std::time::Duration;

use super::Spot;
use crate::config::model::{Action, Secrets, Step};
use crate::config::problem::Desk;
use crate::config::template::Condition;
use crate::config::{hint, raw};

/// Characters of a step's name. It stands in every line about it.
const MAX_NAME: usize = 40;
/// What the program sets by itself; a step that sets it too would take its own orders for ours.
const RESERVED: &str = "AGENTSMITH_";

/// Checks the steps of one pipeline in their order.
pub(super) struct Steps<'a> {
    secrets: &'a Secrets,
    names: Vec<String>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(secrets: &'a Secrets) -> Self {
        Self { secrets, names: Vec::new() }
    }

    /// The next step. Every mistake is reported; what is returned is of use only when there was none.
    pub(super) fn check(&mut self, raw: &raw::Step, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Step {
        if raw.run.trim().is_empty() {
            desk.error(spot.span(), "the command of this step is empty: it would succeed and do nothing");
        } else if raw.run.contains('\0') {
            desk.error(spot.span(), "a command may not contain a NUL character");
        }
        let condition = raw.condition.as_deref().and_then(|text| {
            let condition = Condition::parse(text, &self.names);
            condition.map_err(|why| desk.error(spot.child("if").span(), format!("the condition: {why}"))).ok()
        });
        self.check_environment(raw, spot, desk);
        if let Some(name) = &raw.name {
            self.check_name(name, spot.child("name"), desk);
            self.names.push(name.clone());
        }
        Step { condition, ..unchecked(raw) }
    }

    fn check_name(&self, name: &str, spot: Spot<'_>, desk: &mut Desk<'_, '_>) {
        let fits = name.len() <= MAX_NAME
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fits {
            desk.error(
                spot.span(),
                format!("a step's name has small letters, digits and underscores, begins with a letter and has at most {MAX_NAME} characters"),
            );
        } else if self.names.iter().any(|other| other == name) {
            desk.error(spot.span(), format!("an earlier step is named `{name}` already"));
        }
    }

    fn check_environment(&self, raw: &raw::Step, spot: Spot<'_>, desk: &mut Desk<'_, '_>) {
        for (name, value) in &raw.env {
            let place = spot.child("env").child(name);
            check_variable(name, place, desk);
            if value.contains('\0') {
                desk.error(place.span(), "an environment variable may not contain a NUL character");
            }
        }
        for (index, name) in raw.secrets.iter().enumerate() {
            let place = spot.child("secrets").item(index);
            check_variable(name, place, desk);
            if self.secrets.get(name).is_none() {
                let known = hint(name, self.secrets.names());
                desk.error(place.span(), format!("`{name}` is not a name under `secrets` that has a value{known}"));
            }
            if raw.env.contains_key(name) {
                desk.error(place.span(), format!("`{name}` stands under `env` of this step too"));
            }
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

/// A step as it is written, without its condition.
pub(super) fn unchecked(raw: &raw::Step) -> Step {
    Step {
        name: raw.name.clone(),
        timeout: raw.timeout_seconds.map(Duration::from_secs),
        continue_on_error: raw.continue_on_error,
        env: raw.env.clone(),
        secrets: raw.secrets.clone(),
        ..Step::new(Action::Run { command: raw.run.clone() })
    }
}
