//! The built binary as a user meets it: what it prints, what it refuses and with which words, how it ends.
//!
//! What must stay true: every command line here is bounded, and nothing that one started outlives its test.

// A refused system call fails the test, and the helpers are plain functions.
#![allow(clippy::unwrap_used)]

#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/environment.rs"]
mod environment;
#[path = "cli/fixture.rs"]
mod fixture;
#[path = "cli/mistakes.rs"]
mod mistakes;
#[path = "cli/pipes.rs"]
mod pipes;
#[path = "cli/poll.rs"]
mod poll;
#[path = "cli/programs.rs"]
mod programs;
#[path = "cli/runs.rs"]
mod runs;
#[path = "cli/secrets.rs"]
mod secrets;
#[path = "cli/server_log.rs"]
mod server_log;
#[path = "cli/serving.rs"]
mod serving;
#[path = "support/mod.rs"]
mod support;
#[path = "cli/usage.rs"]
mod usage;
