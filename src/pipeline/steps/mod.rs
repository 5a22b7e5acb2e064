//! The kinds of steps, one file each.
//!
//! Who calls: `run`, once for each step. What must stay true: when a step has ended, nothing that it started is left.

use std::ffi::OsString;

use super::capture::Capture;
use super::supervise::client::Ended;
use crate::config::Action;

mod outputs;
mod run;

pub(super) use outputs::Outputs;
pub(super) use run::Surroundings;

/// Carries a step out, to its end or to its end by `stop`, with these variables beside those of all steps. Returns how
/// it ended and how many processes could not be ended.
pub(super) async fn carry_out(
    action: &Action,
    (surroundings, variables): (&Surroundings, Vec<(OsString, OsString)>),
    stop: impl Future<Output = ()>,
    capture: &mut Capture,
) -> (Ended, usize) {
    match action {
        Action::Run { command } => run::carry_out(command, (surroundings, variables), stop, capture).await,
    }
}
