//! `agent-smith validate`: every mistake in the file at once, and with `--check` what the machine lacks.
//!
//! Problems are the product of this command, so they go to standard output. What must stay true: exit code 0 only when
//! the server would run everything that the file says.

use std::path::Path;
use std::process::ExitCode;

use super::output::{Output, takes_colour};
use super::{ConfigArgument, EXIT_USAGE, check, usage};
use crate::config::{self, Broken, Env, Loaded, Problem, Severity};

/// Names in the last line. More would not be read.
const MOST_NAMES: usize = 10;

const NOTES: &str = "\
Exit codes: 0 everything in the file would run (there may be warnings), 1 there are errors or, with --check, something
is missing, 2 the file cannot be read.

A `${NAME}` in the file and the tokens are looked up in the environment of this command.

Examples, for a pre-commit hook or CI, and for the machine and the user that the server runs on:
  agent-smith validate --config deploy/agentsmith.yml
  agent-smith validate --check";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Also look on this machine for the programs that the pipelines in use start.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    ExitCode::from(validate(&arguments.config.config, &Env::from_process(), arguments.check))
}

/// Prints every problem of the file, and with `check` what its pipelines need. Returns the exit code: 0 without errors,
/// 1 with errors or with something missing, 2 when it cannot be read.
pub fn validate(path: &Path, env: &Env, check: bool) -> u8 {
    let (problems, summary, config) = match config::load(path, env) {
        Ok(loaded) => {
            let summary = summary(&loaded);
            (loaded.problems, summary, Some(loaded.config))
        }
        Err(Broken::Mistakes(problems)) => (problems, "nothing of the file would run".to_owned(), None),
        Err(unreadable @ Broken::Unreadable { .. }) => {
            usage(&unreadable.to_string());
            return EXIT_USAGE;
        }
    };
    let mut out = Output::default();
    print(&mut out, &problems, path, takes_colour(&std::io::stdout(), env));
    out.line(summary);
    let lacking = config.filter(|_| check).is_some_and(|config| !check::check(&mut out, &config, env));
    let bad = lacking || problems.iter().any(Problem::is_error);
    u8::from(bad || out.end(ExitCode::SUCCESS) != ExitCode::SUCCESS)
}

/// All problems and their number. One mistake in an alias concerns several projects and is shown once.
fn print(out: &mut Output, problems: &[Problem], path: &Path, colour: bool) {
    let mut shown: Vec<&Problem> = problems.iter().collect();
    shown.dedup_by(|a, b| (a.line, a.col, &a.message) == (b.line, b.col, &b.message));
    for problem in &shown {
        out.line(if colour { coloured(problem) } else { problem.to_string() });
    }
    let errors = shown.iter().filter(|problem| problem.is_error()).count();
    let warnings = shown.len() - errors;
    out.line(format_args!("{}: {}, {}", path.display(), count(errors, "error"), count(warnings, "warning")));
}

/// `1 project would run (website), 1 left out (shop-api)`.
fn summary(loaded: &Loaded) -> String {
    let (run, left_out) = (&loaded.config.projects, &loaded.left_out);
    let would = format!("{} would run{}", count(run.len(), "project"), names(run.keys()));
    if left_out.is_empty() { would } else { format!("{would}, {} left out{}", left_out.len(), names(left_out.keys())) }
}

fn names<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = if names.len() > MOST_NAMES { ", \u{2026}" } else { "" };
    let names: Vec<&str> = names.take(MOST_NAMES).map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!(" ({}{more})", names.join(", ")) }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn coloured(problem: &Problem) -> String {
    let colour = match problem.severity {
        Severity::Error => "\x1b[1;31m",
        Severity::Warning => "\x1b[1;33m",
    };
    let word = problem.severity.to_string();
    problem.to_string().replacen(&format!(" {word}: "), &format!(" {colour}{word}\x1b[0m: "), 1)
}
