//! What each subsystem last said of itself, for `/health` and the log.
//!
//! A leaf: knows nothing of who reports. A state is logged once, when it changes. What must stay true: a reader never
//! waits for a writer that does I/O, and `last_changed_utc` moves only when state or reason change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::{error, info, warn};

use crate::clock;

/// The reason of a subsystem that has not reported yet.
const STARTING: &str = "starting";
/// The reason of a subsystem that is down only because the store is. The store's own line in the log says it for all.
pub const WAITING_FOR_STORE: &str = "waiting for the store";

/// How a subsystem is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Does its work.
    Up,
    /// Works, but something needs attention.
    Degraded,
    /// Does not work.
    Down,
    /// Switched off by the configuration.
    Disabled,
}

/// One line of `/health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subsystem {
    /// Stable name, such as `redis` or `project:my-api`.
    pub name: String,
    /// How it is doing.
    pub state: State,
    /// Why, in words for a person. Empty when there is nothing to say.
    pub reason: String,
    /// When state or reason last changed, RFC 3339 in UTC.
    pub last_changed_utc: String,
    /// True when the process is not ready while this is not up.
    #[serde(skip)]
    pub gates_readiness: bool,
    #[serde(skip)]
    views: Vec<View>,
}

/// How one of several reporters sees a subsystem.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    source: &'static str,
    state: State,
    reason: String,
    at: Instant,
}

/// The registry. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    subsystems: Arc<Mutex<Vec<Subsystem>>>,
}

impl Health {
    /// Names a subsystem that has not reported yet: the process is not ready before it does.
    pub fn expect(&self, name: &str) {
        let mut subsystems = self.lock();
        if subsystems.iter().all(|subsystem| subsystem.name != name) {
            let (state, reason, last_changed_utc) = (State::Down, STARTING.to_owned(), clock::utc_now());
            let name = name.to_owned();
            let views = Vec::new();
            subsystems.push(Subsystem { name, state, reason, last_changed_utc, gates_readiness: true, views });
        }
    }

    /// Reports the state of a subsystem without which the process is not ready.
    pub fn set(&self, name: &str, state: State, reason: impl Into<String>) {
        self.report(name, state, reason.into(), true);
    }

    /// Reports the state of something that a person should see and that does not make the process unready, such as
    /// one project among many.
    pub fn note(&self, name: &str, state: State, reason: impl Into<String>) {
        self.report(name, state, reason.into(), false);
    }

    /// As [`Health::note`], for something that several `source`s see: the worst view is shown, so that one reporter's
    /// success does not hide what is wrong for another, and each takes back its own complaint only.
    pub fn note_as(&self, source: &'static str, name: &str, state: State, reason: impl Into<String>) {
        self.view(source, name, (state, reason.into()), log_change);
    }

    /// The same without a line in the log: what the caller has logged already in better words.
    pub fn note_as_quietly(&self, source: &'static str, name: &str, state: State, reason: impl Into<String>) {
        self.view(source, name, (state, reason.into()), |_, _| {});
    }

    fn view(
        &self,
        source: &'static str,
        name: &str,
        (state, reason): (State, String),
        log: impl FnOnce(&Subsystem, Option<(State, String)>),
    ) {
        let mut subsystems = self.lock();
        let mut views = views_of(&subsystems, name);
        let view = View { source, state, reason, at: Instant::now() };
        match views.iter_mut().find(|known| known.source == source) {
            Some(known) => *known = view,
            None => views.push(view),
        }
        show(&mut subsystems, name, views, log);
    }

    /// `source` has no view of this subsystem any more. One that nobody has a view of is forgotten.
    pub fn take_back(&self, source: &'static str, name: &str) {
        self.take_back_if(|subsystem, view| view.source == source && subsystem == name);
    }

    /// `source` has no view of anything any more.
    pub fn take_back_all(&self, source: &'static str) {
        self.take_back_if(|_, view| view.source == source);
    }

    /// Takes back what `source` has not said again for `age`.
    pub fn take_back_older(&self, source: &'static str, age: Duration) {
        self.take_back_if(|_, view| view.source == source && view.at.elapsed() >= age);
    }

    fn take_back_if(&self, which: impl Fn(&str, &View) -> bool) {
        let mut subsystems = self.lock();
        let touched = |one: &Subsystem| one.views.iter().any(|view| which(&one.name, view));
        let names: Vec<String> = subsystems.iter().filter(|one| touched(one)).map(|one| one.name.clone()).collect();
        for name in names {
            let mut views = views_of(&subsystems, &name);
            views.retain(|view| !which(&name, view));
            show(&mut subsystems, &name, views, log_change);
        }
    }

    /// True when everything that the process needs is up.
    pub fn is_ready(&self) -> bool {
        self.lock().iter().all(|subsystem| subsystem.state == State::Up || !subsystem.gates_readiness)
    }

    fn report(&self, name: &str, state: State, reason: String, gates_readiness: bool) {
        put(&mut self.lock(), name, (state, reason), gates_readiness, log_change);
    }

