//! What is remembered of a run: when it waited, started and ended, where, step by step, with what result.
//!
//! Vocabulary, no I/O. Who calls: the pipeline says how far it is, the consumer has the store write it down, the store
//! keeps it, operators read it. What must stay true: nothing decides anything by a record; a record is at most
//! [`MAX_RECORD_BYTES`] long, whatever a pipeline holds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::job::{AskedBy, Job, JobState, MAX_ATTEMPTS, Verdict, Withdrawal};
use crate::ticket::TicketKey;

/// Bytes of one record: a thousand of them are 16 MB, which neither a small Redis nor a small box notices.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;
/// Attempts kept of a run, the newest: every one that runs unless its pipeline allows more, and the one that says that it
/// was given up.
pub const ATTEMPTS_KEPT: usize = MAX_ATTEMPTS as usize + 1;
/// Bytes of one attempt as JSON, so that all of them and the head fit into a record.
const ATTEMPT_BYTES: usize = 3_600;
/// Characters of a step's title; halved until the attempt fits.
const STEP_TITLE: usize = 120;
/// Below this a title tells nothing any more; then steps are left out instead.
const SHORTEST_TITLE: usize = 15;
/// Bytes of a ticket's title, of a reason, of the name of a machine.
const LINE_BYTES: usize = 200;
/// Bytes of an address or a path.
const ADDRESS_BYTES: usize = 400;

/// Where a run, or one attempt of it, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It waits for a consumer, or for its claim to be complete.
    Queued,
    /// A consumer has it.
    Running,
    /// Every step succeeded.
    Done,
    /// A step failed, or it could not be carried out.
    Failed,
    /// Somebody took the request back.
    Cancelled,
    /// It ended without a result, because its ticket asked for no run any more.
    Dropped,
    /// An attempt that was given back unharmed, because its process ended or the platform did not answer.
    HandedBack,
    /// Its process died, or lost the job to somebody else.
    BrokenOff,
}

impl RunState {
    /// Every state, in the order of a run's life.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Dropped,
        Self::HandedBack,
        Self::BrokenOff,
    ];

    /// The word in JSON, in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dropped => "dropped",
            Self::HandedBack => "handed-back",
            Self::BrokenOff => "broken-off",
        }
    }

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// True when a run in this state may still change by itself.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

impl From<Verdict> for RunState {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::Failed => Self::Failed,
            Verdict::Cancelled => Self::Cancelled,
        }
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Identifies it for ever: a UUID, rising with time.
    pub run_id: String,
    /// Its ticket: `platform`, `project`, `ticket`.
    #[serde(flatten)]
    pub key: TicketKey,
    /// The ticket's title when the run began; empty before. Data, never to be trusted.
    pub title: String,
    /// The ticket's page; empty before the run began.
    pub url: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// What asked for it.
    pub asked_by: AskedBy,
    /// Where it stands.
    pub state: RunState,
    /// Why it ended as it did, or that it was asked to stop; empty when there is nothing to say.
    pub reason: String,
    /// When it was claimed.
    pub queued_utc: DateTime<Utc>,
    /// When its first attempt that is remembered began.
    pub started_utc: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_utc: Option<DateTime<Utc>>,
    /// The address of its change request.
    pub change_request: Option<String>,
    /// Its attempts in order, the newest [`ATTEMPTS_KEPT`].
    pub attempts: Vec<AttemptRecord>,
}

/// One attempt of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// From 1. One that was handed back gives its number to the next.
    pub attempt: u32,
    /// The take it belongs to.
    pub epoch: u64,
    /// The machine.
    pub host: String,
    /// Where it stands.
    pub state: RunState,
    /// Why it ended as it did; empty when there is nothing to say.
    pub reason: String,
    /// When it began.
    pub started_utc: DateTime<Utc>,
    /// When it ended; `None` while it runs, or when nobody was left to tell.
    pub ended_utc: Option<DateTime<Utc>>,
    /// Its steps so far, in order.
    pub steps: Vec<StepRecord>,
    /// Steps in the middle that are left out, because the pipeline has more than a record holds.
    #[serde(default)]
    pub steps_left_out: usize,
    /// Its log, as a path on its machine.
    pub log: Option<String>,
    /// Its workspace, as a path on its machine, when it was kept.
    #[serde(default)]
    pub workspace: Option<String>,
}

/// One step of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its name, or the first line of its command.
    pub title: String,
    /// What became of it.
    pub state: StepState,
    /// When it began; `None` when it did not.
    pub started_utc: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds; 0 until it has ended.
    pub duration_ms: u64,
    /// The exit code of its program, if it had one.
    pub exit_code: Option<i32>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It runs.
    Running,
    /// It succeeded.
    Done,
    /// It failed, and the run with it.
    Failed,
    /// It failed, and the run went on.
    Tolerated,
    /// Its condition did not hold.
    Skipped,
    /// The run was over before its turn, or while it ran.
    NotReached,
}

impl StepState {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Tolerated => "tolerated",
            Self::Skipped => "skipped",
            Self::NotReached => "not-reached",
        }
    }
}

/// How far a run is, as its pipeline says while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The steps that have begun or are over.
    pub steps: Vec<StepRecord>,
    /// The change request, once there is one.
    pub change_request: Option<String>,
    /// The workspace, when it was kept.
    pub workspace: Option<String>,
}

