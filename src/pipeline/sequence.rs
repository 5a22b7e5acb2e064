//! The steps of a run in their order: which run, for how long, with what, and what becomes of each.
//!
//! Who calls: `run`, once. What must stay true: after the first failure only those steps run whose condition asks for
//! it; a run that was asked to stop, or whose time is over, starts nothing more; every step is in the report.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::capture::Capture;
use super::outcome::{Failure, FailureCause, Outcome, StepOutcome, StepReport, StopReason};
use super::progress;
use super::run::Run;
use super::steps::{self, Outputs, Surroundings};
use super::supervise::client::Ended;
use super::workspace::RunFolder;
use crate::config::Step;
use crate::ticket::Labels;

/// The steps of one run, on their way.
pub(super) struct Sequence<'a> {
    run: &'a Run,
    folder: &'a RunFolder,
    surroundings: &'a Surroundings,
    done: Vec<StepReport>,
    known: BTreeMap<String, KnownStep>,
    failure: Option<Failed>,
    /// Of the step that has just ended, if its program had one.
    exit_code: Option<i32>,
    /// Processes that could not be ended.
    left_behind: usize,
}

/// What all steps together came to.
pub(super) struct Sum {
    pub(super) outcome: Outcome,
    pub(super) steps: Vec<StepReport>,
    pub(super) tail: String,
    pub(super) left_behind: usize,
}

/// The first failure that counts, and the end of what its step printed.
struct Failed {
    failure: Failure,
    tail: String,
}

/// How one step ended, before it is weighed.
enum StepEnd {
    Done,
    Failed(FailureCause),
    /// The whole run is over.
    Over(Outcome),
}

impl<'a> Sequence<'a> {
    pub(super) fn new(run: &'a Run, folder: &'a RunFolder, surroundings: &'a Surroundings) -> Self {
        let (done, known) = (Vec::new(), BTreeMap::new());
        Self { run, folder, surroundings, done, known, failure: None, exit_code: None, left_behind: 0 }
    }

    /// Runs what is to be run.
    pub(super) async fn carry_out(mut self, capture: &mut Capture) -> Sum {
        let mut tail = String::new();
        for (index, step) in self.run.pipeline.steps.iter().enumerate() {
            if let Some(outcome) = self.run.interrupted_already(index) {
                return self.sum(outcome, tail);
            }
            let started = Instant::now();
            let end = match self.holds(step) {
                Ok(true) => {
                    let end = self.step(index, capture).await;
                    tail = capture.end_step().await;
                    end
                }
                Ok(false) => {
                    debug!(step = index + 1, "step {} is skipped", index + 1);
                    self.report(step, StepOutcome::Skipped, Duration::ZERO);
                    continue;
                }
                Err(why) => StepEnd::Failed(FailureCause::NotStarted(format!("its `if` cannot be evaluated: {why}"))),
            };
            let outcome = match end {
                StepEnd::Done => StepOutcome::Done,
                StepEnd::Failed(_) if step.continue_on_error => StepOutcome::Tolerated,
                StepEnd::Failed(cause) => {
                    let failure = Failure { step: Some((index, step.to_string())), cause };
                    self.failure.get_or_insert_with(|| Failed { failure, tail: tail.clone() });
                    StepOutcome::Failed
                }
                StepEnd::Over(outcome) => {
                    let failed = matches!(outcome, Outcome::Failed(_));
                    let word = if failed { StepOutcome::Failed } else { StepOutcome::NotReached };
                    self.report(step, word, started.elapsed());
                    return self.sum(outcome, tail);
                }
            };
            self.report(step, outcome, started.elapsed());
        }
        self.sum(Outcome::Done, tail)
    }

    /// The first failure explains the run, also when its time was over while it tidied up.
    fn sum(mut self, outcome: Outcome, tail: String) -> Sum {
        let reached = self.done.len();
        for step in &self.run.pipeline.steps[reached..] {
            self.report(step, StepOutcome::NotReached, Duration::ZERO);
        }
        let (outcome, tail) = match (outcome, self.failure) {
            (Outcome::Done | Outcome::Failed(_), Some(Failed { failure, tail })) => (Outcome::Failed(failure), tail),
            (outcome, _) => (outcome, tail),
        };
        Sum { outcome, steps: self.done, tail, left_behind: self.left_behind }
    }

    fn holds(&self, step: &Step) -> Result<bool, String> {
        let success = self.failure.is_none();
        match &step.condition {
            None => Ok(success),
            Some(condition) => condition.holds(&self.what_is_known(), success),
        }
    }

