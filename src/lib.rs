//! agent-smith: one server that turns labelled tickets into finished work.
//!
//! A ticket is found by `poll`, claimed once by `claim`, waits in the queue of `store`, is taken by `consumer`, and
//! `pipeline` runs in a workspace of its own; `platform` shows on the ticket what happened. `housekeeping` repairs
//! what crashes leave behind. Whoever polls and keeps house is elected by `leader`. Imports go down only:
//!
//! ```text
//! main -> cli -> app -> { http · leader · poll · housekeeping · consumer }
//!                         -> { claim · pipeline }
//!                         -> { platform · store }          never each other
//!                         -> config -> { ticket · lifecycle · job · run_record · clock }
//! ```
//!
//! Leaves that know nobody: `health`, `shutdown`, `runner`, `telemetry`; `availability` watches the store for all
//! loops, `project_health` says how each tracker does. `sim` is what `agent-smith demo` and the tests talk to in place of the real platforms.

// Every dependency is used by the library; one that no longer is fails the build.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

pub mod app;
pub mod availability;
pub mod claim;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod health;
pub mod housekeeping;
pub mod http;
pub mod job;
pub mod leader;
pub mod lifecycle;
pub mod pipeline;
pub mod platform;
pub mod poll;
pub mod project_health;
pub mod run_record;
pub mod runner;
pub mod shutdown;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod ticket;
