//! The loop that reads `agentsmith.yml` again and says in the log and on `/health` what came of it.
//!
//! Runs in every process. What must stay true: an edit is told of once, by name, whoever noticed it first.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tracing::info;

use crate::config::{Config, Live};
use crate::health::{Health, State};
use crate::http::webhook;
use crate::platform::registry::Trackers;
use crate::runner::Tick;

/// Pause between two looks at the configuration file: whoever has just edited it waits for the answer, and a look at an
/// unchanged file costs one `stat`.
const CONFIG_PAUSE: Duration = Duration::from_secs(1);
/// What the name of a project's line on `/health` begins with.
const PROJECT: &str = "project:";
/// Changes that a line of the log names after an edit; more would not be read.
const CHANGES_NAMED: usize = 10;

/// Reads the file again and says on `/health` what is wrong with it.
pub(super) struct ConfigWatch {
    pub(super) config: Live,
    pub(super) trackers: Trackers,
    pub(super) health: Health,
    /// What was in force at the last look. The poll loop refreshes too, so what a refresh returns does not tell all.
    pub(super) known: Arc<Config>,
}

impl Tick for ConfigWatch {
    async fn tick(&mut self) -> Duration {
        self.config.refresh();
        let now = self.config.current();
        if !Arc::ptr_eq(&self.known, &now) {
            info!("agentsmith.yml was read again: {}", what_changed(&self.known, &now));
            self.known = Arc::clone(&now);
        }
        match self.config.trouble() {
            Some(trouble) => self.health.note("config", State::Degraded, trouble),
            None => self.health.note("config", State::Up, ""),
        }
        let (state, reason) = webhook::state(&now);
        self.health.note_as("config", "webhooks", state, reason);
        self.name_projects(&now);
        CONFIG_PAUSE
    }
}

impl ConfigWatch {
    /// Projects that were left out are shown with the reason, projects that are gone are not shown any more: neither
    /// one that a poll that was still under way told of.
    fn name_projects(&self, config: &Config) {
        self.trackers.keep_only(config);
        let left_out = self.config.left_out();
        for shown in self.health.snapshot() {
            let Some(name) = shown.name.strip_prefix(PROJECT) else { continue };
            if left_out.contains_key(name) {
                continue;
            }
            match config.projects.contains_key(name) {
                true => self.health.take_back("config", &shown.name),
                false => self.health.remove(&shown.name),
            }
        }
        for (name, reason) in &left_out {
            // The line of `config` names it in the log.
            self.health.note_as_quietly("config", &format!("{PROJECT}{name}"), State::Down, reason.clone());
        }
    }
}

/// `project a is new, project b has changed`: by name, as far as a line is still read.
fn what_changed(before: &Config, now: &Config) -> String {
    let mut changes = named_changes("project", &before.projects, &now.projects);
    changes.extend(named_changes("pipeline", &before.pipelines, &now.pipelines));
    let rest = [("agent", before.agent != now.agent), ("webhooks", before.webhooks != now.webhooks)];
    changes.extend(rest.iter().filter(|(_, differs)| *differs).map(|(name, _)| format!("{name} has changed")));
    if changes.is_empty() {
        return "nothing that is in force has changed".to_owned();
    }
    let more = changes.len().saturating_sub(CHANGES_NAMED);
    changes.truncate(CHANGES_NAMED);
    let more = if more > 0 { format!(" and {more} changes more") } else { String::new() };
    changes.join(", ") + &more
}

fn named_changes<T: PartialEq>(
    what: &str,
    before: &IndexMap<String, Arc<T>>,
    now: &IndexMap<String, Arc<T>>,
) -> Vec<String> {
    let of_now = now.iter().filter_map(|(name, one)| match before.get(name) {
        None => Some(format!("{what} {name} is new")),
        Some(last) => (last != one).then(|| format!("{what} {name} has changed")),
    });
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| format!("{what} {name} is gone"));
    of_now.chain(gone).collect()
}
