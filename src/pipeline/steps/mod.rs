//! The kinds of steps, one file each.
//!
//! Who calls: `sequence`, once for each step. What must stay true: when a step has ended, nothing that it started is left.

use crate::config::Action;

mod agent;
mod checkout;
mod comment;
mod commit;
mod context;
mod keep;
mod open_change_request;
mod outputs;
mod push;
mod run;
mod set_status;

pub(super) use context::{Ended, State, StepContext, StopNow};
pub(super) use keep::keep_work;
pub(super) use outputs::Outputs;
pub(super) use run::Surroundings;

/// Carries a step out, to its end or to its end by `stop`.
pub(super) async fn carry_out(action: &Action, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    match action {
        Action::Run { command } => run::carry_out(command, context, stop).await,
        Action::Checkout { base, keep_work } => checkout::carry_out((base.as_deref(), *keep_work), context, stop).await,
        Action::Agent(agent) => agent::carry_out(agent, context, stop).await,
        Action::Commit { message } => commit::carry_out(message.as_ref(), context, stop).await,
        Action::Push => push::carry_out(context, stop).await,
        Action::OpenChangeRequest(wanted) => open_change_request::carry_out(wanted, context, stop).await,
        Action::Comment(template) => comment::carry_out(template, context, stop).await,
        Action::SetStatus(status) => set_status::carry_out(status, context, stop).await,
    }
}

/// How a step ends that works on the source when there is none.
fn no_checkout(step: &str) -> Ended {
    Ended::NotStarted(format!("a `{step}` step needs a `checkout` step before it"))
}