    async fn step(&mut self, index: usize, capture: &mut Capture) -> StepEnd {
        let step = &self.run.pipeline.steps[index];
        let line = format!("step {} of {}: {step}", index + 1, self.run.pipeline.steps.len());
        debug!(step = index + 1, "{line}");
        capture.begin_step(&line).await;
        progress::begin(&self.run.progress, &self.run.mask, &step.to_string());
        let outputs = Outputs::of_step(self.folder.top(), index);
        let variables = self.variables(step, &outputs);
        let own_deadline = step.timeout.map(|timeout| Instant::now() + timeout);
        let interrupt = OnceLock::new();
        let stop = async {
            let own_time = async {
                match own_deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            // The first and only one.
            let _ = tokio::select! {
                biased;
                reason = self.run.interruption() => interrupt.set(Some(reason)),
                () = own_time => interrupt.set(None),
            };
        };
        let (ended, left) = steps::carry_out(&step.action, (self.surroundings, variables), stop, capture).await;
        self.left_behind += left;
        self.exit_code = if let Ended::Exit(code) = ended { Some(code) } else { None };
        self.remember(step, &ended, &outputs);
        let cause = match ended {
            Ended::Exit(0) => return StepEnd::Done,
            Ended::Exit(code) => FailureCause::Exit(code),
            Ended::Signal(number) => FailureCause::Signal(number),
            Ended::NotStarted(why) => FailureCause::NotStarted(why),
            Ended::SupervisorLost => FailureCause::SupervisorLost,
            Ended::Expired => return StepEnd::Over(Outcome::Stopped(StopReason::LeaseLost)),
            Ended::Stopped => match (interrupt.get(), step.timeout) {
                (Some(Some(interrupted)), _) => return StepEnd::Over(self.run.interrupted(interrupted.clone(), index)),
                (Some(None), Some(timeout)) => FailureCause::StepTimeout(timeout),
                // It stops by itself only when its socket is taken from it.
                _ => FailureCause::SupervisorLost,
            },
        };
        StepEnd::Failed(cause)
    }

    /// What this step alone finds in its environment.
    fn variables(&self, step: &Step, outputs: &Outputs) -> Vec<(OsString, OsString)> {
        let own = step.env.iter().map(|(name, value)| (name.into(), value.into()));
        let secrets = step.secrets.iter().filter_map(|name| {
            let value = self.run.secrets.get(name)?;
            Some((name.into(), value.expose_secret().into()))
        });
        own.chain(secrets).chain([("AGENTSMITH_OUTPUT".into(), outputs.path().into())]).collect()
    }

    fn remember(&mut self, step: &Step, ended: &Ended, outputs: &Outputs) {
        if let Some(name) = &step.name {
            let exit_code = if let Ended::Exit(code) = ended { Some(*code) } else { None };
            let known = KnownStep { outcome: "", exit_code, outputs: outputs.read() };
            self.known.insert(name.clone(), known);
        }
    }

    fn report(&mut self, step: &Step, outcome: StepOutcome, duration: Duration) {
        let report = StepReport { title: step.to_string(), outcome, duration };
        let told = (self.done.len(), &report);
        progress::end(&self.run.progress, &self.run.mask, told, self.exit_code.take());
        self.done.push(report);
        if let Some(name) = &step.name {
            self.known.entry(name.clone()).or_default().outcome = outcome.as_str();
        }
    }

    fn what_is_known(&self) -> Known<'_> {
        let Run { job, ticket, pipeline, .. } = self.run;
        Known {
            ticket: KnownTicket {
                id: &ticket.id,
                title: &ticket.title,
                body: &ticket.body,
                labels: &ticket.labels,
                state: &ticket.state,
                url: &ticket.url,
            },
            project: KnownProject { name: &job.key.project, platform: job.key.platform.as_str() },
            run: KnownRun {
                id: &job.run_id,
                attempt: self.run.attempt,
                pipeline: &pipeline.name,
                host: self.run.host(),
            },
            steps: &self.known,
        }
    }
}

/// What a condition may name; `config::template` has the same list.
#[derive(Serialize)]
struct Known<'a> {
    ticket: KnownTicket<'a>,
    project: KnownProject<'a>,
    run: KnownRun<'a>,
    steps: &'a BTreeMap<String, KnownStep>,
}

#[derive(Serialize)]
struct KnownTicket<'a> {
    id: &'a str,
    title: &'a str,
    body: &'a str,
    labels: &'a Labels,
    state: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct KnownProject<'a> {
    name: &'a str,
    platform: &'static str,
}

#[derive(Serialize)]
struct KnownRun<'a> {
    id: &'a str,
    attempt: u32,
    pipeline: &'a str,
    host: &'a str,
}

#[derive(Debug, Default, Serialize)]
struct KnownStep {
    outcome: &'static str,
    exit_code: Option<i32>,
    outputs: BTreeMap<String, String>,
}
