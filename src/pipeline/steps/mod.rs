//! The kinds of steps, one file each.
//!
//! Who calls: `run`, once for each step. What must stay true: when a step has ended, nothing that it started is left.

use super::capture::Capture;
use super::supervise::client::Ended;
use crate::config::Step;

mod run;

pub(super) use run::Surroundings;

/// Carries a step out, to its end or to its end by `stop`. Returns how it ended and how many processes could not be
/// ended.
pub(super) async fn carry_out(
    step: &Step,
    surroundings: &Surroundings,
    stop: impl Future<Output = ()>,
    capture: &mut Capture,
) -> (Ended, usize) {
    match step {
        Step::Run { command } => run::carry_out(command, surroundings, stop, capture).await,
    }
}
