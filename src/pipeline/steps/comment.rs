//! A `comment` step: a text of the pipeline's author on the ticket.
//!
//! Who calls: `steps`. What must stay true: the same step of the same run has one comment, however often the run
//! is broken off and begun again; text of the ticket and what steps have said mention nobody and carry out nothing.

use super::context::{Ended, StepContext, StopNow};
use crate::config::Template;
use crate::pipeline::inert;
use crate::pipeline::report::bounded;
use crate::pipeline::writer::GivenUp;
use crate::platform::{self, Comment, Writing};

pub(super) async fn carry_out(template: &Template, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    // A comment is Markdown on some platforms and text on others: backslashes would show there.
    let known = context.known.with_texts(inert::markdown, inert::markdown);
    let body = match known.and_then(|known| template.render(&known)) {
        Ok(body) => bounded(context.run.mask.apply(&body)),
        Err(why) => return Ended::Refused(format!("the template cannot be filled: {why}")),
    };
    let hands = &context.run.hands;
    let marker = format!("run {} step {}", context.run.job.run_id, context.index + 1);
    let fresh = Comment::new(marker, body);
    let again = fresh.clone().writing(Writing::NewOrEdit);
    let mut tried = context.run.attempt > 1;
    let right = hands.writer.right();
    let write = || {
        let comment = if std::mem::replace(&mut tried, true) { &again } else { &fresh };
        hands.platform.comment(right, comment)
    };
    tokio::select! {
        written = hands.writer.insist(write) => ended(written),
        () = stop => Ended::Stopped,
    }
}

/// How a step ends whose write has come to this.
pub(super) fn ended<T>(written: Result<T, GivenUp>) -> Ended {
    let refused = |error: platform::Error| Ended::Refused(error.to_string());
    match written {
        Ok(_) => Ended::Exit(0),
        Err(GivenUp::LeaseLost) => Ended::Expired,
        Err(GivenUp::Shutdown) => Ended::Stopped,
        Err(GivenUp::Later(_, error) | GivenUp::Refused(error)) => refused(error),
    }
}
