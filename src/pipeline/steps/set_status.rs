//! A `set_status` step: the ticket, moved in its platform's own workflow.
//!
//! Who calls: `steps`. What must stay true: a ticket that the run itself closes is not taken for one that somebody
//! closed; a move that the platform does not allow fails the step and names what is possible.

use super::comment::ended;
use super::context::{Ended, StepContext, StopNow};
use crate::platform::StatusChange;

pub(super) async fn carry_out(status: &str, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let hands = &context.run.hands;
    let right = hands.writer.right();
    // Before it is sent: whoever looks at the ticket meanwhile must know.
    hands.writer.moves_ticket(true);
    let moved = tokio::select! {
        moved = hands.writer.insist(|| hands.platform.set_status(right, status)) => moved,
        () = stop => return Ended::Stopped,
    };
    match moved {
        Ok(change @ StatusChange::Impossible { .. }) => {
            hands.writer.moves_ticket(false);
            Ended::Refused(format!("the ticket cannot be moved to `{status}`: {change}"))
        }
        Ok(change) => {
            context.capture.take(format!("status {status}: {change}\n").as_bytes()).await;
            Ended::Exit(0)
        }
        Err(error) => ended::<()>(Err(error)),
    }
}
