//! The kinds of steps, one file each.
//!
//! Who calls: `run`, once for each step. What must stay true: when a step has ended, nothing that it started is left.

use crate::config::Action;

mod comment;
mod context;
mod outputs;
mod run;

pub(super) use context::{Ended, State, StepContext, StopNow};
pub(super) use outputs::Outputs;
pub(super) use run::Surroundings;

/// Carries a step out, to its end or to its end by `stop`.
pub(super) async fn carry_out(action: &Action, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    match action {
        Action::Run { command } => run::carry_out(command, context, stop).await,
        Action::Comment(template) => comment::carry_out(template, context, stop).await,
        other => Ended::NotStarted(format!("UNFINISHED {other}")),
    }
}
