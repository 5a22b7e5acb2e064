//! The configuration in force, and how an edit of the file replaces it.
//!
//! `app` starts it, the poll cycle refreshes it, everybody else asks for the current one. What must stay true: a broken
//! edit, or a file that is gone, changes nothing but [`Live::trouble`]; a project that an edit spoils goes on as it last
//! was; a refresh of an unchanged file costs one `stat`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use indexmap::IndexMap;

use super::env::Env;
use super::load::{self, Loaded, pipelines_of};
use super::model::Config;
use super::problem::{Broken, Problem, and_more};

/// How old a file must be before its times alone prove that it has not changed. File systems count in steps of up to
/// two seconds, so that two writes within one step look alike.
const SETTLED: Duration = Duration::from_secs(3);

/// A shared handle. Clones see the same configuration.
#[derive(Debug, Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None`: fixed.
    file: Option<(PathBuf, Env)>,
    state: Mutex<State>,
    /// Held for a whole refresh, so that an older reading never replaces a newer one.
    refreshing: Mutex<()>,
}

#[derive(Debug)]
struct State {
    config: Arc<Config>,
    left_out: IndexMap<String, String>,
    outdated: IndexMap<String, String>,
    other: Vec<String>,
    broken: Option<String>,
    stamp: Option<Stamp>,
    content: Vec<u8>,
}

/// What a [`Live::refresh`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// Nothing new, also when the file is as broken as it was last time.
    Unchanged,
    /// An edit is in force.
    Reloaded {
        /// All errors and warnings of the file as it is now.
        problems: Vec<Problem>,
        /// Projects that were not in force before.
        added: Vec<String>,
        /// Projects whose settings differ.
        changed: Vec<String>,
        /// Projects that are not in force any more.
        removed: Vec<String>,
    },
    /// An edit could not be used. The configuration before it stays in force.
    Broken {
        /// One line with the place.
        reason: String,
    },
}

impl Live {
    /// Reads the file and keeps it in force until an edit replaces it. Returns what was found as well.
    ///
    /// # Errors
    /// As [`super::load()`].
    pub fn start(path: &Path, env: Env) -> Result<(Self, Loaded), Broken> {
        let stamp = Stamp::of(path);
        let content = load::read(path)?;
        let loaded = load::parse_bytes(&path.display().to_string(), &content, &env)?;
        let state = State {
            config: Arc::new(loaded.config.clone()),
            left_out: loaded.left_out.clone(),
            outdated: IndexMap::new(),
            other: other_trouble(&loaded.problems),
            broken: None,
            stamp,
            content,
        };
        Ok((Self::new(Some((path.to_owned(), env)), state), loaded))
    }

    /// A configuration that never changes, for the demo and for tests.
    pub fn fixed(config: Config) -> Self {
        let state = State {
            config: Arc::new(config),
            left_out: IndexMap::new(),
            outdated: IndexMap::new(),
            other: Vec::new(),
            broken: None,
            stamp: None,
            content: Vec::new(),
        };
        Self::new(None, state)
    }

    fn new(file: Option<(PathBuf, Env)>, state: State) -> Self {
        Self { inner: Arc::new(Inner { file, state: Mutex::new(state), refreshing: Mutex::new(()) }) }
    }