    /// Forgets a subsystem, such as a project that left the configuration.
    pub fn remove(&self, name: &str) {
        self.lock().retain(|subsystem| subsystem.name != name);
    }

    /// All subsystems, in the order they first reported.
    pub fn snapshot(&self) -> Vec<Subsystem> {
        self.lock().clone()
    }

    /// The last state of one subsystem.
    pub fn state_of(&self, name: &str) -> Option<State> {
        self.lock().iter().find(|subsystem| subsystem.name == name).map(|subsystem| subsystem.state)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Subsystem>> {
        self.subsystems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn views_of(subsystems: &[Subsystem], name: &str) -> Vec<View> {
    let known = subsystems.iter().find(|subsystem| subsystem.name == name);
    known.map(|known| known.views.clone()).unwrap_or_default()
}

/// Shows the worst of the views, the oldest of equals.
fn show(
    subsystems: &mut Vec<Subsystem>,
    name: &str,
    views: Vec<View>,
    log: impl FnOnce(&Subsystem, Option<(State, String)>),
) {
    let badness = |view: &&View| match view.state {
        State::Down => 0,
        State::Degraded => 1,
        State::Up | State::Disabled => 2,
    };
    let Some(worst) = views.iter().min_by_key(badness) else {
        return subsystems.retain(|subsystem| subsystem.name != name);
    };
    put(subsystems, name, (worst.state, worst.reason.clone()), false, log);
    if let Some(shown) = subsystems.iter_mut().find(|subsystem| subsystem.name == name) {
        shown.views = views;
    }
}

/// Makes or changes a line, and logs a change.
fn put(
    subsystems: &mut Vec<Subsystem>,
    name: &str,
    (state, reason): (State, String),
    gates_readiness: bool,
    log: impl FnOnce(&Subsystem, Option<(State, String)>),
) {
    let known = subsystems.iter_mut().find(|subsystem| subsystem.name == name);
    let before = known.as_ref().map(|subsystem| (subsystem.state, subsystem.reason.clone()));
    if before.as_ref().is_some_and(|(old_state, old_reason)| *old_state == state && *old_reason == reason) {
        return;
    }
    let views = known.as_ref().map(|subsystem| subsystem.views.clone()).unwrap_or_default();
    let (name, last_changed_utc) = (name.to_owned(), clock::utc_now());
    let now = Subsystem { name, state, reason, last_changed_utc, gates_readiness, views };
    log(&now, before);
    match known {
        Some(subsystem) => *subsystem = now,
        None => subsystems.push(now),
    }
}

fn log_change(now: &Subsystem, before: Option<(State, String)>) {
    let Subsystem { name, reason, .. } = now;
    let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let expected =
        |(state, reason): (State, String)| state == State::Up || reason == STARTING || reason == WAITING_FOR_STORE;
    match now.state {
        State::Up if before.is_none_or(expected) => tracing::debug!(subsystem = name, "{name} is up{because}"),
        State::Down if reason == WAITING_FOR_STORE => tracing::debug!(subsystem = name, "{name} is down{because}"),
        State::Up => info!(subsystem = name, "{name} is up again{because}"),
        // Whoever switches it off says so.
        State::Disabled => tracing::debug!(subsystem = name, "{name} is disabled{because}"),
        State::Degraded => warn!(subsystem = name, "{name} is degraded{because}"),
        State::Down => error!(subsystem = name, "{name} is down{because}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_state_is_no_change() {
        let health = Health::default();
        health.set("redis", State::Down, "refused");
        let first = health.snapshot();
        health.set("redis", State::Down, "refused");
        assert_eq!(health.snapshot(), first);
        health.set("redis", State::Up, "");
        assert_eq!(health.state_of("redis"), Some(State::Up));
        assert!(health.is_ready());
        health.note("project:a", State::Degraded, "token expired");
        assert!(health.is_ready(), "one project does not take the process out of service");
        health.set("poller", State::Down, "");
        assert!(!health.is_ready());
        health.remove("poller");
        health.remove("project:a");
        health.remove("redis");
        assert_eq!(health.snapshot(), []);
    }

    #[test]
    fn each_source_takes_back_its_own_complaint_only() {
        let health = Health::default();
        let shown = || health.snapshot().first().map(|one| (one.state, one.reason.clone()));
        health.note_as("poll", "project:a", State::Up, "");
        health.note_as("consumer", "project:a", State::Degraded, "may not write");
        health.note_as("poll", "project:a", State::Up, "");
        assert_eq!(shown(), Some((State::Degraded, "may not write".to_owned())));
        health.note_as("config", "project:a", State::Down, "left out");
        assert_eq!(shown(), Some((State::Down, "left out".to_owned())));
        health.take_back("config", "project:a");
        health.take_back_older("consumer", Duration::from_secs(3600));
        assert_eq!(shown(), Some((State::Degraded, "may not write".to_owned())));
        health.take_back_older("consumer", Duration::ZERO);
        assert_eq!(shown(), Some((State::Up, String::new())));
        health.take_back_all("poll");
        assert_eq!(shown(), None, "nobody knows anything of it");
    }
}
