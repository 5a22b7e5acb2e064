//! What each subsystem last said of itself, for `/health` and the log.
//!
//! A leaf: knows nothing of who reports. A state is logged once, when it changes. What must stay true: a reader never
//! waits for a writer that does I/O, and `last_changed_utc` moves only when state or reason change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
            subsystems.push(Subsystem { name, state, reason, last_changed_utc, gates_readiness: true });
        }
    }

    /// Reports the state of a subsystem without which the process is not ready.
    pub fn set(&self, name: &str, state: State, reason: impl Into<String>) {
        self.report(name, state, reason.into(), true, log_change);
    }

    /// Reports the state of something that a person should see and that does not make the process unready, such as
    /// one project among many.
    pub fn note(&self, name: &str, state: State, reason: impl Into<String>) {
        self.report(name, state, reason.into(), false, log_change);
    }

    /// The same without a line in the log: what the caller has logged already in better words.
    pub fn note_quietly(&self, name: &str, state: State, reason: impl Into<String>) {
        self.report(name, state, reason.into(), false, |_, _| {});
    }

    /// True when everything that the process needs is up.
    pub fn is_ready(&self) -> bool {
        self.lock().iter().all(|subsystem| subsystem.state == State::Up || !subsystem.gates_readiness)
    }

    fn report(
        &self,
        name: &str,
        state: State,
        reason: String,
        gates_readiness: bool,
        log: impl FnOnce(&Subsystem, Option<(State, String)>),
    ) {
        let mut subsystems = self.lock();
        let known = subsystems.iter_mut().find(|subsystem| subsystem.name == name);
        let before = known.as_ref().map(|subsystem| (subsystem.state, subsystem.reason.clone()));
        if before.as_ref().is_some_and(|(old_state, old_reason)| *old_state == state && *old_reason == reason) {
            return;
        }
        let now =
            Subsystem { name: name.to_owned(), state, reason, last_changed_utc: clock::utc_now(), gates_readiness };
        log(&now, before);
        match known {
            Some(subsystem) => *subsystem = now,
            None => subsystems.push(now),
        }
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
}
