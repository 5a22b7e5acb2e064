//! Which programs pipelines need on this machine, and whether they are there.
//!
//! Who calls: `sequence` before the first step, `steps::agent`, and `cli` for `validate --check`. What must stay true:
//! nothing is started, a program is only looked for; what an earlier step may still install is not missed early.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::agents;
use crate::config::{Action, AgentProgram, Pipeline, Step};

/// The oldest git that is known to do what a `checkout` asks of it.
pub const OLDEST_GIT: (u32, u32) = (2, 38);
/// `PATH` of steps where the server has none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What gives commands to `run` steps.
pub const SHELL: &str = "/bin/sh";

/// What an `agent` step says that has no agent at all.
pub(super) const NO_AGENT: &str =
    "no coding agent is configured: set `agent.coding` in agentsmith.yml, such as `coding: { type: claude }`";

/// A program that a pipeline starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// [`SHELL`].
    Shell,
    /// The `git` program.
    Git,
    /// A coding agent's program, looked for in this `PATH` if the step has one of its own.
    Agent(String, Option<String>),
    /// A coding agent that nobody has named.
    NoAgent,
}

/// The programs that a pipeline starts by itself, each once.
pub fn needs(pipeline: &Pipeline) -> Vec<Need> {
    let mut needs: Vec<Need> = pipeline.steps.iter().filter_map(need).collect();
    needs.sort_unstable();
    needs.dedup();
    needs
}

fn need(step: &Step) -> Option<Need> {
    match &step.action {
        Action::Run { .. } => Some(Need::Shell),
        Action::Checkout { .. } | Action::Commit { .. } | Action::Push => Some(Need::Git),
        Action::Agent(agent) => Some(match agents::program(&agent.program) {
            Some(program) => Need::Agent(program.to_owned(), step.env.get("PATH").cloned()),
            None => Need::NoAgent,
        }),
        Action::OpenChangeRequest(_) | Action::Comment(_) | Action::SetStatus(_) => None,
    }
}

/// Where a program is that would be started by this name: with a slash in it the file itself, else the first of `path`.
pub fn find(program: &str, path: &OsStr, directory: &Path) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(directory.join(program)).filter(is_program);
    }
    let folders = path.as_bytes().split(|byte| *byte == b':').map(OsStr::from_bytes);
    folders.map(|folder| directory.join(folder).join(program)).find(is_program)
}

/// Why a program cannot be started; names it, the machine and where it was looked for.
pub(super) fn not_found(program: &str, path: &OsStr, host: &str) -> String {
    let cure = "install it there, or name another under `agent`";
    match program.contains('/') {
        true => format!("there is no program {program} on host {host}: {cure}"),
        false => format!("the program {program} is not on host {host}; PATH is {}: {cure}", path.display()),
    }
}

/// The first step whose program cannot be started whatever the steps before it do, and why.
///
/// Steps with a condition may never run, tolerated ones may fail, and after a `run` step the program may be there.
pub(super) fn missing<'p>(
    steps: &'p [Step],
    path: impl Fn(&'p Step) -> &'p OsStr,
    host: &str,
) -> Option<(usize, String)> {
    for (index, step) in steps.iter().enumerate() {
        match &step.action {
            Action::Run { .. } => return None,
            Action::Agent(agent) if step.condition.is_none() && !step.continue_on_error => {
                let why = match (&agent.program, agents::program(&agent.program)) {
                    (AgentProgram::NotConfigured, _) | (_, None) => Some(NO_AGENT.to_owned()),
                    // In the workspace, which is empty now.
                    (_, Some(program)) if program.contains('/') && !program.starts_with('/') => None,
                    (_, Some(program)) => {
                        let path = path(step);
                        let found = find(program, path, Path::new("/"));
                        found.is_none().then(|| not_found(program, path, host))
                    }
                };
                if let Some(why) = why {
                    return Some((index, why));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_the_first_executable_file_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, mode) in [("a/tool", 0o644), ("b/tool", 0o755), ("c/tool", 0o755)] {
            std::fs::create_dir(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), "").unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let found = |program: &str, path: &str| find(program, OsStr::new(path), folder.path());
        assert_eq!(found("tool", "none:a:b:c"), Some(at("b/tool")));
        assert_eq!(found("tool", "a"), None);
        assert_eq!(found("c/tool", "b"), Some(at("c/tool")));
        assert_eq!(found("a/tool", "b"), None);
        assert_eq!(found("b", &folder.path().display().to_string()), None, "a folder");
    }
}
