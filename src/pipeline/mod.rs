//! What runs for a ticket: which pipeline, in which workspace, under whose eyes, and what is said about it afterwards.
//!
//! Who calls: the claim service ([`resolve()`]), the consumer ([`run`], [`report`]), `cli` ([`supervise`], before
//! anything else). What must stay true: nothing a run started outlives it; ticket text is data and reaches a step
//! only through its environment and files; no token is in a step's environment; everything a run leaves on disk is
//! under one root and bounded. This room knows the platforms, for what a run does there, and not the store nor who
//! took the job: what executes a job is separate from what takes it.

pub mod mask;
pub mod outcome;
pub mod programs;
pub mod report;
pub mod resolve;
pub mod run;
pub mod supervise;

mod agents;
mod capture;
mod confine;
mod fingerprint;
mod git;
mod hands;
mod inert;
mod kept;
mod known;
mod logs;
mod progress;
mod prompt;
mod remove;
mod sequence;
mod steps;
mod workspace;
mod writer;

pub use capture::readable;
pub use confine::{Confiner, own_cgroup};
pub use hands::Hands;
pub use logs::log_path;
pub use mask::Mask;
pub use outcome::{Failure, FailureCause, Kept, Outcome, RunReport, StepOutcome, StepReport, Stop, StopReason};
pub use resolve::{pipeline_for, resolve};
pub use run::{RunRequest, Runner, RunnerSettings};
pub use writer::{Confirm, GivenUp, Writer};
