//! What a step works with, and how it may end.
//!
//! Who calls: `sequence` makes one for each step; every step reads it.

use std::ffi::OsString;
use std::pin::Pin;

use super::Surroundings;
use crate::pipeline::capture::Capture;
use crate::pipeline::known::Known;
use crate::pipeline::run::Run;
use crate::pipeline::supervise::client;

/// What one step works with.
pub(in crate::pipeline) struct StepContext<'a> {
    /// The run.
    pub(in crate::pipeline) run: &'a Run,
    /// Its place in the pipeline, from 0.
    pub(in crate::pipeline) index: usize,
    /// What the steps of the run have in common.
    pub(in crate::pipeline) surroundings: &'a Surroundings,
    /// The environment of this step alone.
    pub(in crate::pipeline) variables: Vec<(OsString, OsString)>,
    /// What templates may name.
    pub(in crate::pipeline) known: Known<'a>,
    /// What earlier steps of the run have made.
    pub(in crate::pipeline) state: &'a mut State,
    /// Takes what it prints.
    pub(in crate::pipeline) capture: &'a mut Capture,
    /// Processes of it that could not be ended.
    pub(in crate::pipeline) left_behind: usize,
}

/// Resolves when the step has to end.
pub(in crate::pipeline) type StopNow<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the steps of a run have made so far.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct State {}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline) enum Ended {
    /// Its program exited by itself; with 0, it succeeded.
    Exit(i32),
    /// A signal that we did not send ended its program.
    Signal(i32),
    /// The stop came first.
    Stopped,
    /// The right to go on ran out first.
    Expired,
    /// It was never started; says why.
    NotStarted(String),
    /// What it was to do is refused, by a platform or by our own rules; says why.
    Refused(String),
    /// A coding agent was content and changed nothing.
    NoChange,
    /// Its supervisor was killed. Its processes have been ended.
    SupervisorLost,
}

impl From<client::Ended> for Ended {
    fn from(ended: client::Ended) -> Self {
        match ended {
            client::Ended::Exit(code) => Self::Exit(code),
            client::Ended::Signal(number) => Self::Signal(number),
            client::Ended::Stopped => Self::Stopped,
            client::Ended::Expired => Self::Expired,
            client::Ended::NotStarted(why) => Self::NotStarted(why),
            client::Ended::SupervisorLost => Self::SupervisorLost,
        }
    }
}
