//! From the path of a file to a configuration that can run, and everything that is wrong with it.
//!
//! Called by `cli` (validate), by `app` at start and by [`super::Live`] on every edit. What must stay true: a mistake
//! inside one project or pipeline costs that one only; any other costs the whole file.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::check::{self, Context, Means, Spot};
use super::env::Env;
use super::model::{Config, Pipeline, Project, Secrets};
use super::operator::OperatorToken;
use super::problem::{About, Broken, Desk, Problem, Report, and_more};
use super::source::Source;
use super::tree::{self, Node, Span, Value};
use super::{expand, raw, schema, structure};

/// Largest file, 1 MiB: some ten thousand projects' worth of text; more is not a configuration.
const MAX_BYTES: usize = 1 << 20;
/// What a project runs that names no pipeline at all.
pub(super) const LAST_RESORT: &str = "fix-bug";

/// What a file says.
#[derive(Debug)]
pub struct Loaded {
    /// The good projects and pipelines, and the rest of the file.
    pub config: Config,
    /// Errors and warnings, sorted by place.
    pub problems: Vec<Problem>,
    /// Projects that are not in `config`, and why: one line with the place. In file order.
    pub left_out: IndexMap<String, String>,
    /// Names of all projects in the file, in its order.
    pub(super) order: Vec<String>,
    /// Pipelines of the file that are not in `config`.
    pub(super) bad_pipelines: Vec<String>,
}

/// Reads and checks a file. Reads at most 1 MiB from the disk, at once.
///
/// # Errors
/// When the file cannot be read, is not YAML, or has a mistake outside projects and pipelines.
pub fn load(path: &Path, env: &Env) -> Result<Loaded, Broken> {
    let bytes = read(path)?;
    parse_bytes(&path.display().to_string(), &bytes, env)
}

/// The same for text that is already in memory. `file_name` is for messages.
///
/// # Errors
/// As [`load`].
pub fn parse(file_name: &str, text: &str, env: &Env) -> Result<Loaded, Broken> {
    if text.len() > MAX_BYTES {
        return Err(whole_file(&Source::new(file_name, ""), Span::START, too_large()));
    }
    let mut source = Source::new(file_name, text);
    let mut tree = match tree::parse(text) {
        Ok(tree) => tree,
        Err(tree::NotYaml { span, message }) => return Err(whole_file(&source, span, message)),
    };
    if tree.value == Value::Null {
        // Most likely caught between the two halves of a save: not evidence that there are no projects.
        return Err(whole_file(&source, Span::START, "the file is empty; it needs at least `projects:`".to_owned()));
    }
    source.hide_secrets_of(&tree);
    let mut report = Report::new(&source);
    expand::expand(&mut tree, env, &mut report);
    let values = structure::check(&mut tree, &schema::SCHEMA, &mut report);
    complete(&tree, values, env, report)
}

