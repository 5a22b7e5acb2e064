//! Checkout, commit and push: real git over HTTP against the simulated platforms, with the real binary as supervisor.
//!
//! What must stay true: every test has its own repositories and data directory; what is on the remote is looked up in
//! the repository on disk, past everything that is tested.

#![allow(clippy::unwrap_used)]

mod change_requests;
mod fixture;
mod hostile;
mod kept;
mod mirrors;
mod races;
mod refusals;
mod renamed;
mod whole;
