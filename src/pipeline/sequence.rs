//! The steps of a run in their order: which run, for how long, with what, and what becomes of each.
//!
//! Who calls: `run`, once. What must stay true: after the first failure only those steps run whose condition asks for
//! it; a run that was asked to stop, or whose time is over, starts nothing more; every step is in the report.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::OnceLock;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::capture::Capture;
use super::known::{Known, KnownStep};
use super::outcome::{ChangeRequestLink, Failure, FailureCause, Outcome, StepOutcome, StepReport, StopReason};
use super::programs;
use super::progress;
use super::run::{Interrupted, Run};
use super::steps::{self, Ended, Outputs, State, StepContext, Surroundings};
use super::workspace::RunFolder;
use crate::config::Step;

/// The steps of one run, on their way.
pub(super) struct Sequence<'a> {
    run: &'a Run,
    folder: &'a RunFolder,
    surroundings: &'a Surroundings,
    done: Vec<StepReport>,
    known: BTreeMap<String, KnownStep>,
    state: State,
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
    pub(super) change_request: Option<ChangeRequestLink>,
    pub(super) notes: Vec<String>,
    /// The branch with its unfinished work.
    pub(super) branch: Option<String>,
    pub(super) left_behind: usize,
}

/// The first failure that counts, and the end of what its step printed.
struct Failed {
    failure: Failure,
    tail: String,
}

