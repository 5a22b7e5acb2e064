//! What is there when a run ends without being done: committed and pushed, when the pipeline says so.
//!
//! Who calls: `sequence`, after the last process of the run has ended. What must stay true: it takes a bounded time, a
//! short one when the process ends; it writes nothing when the job is somebody else's; whatever goes wrong is said in the
//! run's log and changes no result.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::context::{Ended, StepContext};
use super::{commit, push};
use crate::pipeline::outcome::{Outcome, StopReason};
use crate::pipeline::writer::Writer;

/// For commit and push together. A person waits for the answer to a cancellation.
const LIMIT: Duration = Duration::from_secs(30);
/// The same once the process has to end. Of the fifteen seconds that it has, ending the processes takes six at the worst,
/// and the ticket's label five.
const LAST_LIMIT: Duration = Duration::from_secs(4);

/// Commits and pushes with a subject that tells everybody that it is not finished. Returns the branch where the work is.
/// A run that failed behind its change request leaves the branch as it is, because people look at it; one that somebody
/// stopped has more to come.
pub(in crate::pipeline) async fn keep_work(context: &mut StepContext<'_>, outcome: &Outcome) -> Option<String> {
    let wanted = context.state.checkout.as_ref().is_some_and(|checkout| checkout.keep_work);
    let limit = match outcome {
        Outcome::Done | Outcome::Stopped(StopReason::LeaseLost) => return None,
        Outcome::Stopped(StopReason::ShuttingDown) => LAST_LIMIT,
        Outcome::Stopped(StopReason::Withdrawn(_)) | Outcome::Failed(_) => LIMIT,
    };
    let is_offered = context.state.change_request.is_some() && matches!(outcome, Outcome::Failed(_));
    if !wanted || is_offered {
        return None;
    }
    let (run, deadline) = (context.run, Instant::now() + limit);
    let over = || Box::pin(over(&run.hands.writer, deadline));
    let text = format!("wip: {}", commit::usual(&run.ticket.title, &run.ticket.url));
    context.capture.begin_step("the run ends: keeping what is there").await;
    let ended = match commit::carry_out_saying(&text, context, over()).await {
        Ended::Exit(0) => push::carry_out(context, over()).await,
        other => other,
    };
    let line = match ended {
        Ended::Exit(0) => return context.state.checkout.as_ref().map(|checkout| checkout.branch.clone()),
        Ended::NoChange => return None,
        Ended::Refused(why) | Ended::NotStarted(why) => format!("the work could not be kept: {why}\n"),
        _ => "the work could not be kept in time\n".to_owned(),
    };
    context.capture.take(line.as_bytes()).await;
    None
}

/// Resolves at the deadline, or shortly after the process has to end.
async fn over(writer: &Writer, deadline: Instant) {
    let ending = async {
        writer.ending().await;
        sleep(LAST_LIMIT).await;
    };
    tokio::select! {
        () = sleep_until(deadline) => {}
        () = ending => {}
    }
}
