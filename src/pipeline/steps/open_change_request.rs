//! An `open_change_request` step: a pull or merge request for the ticket's branch.
//!
//! Who calls: `steps`. What must stay true: for one branch one change request is open, however often the run is broken
//! off and begun again; it is never asked for a branch that is not ours; text of the ticket is shown in it and does
//! nothing.

use super::comment::ended;
use super::context::{Checkout, Ended, StepContext, StopNow};
use super::{no_checkout, push};
use crate::config::{self, Source};
use crate::pipeline::inert;
use crate::pipeline::outcome::{ChangeRequestLink, StepOutcome, StepReport, duration_in_words};
use crate::pipeline::report::{inline_code, plain_url};
use crate::platform;
use crate::ticket::PlatformKind;

pub(super) async fn carry_out(
    wanted: &config::ChangeRequest,
    context: &mut StepContext<'_>,
    stop: StopNow<'_>,
) -> Ended {
    let hands = &context.run.hands;
    let Some(checkout) = &context.state.checkout else { return no_checkout("open_change_request") };
    let Some(forge) = &hands.forge else { return Ended::Refused(without_forge(hands.source.as_ref())) };
    if let Some(why) = not_ready(checkout) {
        return Ended::Refused(why);
    }
    let request = match request(wanted, checkout, forge.kind(), context) {
        Ok(request) => request,
        Err(why) => return Ended::Refused(why),
    };
    let right = hands.writer.right();
    let opened = tokio::select! {
        opened = hands.writer.insist(|| forge.open_change_request(right, &request)) => opened,
        () = stop => return Ended::Stopped,
    };
    if let Ok(open) = &opened {
        let line = format!("change request {}: {}\n", open.number, open.url);
        context.capture.take(line.as_bytes()).await;
        let pairs = [("url", open.url.clone()), ("number", open.number.to_string())];
        context.outputs.extend(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)));
        context.state.change_request = Some(ChangeRequestLink { url: open.url.clone(), number: open.number });
    }
    ended(opened)
}

fn without_forge(source: Option<&Source>) -> String {
    match source {
        None => "the project has no `source`: add it to agentsmith.yml".to_owned(),
        Some(Source::Local(_)) => "the `source` is a directory on this machine, which has no change requests: they \
                                   need a source of type GitHub, GitLab or AzureRepos"
            .to_owned(),
        Some(Source::Remote { url, .. }) => {
            format!(
                "the `source` {url} is not the address of a repository's page, so its API is not known: correct `url`"
            )
        }
    }
}

fn not_ready(checkout: &Checkout) -> Option<String> {
    let Checkout { base_commit, known, .. } = checkout;
    push::forbidden(checkout).or(match known {
        None => Some("the branch is not on the remote: a `push` step comes before it".to_owned()),
        Some(commit) if commit == base_commit => Some("the branch has nothing that its base has not".to_owned()),
        Some(_) => None,
    })
}

fn request(
    wanted: &config::ChangeRequest,
    checkout: &Checkout,
    host: PlatformKind,
    context: &StepContext<'_>,
) -> Result<platform::ChangeRequest, String> {
    let (run, ticket) = (context.run, &context.run.ticket);
    let unfilled = |why| format!("the template cannot be filled: {why}");
    let title = match &wanted.title {
        Some(template) => template.render(&context.known).map_err(unfilled)?,
        None => ticket.title.clone(),
    };
    let own = match &wanted.body {
        Some(template) => {
            let known = context.known.with_texts(inert::text, inert::markdown)?;
            format!("{}\n\n", template.render(&known).map_err(unfilled)?.trim_end())
        }
        None => String::new(),
    };
    let body = format!("{own}{}", facts(checkout, host, context));
    let tolerated = context.done.iter().any(|step| step.outcome == StepOutcome::Tolerated);
    Ok(platform::ChangeRequest {
        branch: checkout.branch.clone(),
        base: checkout.base.clone(),
        title: inert::title(&run.mask.apply(&title), &ticket.id),
        body: run.mask.apply(&body),
        run: format!("{}/{}", run.job.run_id, run.hands.writer.right().epoch),
        draft: wanted.draft || tolerated,
    })
}

/// Where the ticket is, what was done and by which run.
fn facts(checkout: &Checkout, host: PlatformKind, context: &StepContext<'_>) -> String {
    let (run, ticket) = (context.run, &context.run.ticket);
    let link = format!("Ticket: <{}>{}", plain_url(&ticket.url), reference(run.job.key.platform, host, &ticket.id));
    let files = match checkout.changed {
        1 => "One file differs".to_owned(),
        count => format!("{count} files differ"),
    };
    let summary = format!(
        "{}\n\nagent-smith ran pipeline {} for it. {files} from {}.",
        // In a code span too: whoever looks for closing words need not read Markdown first.
        inline_code(&inert::title(&ticket.title, &ticket.id)),
        inline_code(&run.pipeline.name),
        inline_code(&checkout.base)
    );
    let rows: String = context.done.iter().map(row).collect();
    let table = if rows.is_empty() { rows } else { format!("| Step | Took | Result |\n|---|---|---|\n{rows}\n") };
    let who =
        format!("Run {}, attempt {}, host {}.", inline_code(&run.job.run_id), run.attempt, inline_code(run.host()));
    format!("{link}\n\n{summary}\n\n{table}{who}")
}

/// What makes the host show that the two belong together, where an address does not.
fn reference(tickets: PlatformKind, host: PlatformKind, ticket: &str) -> String {
    match (tickets, host) {
        (PlatformKind::AzureDevOps, PlatformKind::AzureDevOps) => format!(" (#{ticket})"),
        (PlatformKind::AzureDevOps, _) => format!(" (AB#{ticket})"),
        (PlatformKind::Jira, _) => format!(" ({ticket})"),
        (PlatformKind::GitHub | PlatformKind::GitLab, _) => String::new(),
    }
}

fn row(step: &StepReport) -> String {
    let result = match step.outcome {
        StepOutcome::Done => "done",
        StepOutcome::Failed => "**failed**",
        StepOutcome::Tolerated => "**failed**, tolerated",
        StepOutcome::Skipped => "skipped",
        StepOutcome::NotReached => "not reached",
    };
    let title: String = step.title.chars().take(80).collect();
    // A bar ends a cell, also in code.
    format!("| {} | {} | {result} |\n", inline_code(&title).replace('|', "\\|"), duration_in_words(step.duration))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_step_cannot_leave_its_cell() {
        let step =
            StepReport { title: "a | b `x`".into(), outcome: StepOutcome::Done, duration: Duration::from_secs(2) };
        assert_eq!(row(&step), "| `` a \\| b `x` `` | 2 s | done |\n");
    }

    #[test]
    fn a_work_item_is_referred_to_in_the_words_of_the_host() {
        use PlatformKind::{AzureDevOps, GitHub, Jira};
        assert_eq!(reference(AzureDevOps, AzureDevOps, "7"), " (#7)");
        assert_eq!(reference(AzureDevOps, GitHub, "7"), " (AB#7)");
        assert_eq!(reference(Jira, GitHub, "P-7"), " (P-7)");
        assert_eq!(reference(GitHub, GitHub, "7"), "");
    }
}