/// Why a step had to end before its program did.
enum Interrupt {
    /// The run has to.
    Run(Interrupted),
    /// Its own time is over.
    StepTime,
    /// Its programs have had their CPU time.
    CpuTime,
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
        let (done, known, state) = (Vec::new(), BTreeMap::new(), State::default());
        Self { run, folder, surroundings, done, known, state, failure: None, exit_code: None, left_behind: 0 }
    }

    /// Runs what is to be run.
    pub(super) async fn carry_out(mut self, capture: &mut Capture) -> Sum {
        let mut tail = String::new();
        let missing = self.missing_program(capture).await;
        for (index, step) in self.run.pipeline.steps.iter().enumerate() {
            if let Some(outcome) = self.run.interrupted_already(index) {
                return self.end(outcome, tail, capture).await;
            }
            if missing == Some(index) {
                self.report(step, StepOutcome::Failed, Duration::ZERO);
                continue;
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
                    return self.end(outcome, tail, capture).await;
                }
            };
            self.report(step, outcome, started.elapsed());
        }
        self.end(Outcome::Done, tail, capture).await
    }

    /// The first failure explains the run, also when its time was over while it tidied up. A run that is not done may leave
    /// its work where it can be found.
    async fn end(mut self, outcome: Outcome, tail: String, capture: &mut Capture) -> Sum {
        let reached = self.done.len();
        for step in &self.run.pipeline.steps[reached..] {
            self.report(step, StepOutcome::NotReached, Duration::ZERO);
        }
        let (outcome, tail) = match (outcome, self.failure.take()) {
            (Outcome::Done | Outcome::Failed(_), Some(Failed { failure, tail })) => (Outcome::Failed(failure), tail),
            (outcome, _) => (outcome, tail),
        };
        let mut context = self.context(reached.saturating_sub(1), Vec::new(), capture);
        let branch = steps::keep_work(&mut context, &outcome).await;
        self.left_behind += context.left_behind;
        capture.end_step().await;
        let State { change_request, notes, .. } = self.state;
        Sum { outcome, steps: self.done, tail, change_request, notes, branch, left_behind: self.left_behind }
    }

    /// The step whose program is not there, which fails the run before anything is done in vain.
    async fn missing_program(&mut self, capture: &mut Capture) -> Option<usize> {
        let steps = &self.run.pipeline.steps;
        let path = |step: &'a Step| step.env.get("PATH").map_or_else(|| self.surroundings.path(), OsStr::new);
        let (index, why) = programs::missing(steps, path, self.run.host())?;
        capture.begin_step(&format!("step {} of {} cannot be started: {why}", index + 1, steps.len())).await;
        let failure = Failure { step: Some((index, steps[index].to_string())), cause: FailureCause::NotStarted(why) };
        self.failure = Some(Failed { failure, tail: String::new() });
        Some(index)
    }

    fn holds(&self, step: &Step) -> Result<bool, String> {
        let success = self.failure.is_none();
        match &step.condition {
            None => Ok(success),
            Some(condition) => condition.holds(&Known::of(self.run, &self.known), success),
        }
    }

    async fn step(&mut self, index: usize, capture: &mut Capture) -> StepEnd {
        let run = self.run;
        let step = &run.pipeline.steps[index];
        let line = format!("step {} of {}: {step}", index + 1, run.pipeline.steps.len());
        debug!(step = index + 1, "{line}");
        capture.begin_step(&line).await;
        progress::begin(&self.run.progress, &self.run.mask, &step.to_string());
        let outputs = Outputs::of_step(self.folder.top(), index);
        let variables = self.variables(step, &outputs);
        let own_deadline = step.timeout.map(|timeout| Instant::now() + timeout);
        let (confinement, interrupt) = (self.surroundings.confinement(), OnceLock::new());
        let before = confinement.usage();
        let stop = async {
            let own_time = async {
                match own_deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let reason = tokio::select! {
                biased;
                reason = run.interruption() => Interrupt::Run(reason),
                () = own_time => Interrupt::StepTime,
                () = confinement.cpu_time_over(before) => Interrupt::CpuTime,
            };
            let _ = interrupt.set(reason); // the first and only one
        };
        let mut context = self.context(index, variables, capture);
        let stop = Box::pin(stop);
        let ended = steps::carry_out(&step.action, &mut context, stop).await;
        let (left, said) = (context.left_behind, std::mem::take(&mut context.outputs));
        self.left_behind += left;
        // What the group tells is asked for before anything is done to it.
        let limited = confinement.cause(&ended, before);
        confinement.end_step();
        if let Some(request) = &self.state.change_request {
            progress::found(&self.run.progress, request);
        }
        self.exit_code = if let Ended::Exit(code) = ended { Some(code) } else { None };
        self.remember(step, &ended, (&outputs, said));
        if let Some(cause) = limited {
            return StepEnd::Failed(cause);
        }
        let cause = match ended {
            Ended::Exit(0) => return StepEnd::Done,
            Ended::Exit(code) => FailureCause::Exit(code),
            Ended::Signal(number) => FailureCause::Signal(number),
            Ended::NotStarted(why) => FailureCause::NotStarted(why),
            Ended::Refused(why) => FailureCause::Refused(why),
            Ended::NoChange => FailureCause::NoChange,
            Ended::Stalled(limit) => FailureCause::Stalled(limit),
            Ended::SupervisorLost => FailureCause::SupervisorLost,
            Ended::Expired => return StepEnd::Over(Outcome::Stopped(StopReason::LeaseLost)),
            Ended::Stopped => match (interrupt.get(), step.timeout) {
                (Some(Interrupt::Run(why)), _) => return StepEnd::Over(self.run.interrupted(why.clone(), index)),
                (Some(Interrupt::StepTime), Some(timeout)) => FailureCause::StepTimeout(timeout),
                (Some(Interrupt::CpuTime), _) => confinement.cpu_time(),
                // It stops by itself only when its socket is taken from it.
                _ => FailureCause::SupervisorLost,
            },
        };
        StepEnd::Failed(cause)
    }

    fn context<'c>(
        &'c mut self,
        index: usize,
        variables: Vec<(OsString, OsString)>,
        capture: &'c mut Capture,
    ) -> StepContext<'c> {
        StepContext {
            run: self.run,
            index,
            surroundings: self.surroundings,
            variables,
            known: Known::of(self.run, &self.known),
            done: &self.done,
            state: &mut self.state,
            outputs: BTreeMap::new(),
            folder: self.folder,
            capture,
            left_behind: 0,
        }
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

    fn remember(&mut self, step: &Step, ended: &Ended, (file, said): (&Outputs, BTreeMap<String, String>)) {
        if let Some(name) = &step.name {
            let exit_code = if let Ended::Exit(code) = ended { Some(*code) } else { None };
            // What a step of ours says itself comes after what stands in a file that anybody could write.
            let outputs = file.read().into_iter().chain(said).collect();
            let known = KnownStep { outcome: "", exit_code, outputs };
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
}
