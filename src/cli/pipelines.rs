//! `agent-smith pipelines`: the pipelines that come with the program.
//!
//! What must stay true: what `show` prints can stand in agentsmith.yml as it is, and means the same there.

use std::process::ExitCode;

use super::output::Output;
use super::usage;
use crate::config;

pub(super) const EXAMPLES: &str = "\
Examples:
  agent-smith pipelines ls
  agent-smith pipelines show fix-bug >> agentsmith.yml    when the file has no `pipelines:` yet";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Name them, with a line about each.
    Ls,
    /// Print one in the syntax of agentsmith.yml, to start from.
    Show {
        /// Its name.
        name: String,
    },
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let mut out = Output::default();
    match &arguments.command {
        Command::Ls => {
            let longest = config::built_in().iter().map(|(name, _)| name.len()).max().unwrap_or_default();
            for (name, text) in config::built_in() {
                out.line(format_args!("{name:longest$}  {}", about(text)));
            }
        }
        Command::Show { name } => {
            let Some((name, text)) = config::built_in().iter().find(|(known, _)| known == name) else {
                let names: Vec<&str> = config::built_in().iter().map(|(name, _)| *name).collect();
                let hint = config::hint(name, names.iter().copied());
                return usage(&format!(
                    "no pipeline {name} comes with the program{hint}; there are {}",
                    names.join(", ")
                ));
            };
            out.line(as_written(name, text));
        }
    }
    out.end(ExitCode::SUCCESS)
}

/// The first line of a preset is a comment about it.
fn about(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
}

/// The text of a pipeline below its keys.
fn as_written(name: &str, text: &str) -> String {
    let indented = text.trim_end().lines().map(|line| match line {
        "" => String::new(),
        line => format!("    {line}"),
    });
    format!("pipelines:\n  {name}:\n{}", indented.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Env, Pipeline, parse};

    #[test]
    fn what_is_shown_means_the_same_in_the_file() {
        let env: Env = [("HOME", "/h")].into_iter().collect();
        let head = "projects: {}\nagent: { coding: { type: claude } }\n";
        for (name, text) in config::built_in() {
            let preset = parse("f.yml", head, &env).unwrap().config.pipelines[*name].clone();
            let loaded = parse("f.yml", &format!("{head}{}\n", as_written(name, text)), &env).unwrap();
            let copy =
                Pipeline::clone(loaded.config.pipelines.get(*name).unwrap_or_else(|| panic!("{:?}", loaded.problems)));
            assert!(!copy.built_in && preset.built_in);
            assert_eq!(Pipeline { built_in: true, ..copy }, *preset);
            assert!(about(text).len() > 20, "{name}");
        }
    }
}
