//! The steps of one pipeline: names, conditions, environment, secrets.
//!
//! Called by `pipelines`. What must stay true: a step that passed can be carried out as far as the file can tell; it
//! sees no secret that it did not ask for.

use std::time::Duration;

use super::Spot;
use crate::config::model::{Action, AgentKind, AgentProgram, ChangeRequest, CodingAgent, Secrets, Step};
use crate::config::problem::Desk;
use crate::config::template::{Condition, Template};
use crate::config::{hint, raw};

/// Characters of a step's name. It stands in every line about it.
const MAX_NAME: usize = 40;
/// What the program sets by itself; a step that sets it too would take its own orders for ours.
const RESERVED: &str = "AGENTSMITH_";

/// What a step can be, in the order the documentation lists them.
const ACTIONS: [&str; 8] =
    ["run", "checkout", "agent", "commit", "push", "open_change_request", "comment", "set_status"];
/// A coding agent prints what it does; one that thinks for a quarter of an hour without a word hangs.
const STALL_TIMEOUT: Duration = Duration::from_secs(900);

/// Checks the steps of one pipeline in their order.
pub(super) struct Steps<'a> {
    secrets: &'a Secrets,
    names: Vec<String>,
    has_checkout: bool,
}

impl<'a> Steps<'a> {
    pub(super) fn new(secrets: &'a Secrets) -> Self {
        Self { secrets, names: Vec::new(), has_checkout: false }
    }

    /// The next step. Every mistake is reported; what is returned is of use only when there was none.
    pub(super) fn check(&mut self, raw: raw::Step, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Step> {
        let condition = raw.condition.as_deref().and_then(|text| {
            let condition = Condition::parse(text, &self.names);
            condition.map_err(|why| desk.error(spot.child("if").span(), format!("the condition: {why}"))).ok()
        });
        self.check_environment(&raw, spot, desk);
        let step = Step {
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
        let prompt = match raw.prompt {
            Some(prompt) => Some(self.template(&prompt, spot.child("prompt"), desk)?),
            None => None,
        };
        let program = match (raw.kind, raw.command) {
            (Some(kind), None) => AgentProgram::Known { kind: agent_kind(kind), model: raw.model, args: raw.args },
            (None, Some(command)) => {
                if raw.model.is_some() || !raw.args.is_empty() {
                    desk.error(spot.key_span(), "`model` and `args` belong to a `type`; put them into `command`");
                }
                if command.first().is_none_or(|program| program.trim().is_empty()) {
                    desk.error(spot.child("command").key_span(), "`command` names no program");
                }
                AgentProgram::Command(command)
            }
            (Some(_), Some(_)) => {
                desk.error(spot.key_span(), "give an agent `type` or `command`, not both");
                return None;
            }
            (None, None) => {
                desk.error(
                    spot.key_span(),
                    "an agent needs `type` (claude, codex, gemini, aider, opencode) or `command`",
                );
                return None;
            }
        };
        let stall_timeout = raw.stall_timeout_seconds.map_or(STALL_TIMEOUT, Duration::from_secs);
        Some(Action::Agent(CodingAgent { program, prompt, stall_timeout }))
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

fn agent_kind(kind: raw::AgentType) -> AgentKind {
    match kind {
        raw::AgentType::Claude => AgentKind::Claude,
        raw::AgentType::Codex => AgentKind::Codex,
        raw::AgentType::Gemini => AgentKind::Gemini,
        raw::AgentType::Aider => AgentKind::Aider,
        raw::AgentType::OpenCode => AgentKind::OpenCode,
    }
}
