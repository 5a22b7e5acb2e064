//! What runs for a ticket: which pipeline, in which workspace, under whose eyes, and what is said about it afterwards.
//!
//! Who calls: the claim service ([`resolve()`]), the consumer ([`run`], [`report`]), `cli` ([`supervise`], before
//! anything else). What must stay true: nothing a run started outlives it; ticket text is data and reaches a step
//! only through its environment and files; no token is in a step's environment; everything a run leaves on disk is
//! under one root and bounded. This room knows neither the store nor the platforms, and not who took the job: what
//! executes a job is separate from what takes it.

pub mod mask;
pub mod outcome;
pub mod report;
pub mod resolve;
pub mod run;
pub mod supervise;

mod capture;
mod logs;
mod progress;
mod remove;
mod sequence;
mod steps;
mod workspace;

pub use capture::readable;
pub use logs::log_path;
pub use mask::Mask;
pub use outcome::{Failure, FailureCause, Outcome, RunReport, StepOutcome, StepReport, Stop, StopReason};
pub use resolve::{pipeline_for, resolve};
pub use run::{RunRequest, Runner, RunnerSettings};
