//! One client per configured tracker, kept for as long as its section of the file stays the same.
//!
//! Who calls: everything that needs the tracker of a project. What must stay true: an edit elsewhere in the file does
//! not throw a client's cache and rate-limit memory away, and a changed tracker gets a new client at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{Config, Project, Tracker};
use crate::platform::http::Http;
use crate::platform::{Platform, Result, open};

/// By project: what the client was made for, and the client.
type Clients = HashMap<String, (Tracker, Arc<dyn Platform>)>;

/// The clients. Clones share them.
#[derive(Clone)]
pub struct Trackers {
    http: Http,
    by_project: Arc<Mutex<Clients>>,
}

impl Trackers {
    /// No client yet; each is made when it is first asked for.
    pub fn new(http: Http) -> Self {
        Self { http, by_project: Arc::default() }
    }

    /// The client of a project's tracker. Projects on equal trackers share one.
    ///
    /// # Errors
    /// When the tracker cannot be opened with what the configuration says.
    pub fn of(&self, project: &Project) -> Result<Arc<dyn Platform>> {
        let mut clients = self.by_project.lock().unwrap_or_else(PoisonError::into_inner);
        let own = clients.get(&project.name).filter(|(tracker, _)| *tracker == project.tracker);
        if let Some((_, client)) = own {
            return Ok(Arc::clone(client));
        }
        let shared = clients.values().find(|(tracker, _)| *tracker == project.tracker);
        let client = match shared {
            Some((_, client)) => Arc::clone(client),
            None => open(&project.tracker, &self.http)?,
        };
        clients.insert(project.name.clone(), (project.tracker.clone(), Arc::clone(&client)));
        Ok(client)
    }

    /// Uses this client for a project from now on, instead of opening one.
    pub fn put(&self, project: &Project, client: Arc<dyn Platform>) {
        let mut clients = self.by_project.lock().unwrap_or_else(PoisonError::into_inner);
        clients.insert(project.name.clone(), (project.tracker.clone(), client));
    }

    /// Forgets the clients of projects that left the configuration.
    pub fn keep_only(&self, config: &Config) {
        let mut clients = self.by_project.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|name, _| config.projects.contains_key(name));
    }
}
