//! A mistake in the file, where it is and whom it concerns.
//!
//! Made by the checks through [`Report`], shown by `validate`, logged by `app`. What must stay true: no message quotes
//! a value that came from the environment, and none a value that may be a secret.

use std::fmt;
use std::path::PathBuf;

use super::source::Source;
use super::tree::Span;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// What it concerns is left out.
    Error,
    /// A person should know; everything stays in force.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What a problem concerns, and therefore what is left out because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The file as a whole.
    File,
    /// One project.
    Project(String),
    /// One pipeline, and with it the projects that refer to it.
    Pipeline(String),
    /// One name under `secrets`.
    Secret(String),
}

impl About {
    /// What a place in the file belongs to.
    pub(super) fn path(path: &[String]) -> Self {
        match path {
            [section, name, ..] if section == "projects" => Self::Project(name.clone()),
            [section, name, ..] if section == "pipelines" => Self::Pipeline(name.clone()),
            _ => Self::File,
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named by whoever asked for it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub col: u32,
    /// Error or warning.
    pub severity: Severity,
    /// A lower-case sentence that names the thing and the cure.
    pub message: String,
    /// The line with a caret below; secrets masked. May be empty.
    pub snippet: String,
    /// What it concerns.
    pub about: About,
}

impl Problem {
    /// `file:line:col: message`, for a log line or `/health`.
    pub fn one_line(&self) -> String {
        format!("{}:{}:{}: {}", self.file, self.line, self.col, self.message)
    }

    /// True for an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `file:line:col: error: message`, then the offending line with a caret.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}: {}", self.file, self.line, self.col, self.severity, self.message)?;
        self.snippet.lines().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Why a file cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The file could not be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said, and the cure where there is one.
        reason: String,
    },
    /// A mistake that is not inside one project or pipeline. Holds every problem of the file.
    #[error("{}", first_of(.0))]
    Mistakes(Vec<Problem>),
}

impl Broken {
    /// Every problem that was found; none when the file could not be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Mistakes(problems) => problems,
        }
    }
}

fn first_of(problems: &[Problem]) -> String {
    let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.is_error()).collect();
    let first = errors.iter().find(|problem| problem.about == About::File).or_else(|| errors.first());
    first.map_or_else(String::new, |problem| problem.one_line() + &and_more(errors.len()))
}

/// ` (and 3 more)` for four mistakes, nothing for one.
pub(super) fn and_more(count: usize) -> String {
    if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() }
}

/// Collects problems during one load.
#[derive(Debug)]
pub(super) struct Report<'a> {
    source: &'a Source<'a>,
    problems: Vec<Problem>,
}

impl<'a> Report<'a> {
    pub(super) fn new(source: &'a Source<'a>) -> Self {
        Self { source, problems: Vec::new() }
    }

    pub(super) fn error(&mut self, about: &About, span: Span, message: impl Into<String>) {
        self.add(Severity::Error, about, span, message.into());
    }

    pub(super) fn warn(&mut self, about: &About, span: Span, message: impl Into<String>) {
        self.add(Severity::Warning, about, span, message.into());
    }

    fn add(&mut self, severity: Severity, about: &About, span: Span, message: String) {
        let span = span.or(Span::START);
        self.problems.push(Problem {
            file: self.source.name.to_owned(),
            line: span.line,
            col: span.column,
            severity,
            message,
            snippet: self.source.snippet(span),
            about: about.clone(),
        });
    }

    /// True when an error was reported about this.
    pub(super) fn has_error(&self, about: &About) -> bool {
        self.problems.iter().any(|problem| problem.is_error() && problem.about == *about)
    }

    /// The problems, sorted by place; the same mistake seen twice, through an alias, only once for each it concerns.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.problems;
        problems.sort_by(|a, b| (a.line, a.col, &a.message).cmp(&(b.line, b.col, &b.message)));
        problems.dedup();
        problems
    }
}

/// A [`Report`] for one project, pipeline or part of the file.
pub(super) struct Desk<'r, 'a> {
    pub(super) report: &'r mut Report<'a>,
    pub(super) about: About,
}

impl Desk<'_, '_> {
    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.report.error(&self.about, span, message);
    }

    pub(super) fn warn(&mut self, span: Span, message: impl Into<String>) {
        self.report.warn(&self.about, span, message);
    }

    /// True when an error was reported here.
    pub(super) fn has_error(&self) -> bool {
        self.report.has_error(&self.about)
    }
}
