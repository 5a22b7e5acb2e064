//! Expressions of a pipeline: checked when the file is read, evaluated when the run gets there.
//!
//! Called by `check`, and by the pipeline with what it knows by then. What must stay true: an expression that names
//! something unknown is a mistake of the file and not of a run; an expression sees names and texts and can do
//! nothing.

use std::collections::HashSet;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, context};
use serde::Serialize;

/// Work that a template may do, in the engine's instructions: a loop over a hundred labels takes a few thousand.
const FUEL: u64 = 100_000;
/// Bytes of a rendered text. A prompt with the whole of a long ticket in it; GitHub takes 64 KiB of a description.
pub const MAX_RENDERED: usize = 1 << 20;

/// What an expression may name.
const KNOWN: [&str; 12] = [
    "ticket.id",
    "ticket.title",
    "ticket.body",
    "ticket.labels",
    "ticket.state",
    "ticket.url",
    "project.name",
    "project.platform",
    "run.id",
    "run.attempt",
    "run.pipeline",
    "run.host",
];

/// Functions that ask how the run stands.
const SUCCESS: &str = "success";
const FAILURE: &str = "failure";
const ALWAYS: &str = "always";

/// What is known of an earlier step, below `steps.<name>.`.
const OF_STEP: [&str; 3] = ["outcome", "exit_code", "outputs"];

/// When a step runs: an expression over the ticket, the project, the run and the steps before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    text: Arc<str>,
    /// It says by itself what an earlier failure means to it.
    asks_for_status: bool,
}

impl Condition {
    /// Checks an expression; `earlier` are the names of the steps before.
    ///
    /// # Errors
    /// Says what is wrong, for the author of the file.
    pub(super) fn parse(text: &str, earlier: &[String]) -> Result<Self, String> {
        let environment = environment(true);
        let expression = environment.compile_expression(text).map_err(|error| in_words(&error))?;
        let named = expression.undeclared_variables(true);
        if let Some(unknown) = first_unknown(&named, earlier) {
            return Err(unknown);
        }
        if let Some(unknown) = unknown_function(&environment, text) {
            return Err(unknown);
        }
        let asks_for_status = [SUCCESS, FAILURE, ALWAYS].iter().any(|function| named.contains(*function));
        Ok(Self { text: text.into(), asks_for_status })
    }

    /// Whether the step runs, given what is known and whether every step before has succeeded.
    ///
    /// # Errors
    /// When it cannot be evaluated, in words: two things that cannot be compared, or too much work.
    pub fn holds(&self, known: &impl Serialize, success: bool) -> Result<bool, String> {
        if !self.asks_for_status && !success {
            return Ok(false);
        }
        let environment = environment(success);
        let expression = environment.compile_expression(&self.text).map_err(|error| in_words(&error))?;
        let value = expression.eval(Serde(known)).map_err(|error| in_words(&error))?;
        Ok(value.is_true())
    }

    /// As it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A text with places for what is known of the ticket, the project, the run and the steps before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Arc<str>);

impl Template {
    /// Checks a template; `earlier` are the names of the steps before.
    ///
    /// # Errors
    /// Says what is wrong, for the author of the file.
    pub(super) fn parse(text: &str, earlier: &[String]) -> Result<Self, String> {
        let environment = environment(true);
        let template = environment.template_from_str(text).map_err(|error| in_words(&error))?;
        if let Some(unknown) = first_unknown(&template.undeclared_variables(true), earlier) {
            return Err(unknown);
        }
        match template.render(sample()) {
            Err(error) if is_unknown_function(&error) => Err(in_words(&error)),
            _ => Ok(Self(text.into())),
        }
    }

    /// The text, with everything in its place.
    ///
    /// # Errors
    /// In words, when an output that it names was not given, when it does too much, or when the text becomes longer than
    /// [`MAX_RENDERED`].
    pub fn render(&self, known: &impl Serialize) -> Result<String, String> {
        let text = environment(true).render_str(&self.0, Serde(known)).map_err(|error| in_words(&error))?;
        match text.len() > MAX_RENDERED {
            true => Err(format!("it is {} bytes long; {MAX_RENDERED} are allowed", text.len())),
            false => Ok(text),
        }
    }