/// What the one who carries a run out writes down about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNote {
    /// The ticket's title; empty when it was not read.
    pub title: String,
    /// The ticket's page; empty when it was not read.
    pub url: String,
    /// The change request, once there is one.
    pub change_request: Option<String>,
    /// This attempt.
    pub attempt: AttemptRecord,
}

impl RunNote {
    /// The same within the bounds of a record.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        shorten(&mut self.title, LINE_BYTES);
        shorten(&mut self.url, ADDRESS_BYTES);
        if let Some(address) = &mut self.change_request {
            shorten(address, ADDRESS_BYTES);
        }
        self.attempt = self.attempt.bounded();
        self
    }
}

impl AttemptRecord {
    fn bounded(mut self) -> Self {
        shorten(&mut self.host, LINE_BYTES);
        shorten(&mut self.reason, LINE_BYTES);
        for path in self.log.iter_mut().chain(&mut self.workspace) {
            shorten(path, ADDRESS_BYTES);
        }
        let mut longest = STEP_TITLE;
        loop {
            self.steps.iter_mut().for_each(|step| shorten(&mut step.title, longest));
            if self.fits() || longest <= SHORTEST_TITLE {
                break;
            }
            longest /= 2;
        }
        // The first steps are the same every time; the last ones tell how it ended.
        while !self.fits() && !self.steps.is_empty() {
            let (from, some) = (self.steps.len() / 3, (self.steps.len() / 8).max(1));
            self.steps.drain(from..from + some);
            self.steps_left_out += some;
        }
        self
    }

    fn fits(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|json| json.len() <= ATTEMPT_BYTES)
    }
}

/// Cuts at the border of a character; quotes and backslashes count twice in JSON, control characters are left out.
fn shorten(text: &mut String, most: usize) {
    text.retain(|c| !c.is_control());
    let mut room = most;
    let mut kept = text.len();
    for (at, c) in text.char_indices() {
        let cost = if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() };
        if cost > room {
            kept = at;
            break;
        }
        room -= cost;
    }
    text.truncate(kept);
}

/// What the queue says of a run that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    /// Where its job stands.
    pub state: JobState,
    /// The last take.
    pub epoch: u64,
    /// That it was asked to stop.
    pub stop_asked: Option<Withdrawal>,
}

impl RunRecord {
    /// A run that has just been claimed.
    pub fn of_job(job: &Job, queued_utc: DateTime<Utc>) -> Self {
        Self {
            run_id: job.run_id.clone(),
            key: job.key.clone(),
            title: String::new(),
            url: String::new(),
            pipeline: job.pipeline.clone(),
            asked_by: job.asked_by,
            state: RunState::Queued,
            reason: String::new(),
            queued_utc,
            started_utc: None,
            ended_utc: None,
            change_request: None,
            attempts: Vec::new(),
        }
    }

    /// The same as it stands now: a state that is no result is what the queue says, and an attempt that nobody works on
    /// any more has broken off.
    #[must_use]
    pub fn settled(mut self, live: Option<&LiveRun>) -> Self {
        self.attempts.sort_by_key(|attempt| (attempt.attempt, attempt.epoch));
        let running = live.filter(|live| live.state == JobState::Running).map(|live| live.epoch);
        for attempt in &mut self.attempts {
            if attempt.state == RunState::Running && running != Some(attempt.epoch) {
                attempt.state = RunState::BrokenOff;
            }
        }
        self.started_utc = self.attempts.first().map(|attempt| attempt.started_utc);
        if self.state.is_live() {
            self.state = match live.map(|live| live.state) {
                Some(JobState::Running) => RunState::Running,
                Some(JobState::Queued | JobState::Claiming) => RunState::Queued,
                None => RunState::BrokenOff,
            };
            if let Some(withdrawal) = live.and_then(|live| live.stop_asked.as_ref()) {
                self.reason = format!("stopping, because {withdrawal}");
            }
        } else if self.reason.is_empty() {
            self.reason = self.attempts.last().map_or_else(String::new, |last| last.reason.clone());
        }
        self
    }

    /// Puts an attempt in place of the one with its number, and forgets the oldest beyond [`ATTEMPTS_KEPT`].
    pub fn note(&mut self, note: RunNote) {
        if !note.title.is_empty() {
            (self.title, self.url) = (note.title, note.url);
        }
        if note.change_request.is_some() {
            self.change_request = note.change_request;
        }
        self.attempts.retain(|attempt| attempt.attempt != note.attempt.attempt);
        self.attempts.push(note.attempt);
        self.attempts.sort_by_key(|attempt| attempt.attempt);
        let beyond = self.attempts.len().saturating_sub(ATTEMPTS_KEPT);
        self.attempts.drain(..beyond);
    }
}

/// When a run was claimed, as its id tells: by the clock of the machine that claimed it. The epoch when it does not tell.
pub fn claimed_utc(run_id: &str) -> DateTime<Utc> {
    let told = uuid::Uuid::parse_str(run_id).ok().and_then(|id| id.get_timestamp());
    told.map_or_else(DateTime::default, |told| {
        let (seconds, nanos) = told.to_unix();
        at_millis(seconds.saturating_mul(1_000) + u64::from(nanos / 1_000_000))
    })
}

/// The instant of so many milliseconds since the Unix epoch.
pub fn at_millis(millis: u64) -> DateTime<Utc> {
    i64::try_from(millis).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default()
}

#[cfg(test)]
mod tests;