    /// The configuration in force.
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.state().config)
    }

    /// Projects of the file that are not in force, and why: one line with the place.
    pub fn left_out(&self) -> IndexMap<String, String> {
        self.state().left_out.clone()
    }

    /// Projects that go on as they were before an edit spoiled them, and what is wrong with the edit.
    pub fn outdated(&self) -> IndexMap<String, String> {
        self.state().outdated.clone()
    }

    /// What a person should repair, on one line; `None` when all of the file is in force.
    pub fn trouble(&self) -> Option<String> {
        let state = self.state();
        let mut parts: Vec<String> = Vec::new();
        parts.extend(state.broken.iter().map(|reason| format!("the last edit is not in force: {reason}")));
        parts.extend(state.left_out.iter().map(|(name, reason)| format!("project `{name}` is left out: {reason}")));
        let outdated = state.outdated.iter();
        parts.extend(outdated.map(|(name, reason)| format!("project `{name}` runs as before the last edit: {reason}")));
        parts.extend(state.other.iter().cloned());
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Looks at the file again. Reads it only when it may have changed; at most 1 MiB, without waiting for anything else.
    pub fn refresh(&self) -> Refresh {
        let Some((path, env)) = &self.inner.file else {
            return Refresh::Unchanged;
        };
        let _one_at_a_time = lock(&self.inner.refreshing);
        let stamp = Stamp::of(path);
        if stamp.as_ref().is_some_and(|stamp| stamp.settled && self.state().stamp.as_ref() == Some(stamp)) {
            return Refresh::Unchanged;
        }
        let content = match load::read(path) {
            Ok(content) => content,
            Err(broken) => {
                // Forgotten, so that the same file is read again when it comes back.
                let mut state = self.state();
                state.stamp = None;
                state.content.clear();
                return keep(&mut state, &broken);
            }
        };
        {
            let mut state = self.state();
            state.stamp = stamp;
            if state.content == content {
                return Refresh::Unchanged;
            }
        }
        let loaded = load::parse_bytes(&path.display().to_string(), &content, env);
        let mut state = self.state();
        state.content = content;
        match loaded {
            Ok(loaded) => replace(&mut state, loaded),
            Err(broken) => keep(&mut state, &broken),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.inner.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A broken edit: everything stays as it is.
fn keep(state: &mut State, broken: &Broken) -> Refresh {
    let reason = broken.to_string();
    if state.broken.as_ref() == Some(&reason) {
        return Refresh::Unchanged;
    }
    state.broken = Some(reason.clone());
    Refresh::Broken { reason }
}

/// A usable edit, completed with the last good form of what it spoiled.
fn replace(state: &mut State, mut loaded: Loaded) -> Refresh {
    let before = Arc::clone(&state.config);
    let was_broken = state.broken.take().is_some();
    let mut config = loaded.config;
    for name in &loaded.bad_pipelines {
        if let Some(pipeline) = before.pipelines.get(name) {
            config.pipelines.insert(name.clone(), Arc::clone(pipeline));
        }
    }
    let mut outdated = IndexMap::new();
    let mut projects = IndexMap::new();
    for name in &loaded.order {
        if let Some(project) = config.projects.get(name) {
            projects.insert(name.clone(), Arc::clone(project));
            continue;
        }
        let last = before
            .projects
            .get(name)
            .filter(|last| pipelines_of(last).all(|known| config.pipelines.contains_key(known)));
        if let (Some(last), Some(reason)) = (last, loaded.left_out.get(name)) {
            projects.insert(name.clone(), Arc::clone(last));
            outdated.insert(name.clone(), reason.clone());
            loaded.left_out.shift_remove(name);
        }
    }
    config.projects = projects;
    let other = other_trouble(&loaded.problems);
    let same = *before == config
        && state.left_out == loaded.left_out
        && state.outdated == outdated
        && state.other == other
        && !was_broken;
    let missing_in = |of: &Config, from: &Config| -> Vec<String> {
        of.projects.keys().filter(|name| !from.projects.contains_key(*name)).cloned().collect()
    };
    let differs = |(name, project): (&String, &Arc<_>)| before.projects.get(name).is_some_and(|last| last != project);
    let refresh = Refresh::Reloaded {
        problems: loaded.problems,
        added: missing_in(&config, &before),
        changed: config.projects.iter().filter(|entry| differs(*entry)).map(|(name, _)| name.clone()).collect(),
        removed: missing_in(&before, &config),
    };
    state.config = Arc::new(config);
    state.left_out = loaded.left_out;
    state.outdated = outdated;
    state.other = other;
    if same { Refresh::Unchanged } else { refresh }
}

/// Errors that cost no project: in a pipeline that none uses, or in `secrets`.
fn other_trouble(problems: &[Problem]) -> Vec<String> {
    use super::problem::About;
    let mut by_about: IndexMap<String, Vec<&Problem>> = IndexMap::new();
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        let about = match &problem.about {
            About::Pipeline(name) => format!("pipeline `{name}` is left out"),
            About::Secret(name) => format!("secret `{name}` is left out"),
            About::File | About::Project(_) => continue,
        };
        by_about.entry(about).or_default().push(problem);
    }
    let line = |(about, problems): (String, Vec<&Problem>)| {
        format!("{about}: {}{}", problems[0].one_line(), and_more(problems.len()))
    };
    by_about.into_iter().map(line).collect()
}

/// What a file looks like from outside.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    changed: (i64, i64),
    len: u64,
    inode: (u64, u64),
    /// True when the times are old enough to prove something.
    settled: bool,
}

impl Stamp {
    /// Follows links: a mounted configuration is often one, and the link changes while the file does not.
    fn of(path: &Path) -> Option<Self> {
        let data: Metadata = std::fs::metadata(path).ok()?;
        let modified = data.modified().ok();
        let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        Some(Self {
            modified,
            changed: (data.ctime(), data.ctime_nsec()),
            len: data.len(),
            inode: (data.dev(), data.ino()),
            settled: age.is_some_and(|age| age >= SETTLED),
        })
    }
}
