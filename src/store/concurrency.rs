//! How many runs may be under way at once, and which jobs wait because of it.
//!
//! Who calls: the consumer gives the limits of its configuration with each take, the backends keep them and log what
//! waits. What must stay true: a run counts from its take until its lease is given back or was recovered; nothing is
//! logged for each take.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use tracing::{debug, info};

/// The most runs at once, over all replicas: of each project and of each pipeline that has a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concurrency {
    projects: BTreeMap<String, NonZeroUsize>,
    pipelines: BTreeMap<String, NonZeroUsize>,
}

impl Concurrency {
    /// No limit at all.
    pub const NONE: Self = Self { projects: BTreeMap::new(), pipelines: BTreeMap::new() };

    /// At most so many runs of this project.
    #[must_use]
    pub fn of_project(mut self, name: &str, most: NonZeroUsize) -> Self {
        self.projects.insert(name.to_owned(), most);
        self
    }

    /// At most so many runs of this pipeline.
    #[must_use]
    pub fn of_pipeline(mut self, name: &str, most: NonZeroUsize) -> Self {
        self.pipelines.insert(name.to_owned(), most);
        self
    }

    /// True when nothing is limited.
    pub fn is_none(&self) -> bool {
        self.projects.is_empty() && self.pipelines.is_empty()
    }

    /// True when no further run of this project may begin while so many are under way.
    pub(super) fn project_is_full(&self, name: &str, running: usize) -> bool {
        self.projects.get(name).is_some_and(|most| running >= most.get())
    }

    /// True when no further run of this pipeline may begin while so many are under way.
    pub(super) fn pipeline_is_full(&self, name: &str, running: usize) -> bool {
        self.pipelines.get(name).is_some_and(|most| running >= most.get())
    }

    /// The limits of projects, then of pipelines, each by name.
    pub(super) fn by_name(&self) -> [impl ExactSizeIterator<Item = (&str, usize)>; 2] {
        [&self.projects, &self.pipelines].map(|limits| limits.iter().map(|(name, most)| (name.as_str(), most.get())))
    }
}

/// Runs that are under way beside a job that waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Of its project.
    pub of_project: usize,
    /// Of its pipeline, in all projects.
    pub of_pipeline: usize,
}

/// A limit that jobs wait for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Full {
    /// Of this project.
    Project(String),
    /// Of this pipeline.
    Pipeline(String),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(name) => write!(f, "project {name}"),
            Self::Pipeline(name) => write!(f, "pipeline {name}"),
        }
    }
}

/// What waits because of a limit, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct HeldBack(Mutex<BTreeSet<Full>>);

impl HeldBack {
    /// The queue holds nothing that could be taken, and this is full. Says what is new.
    pub(super) fn note(&self, full: BTreeSet<Full>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == full {
            return;
        }
        for limit in full.difference(&known) {
            info!("{limit} has as many runs as its `concurrency` allows; more of its jobs wait");
        }
        for limit in known.difference(&full) {
            debug!("no job waits for {limit} any more");
        }
        *known = full;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_limit_that_is_reached_is_told_once() {
        let (log, held_back) = (Log::default(), HeldBack::default());
        let told = |full: &[Full]| {
            log.0.lock().unwrap().clear();
            held_back.note(full.iter().cloned().collect());
            String::from_utf8(log.0.lock().unwrap().clone()).unwrap().lines().count()
        };
        let (writer, p) = (log.clone(), Full::Project("p".to_owned()));
        let scan = Full::Pipeline("scan".to_owned());
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(told(&[]), 0);
            assert_eq!(told(std::slice::from_ref(&p)), 1);
            assert_eq!(told(std::slice::from_ref(&p)), 0, "nothing has changed");
            assert_eq!(told(&[p.clone(), scan]), 1);
            assert_eq!(told(&[]), 0, "that it is over is no news to most");
            assert_eq!(told(std::slice::from_ref(&p)), 1);
        });
    }

    #[test]
    fn a_limit_is_full_when_it_is_reached() {
        let two = NonZeroUsize::MIN.saturating_add(1);
        let limits = Concurrency::NONE.of_project("p", two).of_pipeline("scan", NonZeroUsize::MIN);
        assert!(!limits.project_is_full("p", 1) && limits.project_is_full("p", 2));
        assert!(!limits.pipeline_is_full("scan", 0) && limits.pipeline_is_full("scan", 1));
        assert!(!limits.project_is_full("scan", 9) && !limits.pipeline_is_full("p", 9));
        assert!(Concurrency::NONE.is_none() && !limits.is_none());
    }
}
