//! Executing a pipeline for a job, from an empty workspace to a report.
//!
//! Who calls: the consumer, which has taken the job and will write the result to the ticket. What must stay true: a run
//! always ends in a [`RunReport`]; when it does, its processes are gone and its workspace is removed, or where the report
//! says; dropping the future of [`Runner::run`] stops the run. Knows neither the store nor a platform.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, warn};

use super::capture::Capture;
use super::confine::{Confinement, Confiner};
use super::hands::Hands;
use super::kept::KeptRuns;
use super::logs::Logs;
use super::mask::Mask;
use super::outcome::{
    ChangeRequestLink, Failure, FailureCause, Kept, Outcome, RunReport, StepReport, Stop, StopReason, cause_in_words,
};
use super::progress;
use super::sequence::{Sequence, Sum};
use super::steps::Surroundings;
use super::supervise::strangers;
use super::workspace::{Instance, RunFolder, create_private_dir};
use crate::config::{KeepWorkspace, Pipeline, Secrets};
use crate::job::{Job, WriteRight};
use crate::run_record::Progress;
use crate::ticket::Ticket;

/// How runs are carried out on this machine.
#[derive(Debug, Clone)]
pub struct RunnerSettings {
    /// Root of workspaces and run logs; made if it is not there.
    pub data_dir: PathBuf,
    /// The program that understands [`super::supervise::SUBCOMMAND`]. The server gives `/proc/self/exe`, which stays
    /// right when the file is replaced while it runs.
    pub supervisor: PathBuf,
    /// Name of this machine, for the report.
    pub host: String,
    /// The environment of this process. A step sees only a short list of harmless names of it.
    pub environment: Vec<(OsString, OsString)>,
    /// Our own control group, which is divided among the runs, or why there is none; the server gives
    /// [`super::own_cgroup`].
    pub cgroup: Result<PathBuf, String>,
}

/// One run to carry out.
#[derive(Clone)]
pub struct RunRequest<'a> {
    /// The job.
    pub job: &'a Job,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// The ticket as read just now.
    pub ticket: &'a Ticket,
    /// The pipeline that the job names.
    pub pipeline: &'a Pipeline,
    /// What steps may ask for by name.
    pub secrets: &'a Secrets,
    /// What no log and no comment may show.
    pub mask: Mask,
    /// What it may reach outside of its workspace.
    pub hands: Hands,
    /// Asks the run to stop.
    pub stop: Stop,
    /// Until when the run may go on. Its processes end by then, also when this process cannot end them.
    pub right: Arc<dyn WriteRight>,
    /// Told how far the run is.
    pub progress: watch::Sender<Progress>,
}

/// Carries out runs on this machine. Clones share the instance.
#[derive(Debug, Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: RunnerSettings,
    instance: Instance,
    logs: Logs,
    kept: KeptRuns,
    confiner: Confiner,
}

impl Runner {
    /// Makes the folder of this process, removes in the background what dead processes left, and makes this process
    /// the one that inherits orphans. Blocks for a few system calls.
    ///
    /// # Errors
    /// When the data directory cannot be used; names the path.
    pub fn new(mut settings: RunnerSettings) -> io::Result<Self> {
        create_private_dir(&settings.data_dir)?;
        // Steps get absolute paths, and paths that they can compare with what `pwd` says.
        settings.data_dir = settings.data_dir.canonicalize()?;
        strangers::adopt_orphans()?;
        let instance = Instance::open(&settings.data_dir)?;
        let logs = Logs::open(&settings.data_dir)?;
        logs.prune();
        let kept = KeptRuns::below(&settings.data_dir);
        let too_old = kept.clone();
        // In the background: a large workspace takes a while to remove.
        std::thread::Builder::new().name("prune".to_owned()).spawn(move || too_old.prune())?;
        let confiner = Confiner::open(settings.cgroup.clone());
        Ok(Self { inner: Arc::new(Inner { settings, instance, logs, kept, confiner }) })
    }

    /// Enforces what runs may use.
    pub fn confiner(&self) -> &Confiner {
        &self.inner.confiner
    }

    /// The name of this machine, as reports give it.
    pub fn host(&self) -> &str {
        &self.inner.settings.host
    }

    /// Where the log of an attempt is, or will be.
    pub fn log_path(&self, run_id: &str, attempt: u32) -> PathBuf {
        self.inner.logs.path(run_id, attempt)
    }

