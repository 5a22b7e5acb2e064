//! What is there when a run is cancelled: committed and pushed, when the pipeline says so.
//!
//! Who calls: `sequence`, after the last process of the run has ended. What must stay true: it takes a bounded time; it
//! writes nothing when the job is somebody else's; whatever goes wrong is said in the run's log and changes no result.

use std::time::Duration;

use super::context::{Ended, StepContext};
use super::{commit, push};

/// For commit and push together. A person waits for the answer to a cancellation.
const LIMIT: Duration = Duration::from_secs(30);

/// Commits and pushes with a subject that tells everybody that it is not finished.
pub(in crate::pipeline) async fn keep_work(context: &mut StepContext<'_>) {
    if !context.state.checkout.as_ref().is_some_and(|checkout| checkout.keep_work) {
        return;
    }
    let deadline = tokio::time::Instant::now() + LIMIT;
    let over = || Box::pin(tokio::time::sleep_until(deadline));
    let text = format!("wip: {}", commit::usual(&context.run.ticket.title, &context.run.ticket.url));
    context.capture.begin_step("the run is cancelled: keeping what is there").await;
    let ended = match commit::carry_out_saying(&text, context, over()).await {
        Ended::Exit(0) => push::carry_out(context, over()).await,
        other => other,
    };
    let line = match ended {
        Ended::Exit(0) | Ended::NoChange => return,
        Ended::Refused(why) | Ended::NotStarted(why) => format!("the work could not be kept: {why}\n"),
        _ => "the work could not be kept in time\n".to_owned(),
    };
    context.capture.take(line.as_bytes()).await;
}
