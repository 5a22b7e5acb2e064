//! Whether each project's tracker can be used at all: one request at the start, after an edit, and again while it fails.
//!
//! Runs in every process, because each has credentials of its own. The result is a line on `/health` and, when it is
//! bad, in the log, with the cure. What must stay true: a check delays nobody, and a stop does not wait for one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::config::{Live, Project, Tracker};
use crate::health::{Health, State};
use crate::platform::registry::Trackers;
use crate::platform::{Access, Error, Result};
use crate::project_health::report;
use crate::runner::Tick;

/// The name under which a finding is reported.
const SOURCE: &str = "access";
/// Projects checked at once: a thousand of them must not meet one platform in the same moment.
const AT_ONCE: usize = 8;
/// A check that takes longer has failed; the poll's own listings have the same limit.
const LIMIT: Duration = Duration::from_secs(20);
/// Pause between two looks for projects that are new, changed, or due for another check.
const PAUSE: Duration = Duration::from_secs(5);
/// Longest pause before a tracker that failed is checked again. The first one is [`PAUSE`], each further one twice as
/// long: a passing failure is over at once, and a lasting one costs a request a minute.
const LONGEST_AGAIN: Duration = Duration::from_secs(60);

/// The loop.
pub struct AccessCheck {
    config: Live,
    trackers: Trackers,
    health: Health,
    stop: CancellationToken,
    checked: HashMap<String, Checked>,
}

struct Checked {
    tracker: Tracker,
    /// When to check again, and how long that pause was; `None` when it was good.
    again: Option<(Instant, Duration)>,
}

impl AccessCheck {
    /// Checks until `stop`, which ends a check under way.
    pub fn new(config: Live, trackers: Trackers, health: Health, stop: CancellationToken) -> Self {
        Self { config, trackers, health, stop, checked: HashMap::new() }
    }

    fn due(&self) -> Vec<Arc<Project>> {
        let config = self.config.current();
        let now = Instant::now();
        let good = |project: &Project| {
            let known = self.checked.get(&project.name).filter(|known| known.tracker == project.tracker);
            known.is_some_and(|known| known.again.is_none_or(|(at, _)| now < at))
        };
        config.projects.values().filter(|project| !good(project)).cloned().collect()
    }

    async fn check(trackers: &Trackers, project: Arc<Project>) -> (Arc<Project>, Result<Access>) {
        let access = match trackers.of(&project) {
            Ok(platform) => timeout(LIMIT, platform.check_access())
                .await
                .unwrap_or_else(|_| Err(Error::Transport(format!("no answer within {} s", LIMIT.as_secs())))),
            Err(error) => Err(error),
        };
        (project, access)
    }

    fn note(&mut self, project: &Project, access: &Result<Access>) {
        let before = self.checked.get(&project.name).filter(|known| known.tracker == project.tracker);
        let last = before.and_then(|known| known.again).map(|(_, pause)| pause);
        let again = access.is_err().then(|| {
            let pause = last.map_or(PAUSE, |last| (last * 2).min(LONGEST_AGAIN));
            (Instant::now() + pause, pause)
        });
        self.checked.insert(project.name.clone(), Checked { tracker: project.tracker.clone(), again });
        match access {
            Ok(Access { summary, warning: None }) => {
                debug!(project = project.name, "access is good: {summary}");
                report(&self.health, SOURCE, &project.name, None);
            }
            Ok(Access { summary, warning: Some(warning) }) => {
                info!(project = project.name, "access is good, with a warning: {summary}");
                self.health.note_as(SOURCE, &format!("project:{}", project.name), State::Degraded, warning.clone());
            }
            Err(error) => report(&self.health, SOURCE, &project.name, Some(error)),
        }
    }
}

impl Tick for AccessCheck {
    async fn tick(&mut self) -> Duration {
        let (config, stop, trackers) = (self.config.current(), self.stop.clone(), self.trackers.clone());
        self.checked.retain(|name, _| config.projects.contains_key(name));
        let checks = stream::iter(self.due()).map(|project| Self::check(&trackers, project));
        let mut checks = std::pin::pin!(checks.buffer_unordered(AT_ONCE));
        loop {
            tokio::select! {
                () = stop.cancelled() => return PAUSE,
                checked = checks.next() => match checked {
                    Some((project, access)) => self.note(&project, &access),
                    None => return PAUSE,
                },
            }
        }
    }
}
