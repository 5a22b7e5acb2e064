//! Whose turn it is within limits.
//!
//! Pure. Who calls: `queue`, when it is told of limits. What must stay true: a project, or a job, that has to wait keeps
//! its place; what is full and has jobs that wait is named.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::store::Concurrency;
use crate::store::concurrency::Full;
use crate::store::limits::LOOK_AHEAD;
use crate::ticket::TicketKey;

/// What runs, counted.
#[derive(Debug, Default)]
pub(super) struct Running<'a> {
    pub(super) projects: HashMap<&'a str, usize>,
    pub(super) pipelines: HashMap<&'a str, usize>,
}

impl<'a> Running<'a> {
    /// Of these tickets and pipelines.
    pub(super) fn count(runs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut running = Self::default();
        for (project, pipeline) in runs {
            *running.projects.entry(project).or_default() += 1;
            *running.pipelines.entry(pipeline).or_default() += 1;
        }
        running
    }

    pub(super) fn of_project(&self, name: &str) -> usize {
        self.projects.get(name).copied().unwrap_or(0)
    }

    pub(super) fn of_pipeline(&self, name: &str) -> usize {
        self.pipelines.get(name).copied().unwrap_or(0)
    }
}

/// Where the next job is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Its project's place in the ring.
    pub(super) project: usize,
    /// Its place in its project's queue.
    pub(super) job: usize,
}

/// The next job that the limits let run, and what is full before it. All of the ring is looked at: it is in memory.
pub(super) fn next<'q>(
    (ring, queues): (&VecDeque<String>, &HashMap<String, VecDeque<TicketKey>>),
    pipeline_of: impl Fn(&TicketKey) -> Option<&'q str>,
    running: &Running<'_>,
    limits: &Concurrency,
) -> (Option<Turn>, BTreeSet<Full>) {
    let mut full = BTreeSet::new();
    for (project, name) in ring.iter().enumerate() {
        if limits.project_is_full(name, running.of_project(name)) {
            full.insert(Full::Project(name.clone()));
            continue;
        }
        let waiting = queues.get(name).into_iter().flatten().take(LOOK_AHEAD).enumerate();
        for (job, pipeline) in waiting.filter_map(|(job, key)| Some((job, pipeline_of(key)?))) {
            if !limits.pipeline_is_full(pipeline, running.of_pipeline(pipeline)) {
                return (Some(Turn { project, job }), full);
            }
            full.insert(Full::Pipeline(pipeline.to_owned()));
        }
    }
    (None, full)
}
