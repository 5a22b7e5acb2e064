//! The steps of one pipeline: names, conditions, environment, secrets.
//!
//! Called by `pipelines`. What must stay true: a step that passed can be carried out as far as the file can tell; it
//! sees no secret that it did not ask for.

use std::time::Duration;

use super::variables::check_environment;
use super::{Spot, coding};
use crate::config::model::{Action, ChangeRequest, DefaultAgent, Secrets, Step};
use crate::config::problem::Desk;
use crate::config::raw;
use crate::config::template::{Condition, Template};

/// Characters of a step's name. It stands in every line about it.
const MAX_NAME: usize = 40;

/// What a step can be, in the order the documentation lists them.
const ACTIONS: [&str; 8] =
    ["run", "checkout", "agent", "commit", "push", "open_change_request", "comment", "set_status"];

/// Checks the steps of one pipeline in their order.
pub(super) struct Steps<'a> {
    secrets: &'a Secrets,
    /// The coding agent of steps that name none.
    agent: Option<&'a DefaultAgent>,
    /// They come with the program.
    built_in: bool,
    names: Vec<String>,
    has_checkout: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn new(secrets: &'a Secrets, agent: Option<&'a DefaultAgent>, built_in: bool) -> Self {
        Self { secrets, agent, built_in, names: Vec::new(), has_checkout: false }
    }

    /// The next step. Every mistake is reported; what is returned is of use only when there was none.
    pub(super) fn check(&mut self, raw: raw::Step, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Step> {
        let condition = raw.condition.as_deref().and_then(|text| {
            let condition = Condition::parse(text, &self.names);
            condition.map_err(|why| desk.error(spot.child("if").span(), format!("the condition: {why}"))).ok()
        });
        check_environment((&raw.env, &raw.secrets), spot, self.secrets, desk);
        let by_default = raw.agent.as_ref().is_some_and(|agent| agent.kind.is_none() && agent.command.is_none());
        let mut step = Step {
            name: raw.name.clone(),
            condition,
            timeout: raw.timeout_seconds.map(Duration::from_secs),
            continue_on_error: raw.continue_on_error,
            env: raw.env.clone(),
            secrets: raw.secrets.clone(),
            ..Step::new(self.action(raw, spot, desk)?)
        };
        match &step.action {
            Action::Checkout { .. } => self.has_checkout = true,
            Action::Commit { .. } | Action::Push | Action::OpenChangeRequest(_) if !self.has_checkout => {
                let message = format!("a `{}` step needs a `checkout` step before it", step.action);
                desk.error(spot.child(&step.action.to_string()).key_span(), message);
            }
            _ => {}
        }
        if let Some(agent) = self.agent.filter(|_| by_default) {
            add_missing(&mut step, agent);
        }
        if let Some(name) = &step.name {
            self.check_name(name, spot.child("name"), desk);
            self.names.push(name.clone());
        }
        Some(step)
    }

    fn action(&self, raw: raw::Step, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Action> {
        let written: Vec<&str> = ACTIONS.into_iter().filter(|key| spot.child(key).exists()).collect();
        let [key] = written.as_slice() else {
            let found = if written.is_empty() { "none".to_owned() } else { written.join(" and ") };
            desk.error(
                spot.key_span(),
                format!("a step is exactly one of {}; this one has {found}", ACTIONS.join(", ")),
            );
            return None;
        };
        let place = spot.child(key);
        let mut template = |key: &str, text: Option<String>| match (text, place.child(key)) {
            (None, _) => Some(None),
            (Some(text), at) => self.template(&text, if at.exists() { at } else { place }, desk).map(Some),
        };
        if let Some(raw::Commit { message }) = raw.commit {
            return Some(Action::Commit { message: template("message", message)? });
        }
        if let Some(raw::ChangeRequest { title, body, draft }) = raw.open_change_request {
            let (title, body) = (template("title", title), template("body", body));
            return Some(Action::OpenChangeRequest(ChangeRequest { title: title?, body: body?, draft }));
        }
        if let Some(text) = raw.comment {
            return template("", Some(text))?.map(Action::Comment);
        }
        if let Some(command) = raw.run {
            return Some(run(command, place, desk));
        }
        if let Some(raw) = raw.checkout {
            return Some(checkout(raw, place, desk));
        }
        if let Some(agent) = raw.agent {
            return self.agent(agent, place, desk);
        }
        if let Some(status) = raw.set_status {
            if status.trim().is_empty() {
                desk.error(place.span(), "this status is empty");
            }
            return Some(Action::SetStatus(status));
        }
        raw.push.map(|raw::Push {}| Action::Push)
    }

    fn agent(&self, raw: raw::CodingAgent, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Action> {
        let prompt = match &raw.prompt {
            Some(prompt) => Some(self.template(prompt, spot.child("prompt"), desk)?),
            None => None,
        };
        coding::agent(raw, prompt, spot, (self.agent, self.built_in), desk).map(Action::Agent)
    }

    fn template(&self, text: &str, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Template> {
        if text.trim().is_empty() {
            desk.error(spot.span(), "this text is empty");
            return None;
        }
        Template::parse(text, &self.names).map_err(|why| desk.error(spot.span(), format!("the template: {why}"))).ok()
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
}

/// What the agent of all steps sees, where the step says nothing else.
fn add_missing(step: &mut Step, agent: &DefaultAgent) {
    for (name, value) in &agent.env {
        if !step.env.contains_key(name) && !step.secrets.contains(name) {
            step.env.insert(name.clone(), value.clone());
        }
    }
    for name in &agent.secrets {
        if !step.env.contains_key(name) && !step.secrets.contains(name) {
            step.secrets.push(name.clone());
        }
    }
}

fn run(command: String, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Action {
    if command.trim().is_empty() {
        desk.error(spot.key_span(), "the command of this step is empty: it would succeed and do nothing");
    } else if command.contains('\0') {
        desk.error(spot.span(), "a command may not contain a NUL character");
    }
    Action::Run { command }
}

/// A name that git takes for a branch and for nothing else.
fn checkout(raw: raw::Checkout, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Action {
    let raw::Checkout { base, keep_work } = raw;
    let is_branch = |name: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
        let parts = name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"));
        parts
            && !name.starts_with('-')
            && !name.ends_with('.')
            && !name.contains("..")
            && !name.contains("@{")
            && !name.contains(odd)
    };
    if base.as_deref().is_some_and(|base| !is_branch(base)) {
        desk.error(spot.child("base").span(), "`base` is no name of a branch");
    }
    Action::Checkout { base, keep_work }
}
