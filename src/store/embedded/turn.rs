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

/// A job that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting<'q> {
    pub(super) pipeline: &'q str,
    /// No step of it runs any more, so that it needs no slot. Such ones are at the front.
    pub(super) is_over: bool,
}

/// The next job that the limits let run, and what is full before it. All of the ring is looked at: it is in memory.
pub(super) fn next<'q>(
    (ring, queues): (&VecDeque<String>, &HashMap<String, VecDeque<TicketKey>>),
    job_of: impl Fn(&TicketKey) -> Option<Waiting<'q>>,
    running: &Running<'_>,
    limits: &Concurrency,
) -> (Option<Turn>, BTreeSet<Full>) {
    let mut full = BTreeSet::new();
    for (project, name) in ring.iter().enumerate() {
        if limits.project_is_full(name, running.of_project(name)) {
            full.insert(Full::Project(name.clone()));
            let first = queues.get(name).and_then(VecDeque::front).and_then(&job_of);
            if first.is_some_and(|first| first.is_over) {
                return (Some(Turn { project, job: 0 }), full);
            }
            continue;
        }
        let waiting = queues.get(name).into_iter().flatten().take(LOOK_AHEAD).enumerate();
        for (job, Waiting { pipeline, is_over }) in waiting.filter_map(|(job, key)| Some((job, job_of(key)?))) {
            if is_over || !limits.pipeline_is_full(pipeline, running.of_pipeline(pipeline)) {
                return (Some(Turn { project, job }), full);
            }
            full.insert(Full::Pipeline(pipeline.to_owned()));
        }
    }
    (None, full)
}
