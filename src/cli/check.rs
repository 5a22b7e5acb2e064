//! `agent-smith validate --check`: whether this machine has what the pipelines in use start.
//!
//! Called by `validate`. What must stay true: one line for each program, with what helps where one is missing; of the
//! programs only git is started, to ask for its version.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::output::Output;
use crate::config::{Config, Env, Limits, pipelines_of};
use crate::pipeline::own_cgroup;
use crate::pipeline::programs::{DEFAULT_PATH, Need, OLDEST_GIT, SHELL, find, needs};

/// What a look at one program came to.
enum Found {
    Ok(String),
    Missing { what: String, cure: String },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(what) => write!(f, "ok       {what}"),
            Self::Missing { what, cure } => write!(f, "missing  {what}: {cure}"),
        }
    }
}

/// Prints what the projects' pipelines need. Returns false when something of it is missing.
pub(super) fn check(out: &mut Output, config: &Config, env: &Env) -> bool {
    let mut wanted: BTreeMap<Need, Vec<&str>> = BTreeMap::new();
    for name in config.projects.values().flat_map(|project| pipelines_of(project)) {
        for need in config.pipelines.get(name).map(|pipeline| needs(pipeline)).unwrap_or_default() {
            let names = wanted.entry(need).or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let path = env.get("PATH").unwrap_or(DEFAULT_PATH);
    let mut all = true;
    for (need, pipelines) in &wanted {
        let found = look(need, path);
        all &= matches!(found, Found::Ok(_));
        out.line(format_args!("{found} (for {})", pipelines.join(", ")));
    }
    if wanted.is_empty() {
        out.line("no pipeline in use starts a program");
    }
    let limits = |name: &str| config.pipelines.get(name).is_some_and(|one| one.limits != Limits::default());
    if config.projects.values().flat_map(|project| pipelines_of(project)).any(limits) {
        out.line(format_args!("note     limits, as seen from here: {}", limits_in_words(own_cgroup())));
    }
    all
}

/// The service that runs the server may be better off than the shell that asks; nothing is missing without.
fn limits_in_words(cgroup: Result<PathBuf, String>) -> String {
    match cgroup {
        Ok(path) => format!("for a run as a whole if nothing else is in the control group {}", path.display()),
        Err(why) => format!("for each process of a run and not for all together: {why}"),
    }
}

fn look(need: &Need, path: &str) -> Found {
    let root = Path::new("/");
    match need {
        Need::Shell => match find(SHELL, OsStr::new(path), root) {
            Some(file) => Found::Ok(format!("sh: {}", file.display())),
            None => missing("sh", format!("there is no {SHELL}; install a shell")),
        },
        Need::Git => git(find("git", OsStr::new(path), root), path),
        Need::Agent(program, _) if program.contains('/') => match find(program, OsStr::new(""), root) {
            Some(file) => Found::Ok(format!("{program}: {}", file.display())),
            // In the workspace, which does not exist yet.
            None if !program.starts_with('/') => Found::Ok(format!("{program}: expected in the workspace")),
            None => missing(program, "there is no such program; install it, or name another under `agent`".to_owned()),
        },
        Need::Agent(program, own_path) => {
            let path = own_path.as_deref().unwrap_or(path);
            match find(program, OsStr::new(path), root) {
                Some(file) => Found::Ok(format!("{program}: {}", file.display())),
                None => missing(program, format!("not in PATH ({path}); install it, or name another under `agent`")),
            }
        }
        Need::NoAgent => missing("a coding agent", "set `agent.coding`, such as `coding: { type: claude }`".to_owned()),
    }
}

fn missing(what: &str, cure: String) -> Found {
    Found::Missing { what: what.to_owned(), cure }
}

fn git(file: Option<PathBuf>, path: &str) -> Found {
    let (major, minor) = OLDEST_GIT;
    let Some(file) = file else {
        return missing("git", format!("not in PATH ({path}); install git {major}.{minor} or newer"));
    };
    let said = Command::new(&file).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let place = file.display();
    match version(&said) {
        Some(found) if found >= OLDEST_GIT => Found::Ok(format!("{said}: {place}")),
        Some(_) => missing("git", format!("{place} is {said}; install git {major}.{minor} or newer")),
        None => missing("git", format!("{place} does not tell its version; install git {major}.{minor} or newer")),
    }
}

/// `(2, 43)` of `git version 2.43.0`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_git_tells_its_version_in_the_same_words() {
        assert_eq!(version("git version 2.43.0"), Some((2, 43)));
        assert_eq!(version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(version("hub version 2.14"), None);
        assert!(version("git version 2.9.5") < Some(OLDEST_GIT));
    }
}
