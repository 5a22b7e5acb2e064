//! Executing a pipeline for a job, from an empty workspace to a report.
//!
//! Who calls: the consumer, which has taken the job and will write the result to the ticket. What must stay true: a run
//! always ends in a [`RunReport`]; when it does, its processes are gone and its workspace is removed; dropping the
//! future of [`Runner::run`] stops the run. Knows neither the store nor a platform.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, warn};

use super::capture::Capture;
use super::logs::Logs;
use super::outcome::{Failure, FailureCause, Outcome, RunReport, Stop, StopReason, cause_in_words};
use super::steps::{self, Surroundings};
use super::supervise::client::Ended;
use super::supervise::strangers;
use super::workspace::{Instance, RunFolder, create_private_dir};
use crate::config::{Pipeline, Step};
use crate::job::{Job, WriteRight};
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
    /// Asks the run to stop.
    pub stop: Stop,
    /// Until when the run may go on. Its processes end by then, also when this process cannot end them.
    pub right: Arc<dyn WriteRight>,
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
        Ok(Self { inner: Arc::new(Inner { settings, instance, logs }) })
    }

    /// Carries out one run. When it returns, its processes are gone and its workspace is removed.
    ///
    /// Goes on in a task of its own; dropping the future stops the run as [`StopReason::ShuttingDown`] does, and its
    /// clean-up still happens.
    pub async fn run(&self, request: RunRequest<'_>) -> RunReport {
        let started = Instant::now();
        let RunRequest { job, attempt, ticket, pipeline, stop, right } = request;
        let mut report = RunReport {
            run_id: job.run_id.clone(),
            attempt,
            host: self.inner.settings.host.clone(),
            pipeline: pipeline.name.clone(),
            steps: pipeline.steps.len(),
            outcome: Outcome::Done,
            duration: Duration::ZERO,
            tail: String::new(),
            log: None,
            left_behind: 0,
        };
        let abandoned = CancellationToken::new();
        let run = Run {
            inner: Arc::clone(&self.inner),
            job: job.clone(),
            attempt,
            ticket: ticket.clone(),
            pipeline: pipeline.clone(),
            stop,
            right,
            abandoned: abandoned.clone(),
            deadline: started + pipeline.timeout,
        };
        let _stop_when_dropped = abandoned.drop_guard();
        let task = tokio::spawn(run.carry_out().in_current_span());
        let end = task.await.unwrap_or_else(|error| {
            error!(%error, "a run ended in a panic");
            End::failed(None, FailureCause::NotStarted("an internal error of agent-smith: see its log".to_owned()))
        });
        report.outcome = end.outcome;
        report.tail = end.tail;
        report.log = end.log;
        report.left_behind = end.left_behind;
        report.duration = started.elapsed();
        report
    }
}

/// A run in its own task.
struct Run {
    inner: Arc<Inner>,
    job: Job,
    attempt: u32,
    ticket: Ticket,
    pipeline: Pipeline,
    stop: Stop,
    right: Arc<dyn WriteRight>,
    abandoned: CancellationToken,
    deadline: Instant,
}

/// What [`Run`] adds to the report.
#[derive(Debug)]
struct End {
    outcome: Outcome,
    tail: String,
    log: Option<PathBuf>,
    left_behind: usize,
}

impl End {
    fn failed(step: Option<(usize, String)>, cause: FailureCause) -> Self {
        let outcome = Outcome::Failed(Failure { step, cause });
        Self { outcome, tail: String::new(), log: None, left_behind: 0 }
    }
}