    /// Carries out one run. When it returns, its processes are gone and its workspace is removed, or kept.
    ///
    /// Goes on in a task of its own; dropping the future stops the run as [`StopReason::ShuttingDown`] does, and its
    /// clean-up still happens.
    pub async fn run(&self, request: RunRequest<'_>) -> RunReport {
        let started = Instant::now();
        let RunRequest { job, attempt, ticket, pipeline, secrets, mask, hands, stop, right, progress } = request;
        let mut report = RunReport {
            run_id: job.run_id.clone(),
            attempt,
            attempts: pipeline.attempts,
            host: self.inner.settings.host.clone(),
            pipeline: pipeline.name.clone(),
            steps: Vec::new(),
            outcome: Outcome::Done,
            duration: Duration::ZERO,
            tail: String::new(),
            log: None,
            change_request: None,
            notes: Vec::new(),
            kept: Kept::default(),
            left_behind: 0,
        };
        let abandoned = CancellationToken::new();
        let run = Run {
            inner: Arc::clone(&self.inner),
            job: job.clone(),
            attempt,
            ticket: ticket.clone(),
            pipeline: pipeline.clone(),
            secrets: secrets.clone(),
            mask,
            hands,
            stop,
            right,
            progress,
            abandoned: abandoned.clone(),
            deadline: started + pipeline.timeout,
        };
        let _stop_when_dropped = abandoned.drop_guard();
        let task = tokio::spawn(run.carry_out().in_current_span());
        let end = task.await.unwrap_or_else(|error| {
            error!(%error, "a run ended in a panic");
            End::not_started("an internal error of agent-smith: see its log".to_owned())
        });
        report.outcome = end.outcome;
        report.steps = end.steps;
        report.tail = end.tail;
        report.log = end.log;
        report.change_request = end.change_request;
        report.notes = end.notes;
        report.kept = end.kept;
        report.left_behind = end.left_behind;
        report.duration = started.elapsed();
        report
    }
}

/// A run in its own task.
pub(super) struct Run {
    inner: Arc<Inner>,
    pub(super) job: Job,
    pub(super) attempt: u32,
    pub(super) ticket: Ticket,
    pub(super) pipeline: Pipeline,
    pub(super) secrets: Secrets,
    pub(super) mask: Mask,
    pub(super) hands: Hands,
    stop: Stop,
    right: Arc<dyn WriteRight>,
    pub(super) progress: watch::Sender<Progress>,
    abandoned: CancellationToken,
    deadline: Instant,
}

/// What [`Run`] adds to the report.
#[derive(Debug)]
struct End {
    outcome: Outcome,
    steps: Vec<StepReport>,
    tail: String,
    log: Option<PathBuf>,
    change_request: Option<ChangeRequestLink>,
    notes: Vec<String>,
    kept: Kept,
    left_behind: usize,
}

impl End {
    fn not_started(why: String) -> Self {
        let outcome = Outcome::Failed(Failure { step: None, cause: FailureCause::NotStarted(why) });
        let (steps, notes, tail, kept) = (Vec::new(), Vec::new(), String::new(), Kept::default());
        Self { outcome, steps, tail, log: None, change_request: None, notes, kept, left_behind: 0 }
    }
}

impl Run {
    async fn carry_out(self) -> End {
        let (folder, log, confinement) = match self.open().await {
            Ok(opened) => opened,
            Err(error) => {
                error!(%error, "cannot make a workspace");
                return End::not_started(format!("cannot make a workspace: {error}"));
            }
        };
        let mut capture = Capture::new(log, self.mask.clone());
        for line in confinement.said() {
            capture.note(line).await;
        }
        let settings = &self.inner.settings;
        let run = (&self.job, self.attempt);
        let (right, programs) = (Arc::clone(&self.right), (&*settings.supervisor, &*settings.environment));
        let surroundings = Surroundings::new(programs, &folder, run, right, confinement);
        let sum = Sequence::new(&self, &folder, &surroundings).carry_out(&mut capture).await;
        let left_behind = sum.left_behind;
        if left_behind > 0 {
            error!(left_behind, "processes of a run could not be ended: they belong to another user or hang");
        }
        let Sum { outcome, steps, tail, change_request, notes, branch, .. } = sum;
        let workspace = self.clear(folder, surroundings.into_confinement(), &outcome).await;
        if let Some(path) = &workspace {
            progress::kept(&self.progress, path);
            capture.note(&format!("the workspace is kept in {}", path.display())).await;
        }
        let log = capture.close(&format!("run ended: {}", in_words(&outcome))).await;
        End { outcome, steps, tail, log, change_request, notes, kept: Kept { workspace, branch }, left_behind }
    }

