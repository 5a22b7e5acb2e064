//! Coding agents: of one step, or `agent.coding` for all steps that name none.
//!
//! Called by `steps` and `load`. What must stay true: a step of the file that comes out without an error has a program;
//! one of a pipeline that comes with the program may be left without, and says so when it runs.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::Spot;
use super::variables::check_environment;
use crate::config::model::{AgentKind, AgentProgram, CodingAgent, DefaultAgent, Secrets};
use crate::config::problem::Desk;
use crate::config::raw;
use crate::config::template::Template;

/// A coding agent prints what it does; one that thinks for a quarter of an hour without a word hangs.
const STALL_TIMEOUT: Duration = Duration::from_secs(900);

/// The `agent.coding` section.
pub(in crate::config) fn coding(
    raw: raw::DefaultAgent,
    spot: Spot<'_>,
    secrets: &Secrets,
    desk: &mut Desk<'_, '_>,
) -> Option<DefaultAgent> {
    check_environment((&raw.env, &raw.secrets), spot, secrets, desk);
    let written = program((raw.kind, raw.model, raw.args, raw.command), spot, desk)?;
    let Some(program) = written.program else {
        desk.error(spot.key_span(), NEITHER);
        return None;
    };
    let stall_timeout = raw.stall_timeout_seconds.map(Duration::from_secs);
    Some(DefaultAgent { program, stall_timeout, env: raw.env, secrets: raw.secrets })
}

/// The coding agent of a step; `default` is that of all steps, if there is one.
pub(super) fn agent(
    raw: raw::CodingAgent,
    prompt: Option<Template>,
    spot: Spot<'_>,
    (default, built_in): (Option<&DefaultAgent>, bool),
    desk: &mut Desk<'_, '_>,
) -> Option<CodingAgent> {
    let report = raw.report.map(|path| report(path, spot.child("report"), desk));
    let written = program((raw.kind, raw.model, raw.args, raw.command), spot, desk)?;
    let own_limit = raw.stall_timeout_seconds.map(Duration::from_secs);
    let (program, limit) = match (written.program, default) {
        (Some(program), _) => (program, own_limit),
        (None, Some(default)) => (default.program.clone(), own_limit.or(default.stall_timeout)),
        (None, None) if built_in => (AgentProgram::NotConfigured, own_limit),
        (None, None) => {
            desk.error(spot.key_span(), format!("{NEITHER}, or `agent.coding` at the top level for all steps"));
            return None;
        }
    };
    Some(CodingAgent { program, prompt, report, stall_timeout: limit.unwrap_or(STALL_TIMEOUT) })
}

const NEITHER: &str = "an agent needs `type` (claude, codex, gemini, aider, opencode) or `command`";

/// What is written of a program.
struct Written {
    /// Nothing, which is right where another section may have it.
    program: Option<AgentProgram>,
}

type Keys = (Option<raw::AgentType>, Option<String>, Vec<String>, Option<Vec<String>>);

/// `None` when what is written is a mistake.
fn program((kind, model, args, command): Keys, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Option<Written> {
    let texts = args.iter().chain(command.iter().flatten()).chain(&model);
    if texts.clone().any(|text| text.contains('\0')) {
        desk.error(spot.key_span(), "an argument may not contain a NUL character");
        return None;
    }
    let program = match (kind, command) {
        (Some(kind), None) => AgentProgram::Known { kind: agent_kind(kind), model, args },
        (None, Some(command)) => {
            if model.is_some() || !args.is_empty() {
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
            if model.is_some() || !args.is_empty() {
                desk.error(spot.key_span(), "`model` and `args` belong to a `type`: give that too");
                return None;
            }
            return Some(Written { program: None });
        }
    };
    Some(Written { program: Some(program) })
}

/// A file below the workspace.
fn report(path: String, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> PathBuf {
    let inside = |path: &Path| {
        let mut parts = path.components();
        let plain = |part: Component<'_>| matches!(part, Component::Normal(name) if name != ".git");
        !path.as_os_str().is_empty() && parts.all(plain)
    };
    let path = PathBuf::from(path);
    if !inside(&path) || path.as_os_str().as_encoded_bytes().contains(&0) {
        desk.error(spot.span(), "`report` must be a file inside of the workspace, such as `report.md`");
    }
    path
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
