//! Records of runs.
//!
//! Who calls: `backend`, under its mutex, whenever a job begins, ends, or is noted on. What must stay true: those of runs
//! that are over stay within [`MAX_ENDED_RUNS`] and [`RUNS_REMEMBERED`]; those of live ones end with their jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use tokio::time::Instant;

use crate::clock;
use crate::job::{Job, JobLease};
use crate::run_record::{RunNote, RunRecord, RunState, at_millis};
use crate::store::limits::{MAX_ENDED_RUNS, RUNS_REMEMBERED};

/// By run id, which rises with time.
#[derive(Debug, Default)]
pub(super) struct Records {
    runs: BTreeMap<String, RunRecord>,
    ended: BTreeSet<(Instant, String)>,
}

impl Records {
    /// A run was claimed.
    pub(super) fn begin(&mut self, job: &Job) {
        self.runs.insert(job.run_id.clone(), RunRecord::of_job(job, at_millis(clock::unix_millis())));
    }

    /// Its claim did not come about.
    pub(super) fn forget(&mut self, run_id: &str) {
        self.runs.remove(run_id);
    }

    /// The run of this lease is so far.
    pub(super) fn note(&mut self, lease: &JobLease, note: &RunNote) {
        if let Some(run) = self.runs.get_mut(&lease.job.run_id) {
            run.note(note.clone().bounded());
        }
    }

    /// The run is over.
    pub(super) fn end(&mut self, run_id: &str, state: RunState, reason: String, now: Instant) {
        let Some(run) = self.runs.get_mut(run_id) else { return };
        (run.state, run.reason) = (state, reason);
        run.ended_utc = Some(at_millis(clock::unix_millis()));
        self.ended.insert((now, run_id.to_owned()));
        while let Some((ended, _)) = self.ended.first()
            && (self.ended.len() > MAX_ENDED_RUNS || now.saturating_duration_since(*ended) >= RUNS_REMEMBERED)
            && let Some((_, old)) = self.ended.pop_first()
        {
            self.runs.remove(&old);
        }
    }

    /// Runs that were claimed before that one, the newest first.
    pub(super) fn before(&self, before: Option<&str>, limit: usize) -> Vec<RunRecord> {
        let below = before.map_or(Bound::Unbounded, Bound::Excluded);
        self.runs.range::<str, _>((Bound::Unbounded, below)).rev().take(limit).map(|(_, run)| run.clone()).collect()
    }

    /// One run.
    pub(super) fn one(&self, run_id: &str) -> Option<RunRecord> {
        self.runs.get(run_id).cloned()
    }
}
