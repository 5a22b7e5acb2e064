//! Coding agents of every behaviour, as scripts, under the real binary.
//!
//! What must stay true: no test leaves a process behind, and whether one is gone is looked up in `/proc`.

// A refused system call fails the test, and the helpers are plain functions.
#![allow(clippy::unwrap_used)]

mod behaviours;
mod cancellations;
mod endings;
mod floods;
// Shared with the other tests of runs, which need more of it.
#[allow(dead_code)]
#[path = "../pipeline/fixture.rs"]
mod fixture;
mod hostile_tickets;
mod presets;
mod programs;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod whole_way;