    /// As it stands in the file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn environment(success: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_function(SUCCESS, move || success);
    environment.add_function(FAILURE, move || !success);
    environment.add_function(ALWAYS, || true);
    environment
}

/// The first name, in alphabetical order, that nothing will answer to.
fn first_unknown(named: &HashSet<String>, earlier: &[String]) -> Option<String> {
    let mut named: Vec<&str> = named.iter().map(String::as_str).collect();
    named.sort_unstable();
    named.into_iter().find_map(|name| unknown(name, earlier))
}

fn unknown(name: &str, earlier: &[String]) -> Option<String> {
    if [SUCCESS, FAILURE, ALWAYS].contains(&name) {
        return None;
    }
    if let Some(of_step) = name.strip_prefix("steps.") {
        let (step, what) = of_step.split_once('.').unwrap_or((of_step, ""));
        if !earlier.iter().any(|earlier| earlier == step) {
            return Some(format!(
                "no step before this one is named `{step}`{}",
                super::hint(step, earlier.iter().map(String::as_str))
            ));
        }
        let known = OF_STEP.iter().any(|known| what == *known || what.starts_with("outputs."));
        return (!known).then(|| format!("`{name}` is unknown; a step has {}", OF_STEP.join(", ")));
    }
    // A whole section, such as `ticket`, has no text of its own.
    let known = KNOWN.contains(&name);
    (!known).then(|| format!("`{name}` is unknown{}", super::hint(name, KNOWN)))
}

/// The engine looks filters and tests up when it comes to them, so it is made to come to them. Whatever else it says of
/// the sample says nothing of a real ticket.
fn unknown_function(environment: &Environment<'_>, text: &str) -> Option<String> {
    let error = environment.compile_expression(text).ok()?.eval(sample()).err()?;
    is_unknown_function(&error).then(|| in_words(&error))
}

fn is_unknown_function(error: &minijinja::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod
    )
}

/// Something for every name, of its type.
fn sample() -> Value {
    context! {
        ticket => context! { id => "1", title => "t", body => "b", labels => ["l"], state => "open", url => "u" },
        project => context! { name => "p", platform => "github" },
        run => context! { id => "r", attempt => 1, pipeline => "p", host => "h" },
    }
}

/// The engine's own words, on one line.
fn in_words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Result<Condition, String> {
        Condition::parse(text, &["build".to_owned()])
    }

    fn holds(text: &str, success: bool) -> bool {
        let known = json!({
            "ticket": { "id": "7", "title": "t", "labels": ["docs", "bug"] },
            "run": { "attempt": 2 },
            "steps": { "build": { "outcome": "failed", "exit_code": 3, "outputs": { "version": "1.2" } } },
        });
        parse(text)
            .and_then(|condition| condition.holds(&known, success))
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_expression_sees_ticket_run_and_earlier_steps() {
        for text in [
            "'docs' in ticket.labels",
            "run.attempt > 1",
            "steps.build.outcome == 'failed' and steps.build.exit_code == 3",
            "steps.build.outputs.version == '1.2'",
            "success()",
            "ticket.title is startingwith('t')",
        ] {
            assert!(holds(text, true), "{text}");
            assert!(!holds(&format!("not ({text})"), true), "{text}");
        }
    }

    #[test]
    fn after_a_failure_only_those_run_that_ask_for_it() {
        assert!(!holds("run.attempt == 2", false));
        assert!(holds("failure()", false) && !holds("failure()", true));
        assert!(holds("always()", false) && holds("always()", true));
        assert!(holds("failure() and run.attempt == 2", false));
    }

    #[test]
    fn a_mistake_is_told_with_the_nearest_name() {
        for (text, told) in [
            ("ticket.titel == 'x'", "ticket.title"),
            ("steps.biuld.exit_code == 0", "did you mean `build`"),
            ("steps.build.result", "a step has outcome, exit_code, outputs"),
            ("ticket", "`ticket` is unknown"),
            ("1 +", "unexpected end"),
            ("nonsense()", "`nonsense` is unknown"),
            ("ticket.title | shout", "shout"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