/// Reads the bytes of a file, one more than allowed at most.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Broken> {
    let unreadable = |reason: String| Broken::Unreadable { path: path.to_owned(), reason };
    let describe = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable(
            "no such file; name one with --config or AGENTSMITH_CONFIG, or begin with a copy of \
                 agentsmith.yml.example"
                .to_owned(),
        ),
        std::io::ErrorKind::PermissionDenied => unreadable("permission denied for this user".to_owned()),
        _ => unreadable(error.to_string()),
    };
    let file = std::fs::File::open(path).map_err(describe)?;
    if file.metadata().map_err(describe)?.is_dir() {
        return Err(unreadable("it is a directory".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(describe)?;
    Ok(bytes)
}

/// [`parse`] for bytes that may not be text.
pub(super) fn parse_bytes(file_name: &str, bytes: &[u8], env: &Env) -> Result<Loaded, Broken> {
    if bytes.len() > MAX_BYTES {
        return Err(whole_file(&Source::new(file_name, ""), Span::START, too_large()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(file_name, text, env),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            let line = u32::try_from(good.split('\n').count()).unwrap_or(u32::MAX);
            let column = good.rsplit('\n').next().map_or(0, |last| last.chars().count());
            let span = Span { line, column: u32::try_from(column + 1).unwrap_or(u32::MAX), len: 1 };
            Err(whole_file(
                &Source::new(file_name, &good),
                span,
                "this is not UTF-8 text; save the file as UTF-8".to_owned(),
            ))
        }
    }
}

fn too_large() -> String {
    format!("the file is larger than {MAX_BYTES} bytes")
}

fn whole_file(source: &Source<'_>, span: Span, message: String) -> Broken {
    let mut report = Report::new(source);
    report.error(&About::File, span, message);
    Broken::Mistakes(report.into_sorted())
}

/// Checks the meaning of what has the right structure.
fn complete(tree: &Node, mut values: Json, env: &Env, mut report: Report<'_>) -> Result<Loaded, Broken> {
    let root = Spot::root(tree);
    let webhooks: raw::Webhooks = take(&mut values, "webhooks", &mut report).unwrap_or_default();
    let secrets: IndexMap<String, String> = take(&mut values, "secrets", &mut report).unwrap_or_default();
    let secrets: Secrets = secrets.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect();
    let agent = take(&mut values, "agent", &mut report).unwrap_or_default();
    let mut desk = Desk { report: &mut report, about: About::File };
    let agent = check::agent(agent, root.child("agent"), (env, &secrets), &mut desk);

    let means = Means { secrets: &secrets, agent: agent.coding.as_ref(), limits: agent.limits };
    let (pipelines, bad_pipelines) = pipelines(&mut values, root, means, &mut report);
    let known: Vec<String> = pipelines.keys().chain(&bad_pipelines).cloned().collect();
    let mut projects =
        projects(&mut values, root, &Context { env, pipelines: &known, good_pipelines: &pipelines }, &mut report);
    if root.child("projects").keys().next().is_none() {
        report.warn(&About::File, root.child("projects").key_span(), "no project is defined: there is nothing to do");
    }
    let all: Vec<&Project> = projects.values().collect();
    check::warn_of_overlaps(&all, root, &mut report);
    let mut desk = Desk { report: &mut report, about: About::File };
    let webhooks = check::webhooks(&webhooks, root.child("webhooks"), (env, &all), &mut desk);

    let problems = report.into_sorted();
    if problems.iter().any(|problem| problem.is_error() && problem.about == About::File) {
        return Err(Broken::Mistakes(problems));
    }
    let order: Vec<String> =
        IndexMap::<_, ()>::from_iter(root.child("projects").keys().map(|name| (name.to_owned(), ())))
            .into_keys()
            .collect();
    let left_out = leave_out(&order, &mut projects, &bad_pipelines, &problems);
    let projects = projects.into_iter().map(|(name, project)| (name, Arc::new(project))).collect();
    Ok(Loaded {
        config: Config { projects, pipelines, agent, webhooks, secrets, operator_token: OperatorToken::of(env) },
        problems,
        left_out,
        order,
        bad_pipelines,
    })
}

/// All good pipelines, the file's own first; and the names of the bad ones, which replace the built-in ones too.
fn pipelines(
    values: &mut Json,
    root: Spot<'_>,
    means: Means<'_>,
    report: &mut Report<'_>,
) -> (IndexMap<String, Arc<Pipeline>>, Vec<String>) {
    let section = root.child("pipelines");
    let mut raws = take_section(values, "pipelines");
    let (mut good, mut bad) = (IndexMap::new(), Vec::new());
    for name in section.keys() {
        let about = About::Pipeline(name.to_owned());
        let raw = raws.shift_remove(name).and_then(|value| deserialize(value, &about, section.child(name), report));
        let mut desk = Desk { report, about };
        let pipeline = raw.map(|raw| check::pipeline(name, raw, section.child(name), means, &mut desk));
        match pipeline.filter(|_| !desk.has_error()) {
            Some(pipeline) => drop(good.insert(name.to_owned(), Arc::new(pipeline))),
            None => bad.push(name.to_owned()),
        }
    }
    for preset in check::presets(means) {
        if !good.contains_key(&preset.name) && !bad.contains(&preset.name) {
            good.insert(preset.name.clone(), Arc::new(preset));
        }
    }
    (good, bad)
}

/// All projects that could be completed, good or bad.
fn projects(
    values: &mut Json,
    root: Spot<'_>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> IndexMap<String, Project> {
    let section = root.child("projects");
    let raws = take_section(values, "projects");
    let mut projects = IndexMap::new();
    for (name, value) in raws {
        let about = About::Project(name.clone());
        let Some(raw) = deserialize(value, &about, section.child(&name), report) else { continue };
        let mut desk = Desk { report, about };
        if let Some(project) = check::project(&name, raw, section.child(&name), context, &mut desk) {
            projects.insert(name, project);
        }
    }
    projects
}

/// Takes projects with an error, or with a pipeline that has one, out of `projects`; returns the reasons.
fn leave_out(
    order: &[String],
    projects: &mut IndexMap<String, Project>,
    bad_pipelines: &[String],
    problems: &[Problem],
) -> IndexMap<String, String> {
    let reason = |about: &About| {
        let mut errors = problems.iter().filter(|problem| problem.is_error() && problem.about == *about);
        let first = errors.next()?.one_line();
        Some(first + &and_more(1 + errors.count()))
    };
    let mut left_out = IndexMap::new();
    for name in order {
        let own = reason(&About::Project(name.clone()));
        let of_pipeline = || {
            let project = projects.get(name)?;
            let bad = pipelines_of(project).find(|pipeline| bad_pipelines.iter().any(|bad| bad == pipeline))?;
            let why = reason(&About::Pipeline(bad.to_owned())).unwrap_or_default();
            Some(format!("its pipeline `{bad}` has mistakes: {why}"))
        };
        if let Some(reason) = own.or_else(of_pipeline) {
            projects.shift_remove(name);
            left_out.insert(name.clone(), reason);
        }
    }
    left_out
}

/// Every pipeline that a ticket of this project may run, the last resort included when nothing precedes it.
pub fn pipelines_of(project: &Project) -> impl Iterator<Item = &str> {
    let defaults = [project.trigger.default_pipeline.as_deref(), project.pipeline.as_deref()];
    let last = if defaults.iter().all(Option::is_none) { Some(LAST_RESORT) } else { None };
    let by_label = project.trigger.pipeline_from_label.values().map(String::as_str);
    defaults.into_iter().flatten().chain(last).chain(by_label)
}

/// One section of the file, when it is there and fits.
fn take<T: DeserializeOwned>(values: &mut Json, key: &str, report: &mut Report<'_>) -> Option<T> {
    let value = values.get_mut(key).map(Json::take)?;
    match serde_json::from_value(value) {
        Ok(section) => Some(section),
        Err(error) => {
            if !report.has_error(&About::File) {
                report.error(&About::File, Span::START, format!("`{key}` cannot be used: {error}"));
            }
            None
        }
    }
}

fn take_section(values: &mut Json, key: &str) -> IndexMap<String, Json> {
    match values.get_mut(key).map(Json::take) {
        Some(Json::Object(entries)) => entries.into_iter().collect(),
        _ => IndexMap::new(),
    }
}

/// `None` after an error; the structure check has reported it, unless it knows less than serde.
fn deserialize<T: DeserializeOwned>(value: Json, about: &About, spot: Spot<'_>, report: &mut Report<'_>) -> Option<T> {
    match serde_json::from_value(value) {
        Ok(section) => Some(section),
        Err(error) => {
            if !report.has_error(about) {
                report.error(about, spot.key_span(), format!("this cannot be used: {error}"));
            }
            None
        }
    }
}
