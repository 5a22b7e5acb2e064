//! How each known coding agent is started, and how it takes what it is told.
//!
//! Pure. Who calls: `steps::agent` to start one, `programs` for what a machine needs. Each is started so that it asks
//! nobody, may edit the files of its working directory and, as far as it can tell, nothing more; what else it may do
//! (run commands, use the network) its user allows by `args`. What must stay true: no text of a ticket is part of a
//! command line; agents print while they work, so that one that hangs can be told from one that thinks.

use std::ffi::OsString;
use std::path::Path;

use crate::config::{AgentKind, AgentProgram};

/// A command line, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// Program and arguments.
    pub(super) command: Vec<OsString>,
    /// The prompt is its standard input; else its file is one of the arguments.
    pub(super) prompt_is_input: bool,
    /// Environment variables that it needs for this.
    pub(super) environment: &'static [(&'static str, &'static str)],
    /// Beginnings of the names of files that it leaves in its working directory for itself.
    pub(super) droppings: Option<&'static str>,
}

/// The name of the program; `None` when none is configured.
pub(super) fn program(agent: &AgentProgram) -> Option<&str> {
    match agent {
        AgentProgram::Known { kind, .. } => Some(name(*kind)),
        AgentProgram::Command(command) => command.first().map(String::as_str),
        AgentProgram::NotConfigured => None,
    }
}

/// How the agent is started. `prompt` is the file with what it is told, `desk` a folder for what it writes for itself.
pub(super) fn command_line(agent: &AgentProgram, prompt: &Path, desk: &Path) -> Option<CommandLine> {
    let plain = |command| CommandLine { command, prompt_is_input: true, environment: &[], droppings: None };
    match agent {
        AgentProgram::NotConfigured => None,
        AgentProgram::Command(command) => Some(plain(command.iter().map(OsString::from).collect())),
        AgentProgram::Known { kind, model, args } => {
            let mut command: Vec<OsString> = vec![name(*kind).into()];
            command.extend(leading(*kind).iter().map(OsString::from));
            if let Some(model) = model {
                command.extend(["--model".into(), model.into()]);
            }
            command.extend(args.iter().map(OsString::from));
            let mut line = plain(command);
            match kind {
                // Standard input is the prompt when the prompt is a dash.
                AgentKind::Codex => line.command.push("-".into()),
                // Without, the workspace is a folder that nobody has vouched for, and no edit is allowed there.
                AgentKind::Gemini => line.environment = &[("GEMINI_CLI_TRUST_WORKSPACE", "true")],
                AgentKind::Aider => {
                    let file = |option: &str, path: &Path| [option.into(), path.as_os_str().to_owned()];
                    line.command.extend(file("--input-history-file", &desk.join("aider-input")));
                    line.command.extend(file("--chat-history-file", &desk.join("aider-chat")));
                    line.command.extend(file("--message-file", prompt));
                    line.prompt_is_input = false;
                    line.droppings = Some(".aider");
                }
                AgentKind::Claude | AgentKind::OpenCode => {}
            }
            Some(line)
        }
    }
}

/// The programs of the known agents.
fn name(kind: AgentKind) -> &'static str {
    match kind {
        AgentKind::Claude => "claude",
        AgentKind::Codex => "codex",
        AgentKind::Gemini => "gemini",
        AgentKind::Aider => "aider",
        AgentKind::OpenCode => "opencode",
    }
}

/// What stands before model and own arguments, from each maker's reference.
fn leading(kind: AgentKind) -> &'static [&'static str] {
    match kind {
        // In text mode it is silent until it has finished; events come as they happen, and only with --verbose.
        AgentKind::Claude => {
            &["--print", "--permission-mode", "acceptEdits", "--output-format", "stream-json", "--verbose"]
        }
        // It otherwise refuses to work outside of a repository of git, which a workspace need not be.
        AgentKind::Codex => &["exec", "--sandbox", "workspace-write", "--skip-git-repo-check", "--color", "never"],
        AgentKind::Gemini => &["--approval-mode", "auto_edit", "--output-format", "stream-json"],
        // It answers yes to its own questions, so it must have none about commands and addresses in the ticket.
        AgentKind::Aider => &[
            "--yes-always",
            "--no-auto-commits",
            "--no-dirty-commits",
            "--no-gitignore",
            "--no-suggest-shell-commands",
            "--no-detect-urls",
            "--no-check-update",
            "--no-pretty",
        ],
        // Edits in its working directory are allowed by default, and what would be asked for is refused.
        AgentKind::OpenCode => &["run"],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn started(kind: AgentKind) -> (String, bool) {
        let args = vec!["--own".to_owned(), "a b".to_owned()];
        let agent = AgentProgram::Known { kind, model: Some("m/1".to_owned()), args };
        let line = command_line(&agent, Path::new("/run/prompt"), Path::new("/run")).unwrap();
        let words: Vec<&str> = line.command.iter().map(|word| word.to_str().unwrap()).collect();
        (words.join("|"), line.prompt_is_input)
    }

    #[test]
    fn each_known_agent_asks_nobody_and_edits_files() {
        let rows = [
            (
                AgentKind::Claude,
                "claude|--print|--permission-mode|acceptEdits|--output-format|stream-json|--verbose|--model|m/1|--own|a b",
                true,
            ),
            (
                AgentKind::Codex,
                "codex|exec|--sandbox|workspace-write|--skip-git-repo-check|--color|never|--model|m/1|--own|a b|-",
                true,
            ),
            (
                AgentKind::Gemini,
                "gemini|--approval-mode|auto_edit|--output-format|stream-json|--model|m/1|--own|a b",
                true,
            ),
            (
                AgentKind::Aider,
                "aider|--yes-always|--no-auto-commits|--no-dirty-commits|--no-gitignore|--no-suggest-shell-commands|\
                 --no-detect-urls|--no-check-update|--no-pretty|--model|m/1|--own|a b|--input-history-file|\
                 /run/aider-input|--chat-history-file|/run/aider-chat|--message-file|/run/prompt",
                false,
            ),
            (AgentKind::OpenCode, "opencode|run|--model|m/1|--own|a b", true),
        ];
        for (kind, words, prompt_is_input) in rows {
            assert_eq!(started(kind), (words.to_owned(), prompt_is_input));
        }
    }

    #[test]
    fn without_a_model_none_is_named_and_any_other_agent_is_started_as_it_stands() {
        let bare = AgentProgram::Known { kind: AgentKind::OpenCode, model: None, args: Vec::new() };
        let line = |agent: &AgentProgram| command_line(agent, Path::new("p"), Path::new("d"));
        assert_eq!(line(&bare).unwrap().command, ["opencode", "run"]);
        let own = AgentProgram::Command(vec!["./agent.sh".to_owned(), "-x".to_owned()]);
        let started = line(&own).unwrap();
        assert_eq!((started.command, started.prompt_is_input), (vec!["./agent.sh".into(), "-x".into()], true));
        assert_eq!((program(&own), program(&bare)), (Some("./agent.sh"), Some("opencode")));
        assert_eq!((program(&AgentProgram::NotConfigured), line(&AgentProgram::NotConfigured)), (None, None));
    }
}
