//! `agent-smith validate`: every mistake in the file at once.
//!
//! Problems are the product of this command, so they go to standard output. What must stay true: exit code 0 only when
//! the server would run everything that the file says.

use std::io::{IsTerminal, Write};
use std::path::Path;

use crate::config::{self, Broken, Env, Problem, Severity};

/// Prints every problem of the file. Returns the exit code: 0 without errors, 1 with errors, 2 when it cannot be read.
pub fn validate(path: &Path, env: &Env) -> u8 {
    let mut out = std::io::stdout().lock();
    let colour = out.is_terminal() && env.trimmed("NO_COLOR").is_none();
    let problems = match config::load(path, env) {
        Ok(loaded) => {
            let done = print(&mut out, &loaded.problems, path, colour);
            let projects = loaded.config.projects.len();
            let summary = format!("{} would run, {} left out", count(projects, "project"), loaded.left_out.len());
            if let Err(code) = done.and_then(|()| writeln!(out, "{summary}")).map_err(|_| 1) {
                return code;
            }
            loaded.problems
        }
        Err(broken @ Broken::Unreadable { .. }) => {
            eprintln!("{broken}");
            return 2;
        }
        Err(broken @ Broken::Mistakes(_)) => {
            let done = print(&mut out, broken.problems(), path, colour)
                .and_then(|()| writeln!(out, "nothing of the file would run"));
            return u8::from(done.is_err() || !broken.problems().is_empty());
        }
    };
    u8::from(problems.iter().any(Problem::is_error))
}

/// All problems and their number. One mistake in an alias concerns several projects and is shown once.
fn print(out: &mut impl Write, problems: &[Problem], path: &Path, colour: bool) -> std::io::Result<()> {
    let mut shown: Vec<&Problem> = problems.iter().collect();
    shown.dedup_by(|a, b| (a.line, a.col, &a.message) == (b.line, b.col, &b.message));
    for problem in &shown {
        writeln!(out, "{}", if colour { coloured(problem) } else { problem.to_string() })?;
    }
    let errors = shown.iter().filter(|problem| problem.is_error()).count();
    let warnings = shown.len() - errors;
    writeln!(out, "{}: {}, {}", path.display(), count(errors, "error"), count(warnings, "warning"))
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
