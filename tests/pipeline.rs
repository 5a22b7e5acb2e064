//! Runs, with the real binary as the supervisor and real shells below it.
//!
//! What must stay true: no test leaves a process behind, and whether a process is gone is always looked up in `/proc`,
//! by a number in its command line that no other process has.

// A refused system call fails the test, and the helpers are plain functions.
#![allow(clippy::unwrap_used)]

#[path = "pipeline/deaths.rs"]
mod deaths;
#[path = "pipeline/fixture.rs"]
mod fixture;
#[path = "pipeline/helper.rs"]
mod helper;
#[path = "pipeline/limits.rs"]
mod limits;
#[path = "pipeline/options.rs"]
mod options;
#[path = "pipeline/output.rs"]
mod output;
#[path = "pipeline/steps.rs"]
mod steps;
#[path = "pipeline/stops.rs"]
mod stops;
#[path = "pipeline/workspaces.rs"]
mod workspaces;