impl Run {
    async fn carry_out(self) -> End {
        let (inner, run_id, attempt, ticket) =
            (Arc::clone(&self.inner), self.job.run_id.clone(), self.attempt, self.ticket.clone());
        let opened = blocking(move || {
            let folder = inner.instance.begin_run(&run_id, attempt, &ticket)?;
            Ok((folder, inner.logs.create(&run_id, attempt)))
        });
        let (folder, log) = match opened.await {
            Ok(opened) => opened,
            Err(error) => {
                error!(%error, "cannot make a workspace");
                return End::failed(None, FailureCause::NotStarted(format!("cannot make a workspace: {error}")));
            }
        };
        let mut capture = Capture::new(log);
        let (outcome, left_behind) = self.all_steps(&folder, &mut capture).await;
        let (log, tail) = capture.close(&format!("run ended: {}", in_words(&outcome))).await;
        if left_behind > 0 {
            error!(left_behind, "processes of a run could not be ended: they belong to another user or hang");
        }
        let inner = Arc::clone(&self.inner);
        let removed = blocking(move || {
            folder.remove();
            inner.logs.prune();
            Ok(())
        });
        if let Err(error) = removed.await {
            warn!(%error, "the workspace could not be removed");
        }
        End { outcome, tail, log, left_behind }
    }

    async fn all_steps(&self, folder: &RunFolder, capture: &mut Capture) -> (Outcome, usize) {
        let settings = &self.inner.settings;
        let run = (&self.job, self.attempt);
        let surroundings =
            Surroundings::new(&settings.supervisor, &settings.environment, folder, run, Arc::clone(&self.right));
        let mut left_behind = 0;
        for (index, step) in self.pipeline.steps.iter().enumerate() {
            let interrupt = Arc::new(OnceLock::new());
            if let Some(interrupted) = self.interrupted_already() {
                return (self.interrupted(interrupted, index, step), left_behind);
            }
            let line = format!("step {} of {}: {step}", index + 1, self.pipeline.steps.len());
            debug!(step = index + 1, "{line}");
            capture.begin_step(&line).await;
            let stop = async {
                let _ = interrupt.set(self.interruption().await); // the first and only one
            };
            let (ended, left) = steps::carry_out(step, &surroundings, stop, capture).await;
            left_behind += left;
            let cause = match ended {
                Ended::Exit(0) => continue,
                Ended::Exit(code) => FailureCause::Exit(code),
                Ended::Signal(number) => FailureCause::Signal(number),
                Ended::NotStarted(why) => FailureCause::NotStarted(why),
                Ended::SupervisorLost => FailureCause::SupervisorLost,
                Ended::Expired => return (Outcome::Stopped(StopReason::LeaseLost), left_behind),
                Ended::Stopped => match interrupt.get() {
                    Some(interrupted) => return (self.interrupted(interrupted.clone(), index, step), left_behind),
                    // It stops by itself only when its socket is taken from it.
                    None => FailureCause::SupervisorLost,
                },
            };
            let failure = Failure { step: Some((index, step.to_string())), cause };
            return (Outcome::Failed(failure), left_behind);
        }
        (Outcome::Done, left_behind)
    }

    /// Resolves when the run has to stop.
    async fn interruption(&self) -> Interrupted {
        tokio::select! {
            biased;
            reason = self.stop.wait() => Interrupted::Asked(reason),
            () = self.abandoned.cancelled() => Interrupted::Asked(StopReason::ShuttingDown),
            () = tokio::time::sleep_until(self.deadline) => Interrupted::TimeOver,
        }
    }

    fn interrupted_already(&self) -> Option<Interrupted> {
        let asked = self.stop.asked().or(self.abandoned.is_cancelled().then_some(StopReason::ShuttingDown));
        let time_over = (Instant::now() >= self.deadline).then_some(Interrupted::TimeOver);
        asked.map(Interrupted::Asked).or(time_over)
    }

    fn interrupted(&self, interrupted: Interrupted, index: usize, step: &Step) -> Outcome {
        match interrupted {
            Interrupted::Asked(reason) => Outcome::Stopped(reason),
            Interrupted::TimeOver => Outcome::Failed(Failure {
                step: Some((index, step.to_string())),
                cause: FailureCause::Timeout(self.pipeline.timeout),
            }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Interrupted {
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
