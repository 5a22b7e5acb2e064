//! How far a reconciler's listings have come.
//!
//! Who calls: the pass over all projects. What must stay true: a walk is of one tracker; one that was taken and not put
//! back begins anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::{Config, Project, Tracker};
use crate::platform::Walk;

/// By project: of which tracker, and how far.
#[derive(Debug, Default)]
pub(super) struct Walks {
    by_project: Mutex<HashMap<String, (Tracker, Walk)>>,
}

impl Walks {
    /// How far the listing of a project has come.
    pub(super) fn take(&self, project: &Project) -> Walk {
        let known = self.lock().remove(&project.name);
        known.filter(|(tracker, _)| *tracker == project.tracker).map(|(_, walk)| walk).unwrap_or_default()
    }

    /// Remembers it for the next pass.
    pub(super) fn put(&self, project: &Project, walk: Walk) {
        if walk.is_under_way() {
            self.lock().insert(project.name.clone(), (project.tracker.clone(), walk));
        }
    }

    /// Forgets projects that left the configuration.
    pub(super) fn keep_only(&self, config: &Config) {
        self.lock().retain(|name, _| config.projects.contains_key(name));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Tracker, Walk)>> {
        self.by_project.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
