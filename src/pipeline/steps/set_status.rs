//! A `set_status` step: the ticket, moved in its platform's own workflow.
//!
//! Who calls: `steps`. What must stay true: a ticket that the run itself closes is not taken for one that somebody
//! closed; a move that the workflow does not allow is a note in the comment that names what is possible, and no failure.

use super::comment::ended;
use super::context::{Ended, StepContext, StopNow};
use crate::pipeline::report::not_moved;
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
            context.capture.take(format!("status {status}: not moved: {change}\n").as_bytes()).await;
            context.state.notes.push(not_moved(status, &change.to_string()));
            Ended::Exit(0)
        }
        Ok(change) => {
            context.capture.take(format!("status {status}: {change}\n").as_bytes()).await;
            Ended::Exit(0)
        }
        Err(error) => ended::<()>(Err(error)),
    }
}