    /// What a run needs on this machine.
    async fn open(&self) -> io::Result<(RunFolder, Option<(PathBuf, File)>, Confinement)> {
        let (inner, run_id, attempt, ticket, limits) =
            (Arc::clone(&self.inner), self.job.run_id.clone(), self.attempt, self.ticket.clone(), self.pipeline.limits);
        blocking(move || {
            let folder = inner.instance.begin_run(&run_id, attempt, &ticket)?;
            Ok((folder, inner.logs.create(&run_id, attempt), inner.confiner.begin(limits)))
        })
        .await
    }

    /// Takes it away again; a workspace that stays is moved. Says where to.
    async fn clear(&self, folder: RunFolder, confinement: Confinement, outcome: &Outcome) -> Option<PathBuf> {
        let stays = match (self.pipeline.keep_workspace, outcome) {
            // Whoever has the job next begins anew, and ends it.
            (KeepWorkspace::Never, _) | (_, Outcome::Stopped(StopReason::ShuttingDown | StopReason::LeaseLost)) => {
                false
            }
            (KeepWorkspace::OnFailure, outcome) => matches!(outcome, Outcome::Failed(_)),
            (KeepWorkspace::Always, _) => true,
        };
        let inner = Arc::clone(&self.inner);
        let path = stays.then(|| inner.kept.path(&self.job.run_id, self.attempt));
        let cleared = blocking(move || {
            confinement.end();
            let kept = path.filter(|path| match inner.kept.keep(&folder, path) {
                Ok(()) => true,
                Err(error) => {
                    warn!(%error, "the workspace could not be kept");
                    false
                }
            });
            if kept.is_none() {
                folder.remove();
            }
            inner.kept.prune();
            inner.logs.prune();
            Ok(kept)
        });
        cleared.await.unwrap_or_else(|error| {
            warn!(%error, "the workspace could not be removed");
            None
        })
    }

    /// How runs are carried out here.
    pub(super) fn settings(&self) -> &RunnerSettings {
        &self.inner.settings
    }

    /// Until when it may go on.
    pub(super) fn right(&self) -> &dyn WriteRight {
        self.right.as_ref()
    }

    /// Name of this machine.
    pub(super) fn host(&self) -> &str {
        &self.inner.settings.host
    }

    /// Resolves when the run has to stop.
    pub(super) async fn interruption(&self) -> Interrupted {
        tokio::select! {
            biased;
            reason = self.stop.wait() => Interrupted::Asked(reason),
            () = self.abandoned.cancelled() => Interrupted::Asked(StopReason::ShuttingDown),
            () = tokio::time::sleep_until(self.deadline) => Interrupted::TimeOver,
        }
    }

    /// How the run ends before the step with this index, if it does.
    pub(super) fn interrupted_already(&self, index: usize) -> Option<Outcome> {
        let asked = self.stop.asked().or(self.abandoned.is_cancelled().then_some(StopReason::ShuttingDown));
        let time_over = (Instant::now() >= self.deadline).then_some(Interrupted::TimeOver);
        asked.map(Interrupted::Asked).or(time_over).map(|interrupted| self.interrupted(interrupted, index))
    }

    pub(super) fn interrupted(&self, interrupted: Interrupted, index: usize) -> Outcome {
        match interrupted {
            Interrupted::Asked(reason) => Outcome::Stopped(reason),
            Interrupted::TimeOver => Outcome::Failed(Failure {
                step: Some((index, self.pipeline.steps[index].to_string())),
                cause: FailureCause::Timeout(self.pipeline.timeout),
            }),
        }
    }
}

/// Why a run has to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Interrupted {
    Asked(StopReason),
    TimeOver,
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(failure) => format!("failed: {}", cause_in_words(&failure.cause)),
        Outcome::Stopped(reason) => format!("stopped: {}", reason),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
