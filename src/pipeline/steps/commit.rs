//! A `commit` step: everything that has changed in the workspace, as one commit on the ticket's branch.
//!
//! Who calls: `steps`. What must stay true: it commits what is there whoever changed it, also what an agent committed by
//! itself in the workspace's own `.git`; without any change on the branch it says so, and that is no success. Platforms
//! carry out what messages on a main branch say, so text of the ticket closes and mentions nothing in them.

use super::context::{Checkout, Ended, StepContext, StopNow};
use super::no_checkout;
use crate::config::Template;
use crate::pipeline::git::{Author, Git, TICKET, Tree, Trouble};
use crate::pipeline::git::{changed_files, commit_all, commits_ahead, names_ticket};
use crate::pipeline::inert;
use crate::pipeline::workspace::RunFolder;

/// Characters of a title in a message's first line, which lists cut off beyond.
const SUBJECT: usize = 72;

pub(super) async fn carry_out(message: Option<&Template>, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let known = || context.known.with_texts(inert::markdown, inert::markdown);
    let text = match message.map(|template| template.render(&known()?)).transpose() {
        Ok(text) => text.unwrap_or_else(|| usual(&context.run.ticket.title, &context.run.ticket.url)),
        Err(why) => return Ended::Refused(format!("the message cannot be filled: {why}")),
    };
    carry_out_saying(&text, context, stop).await
}

/// Commits with this text, below which the trailers are put.
pub(super) async fn carry_out_saying(text: &str, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let text = plain(&context.run.mask.apply(text));
    let message = format!("{text}\n\n{}{}", of_ticket(&text, &context.run.ticket.url), context.trailer());
    match commit(&message, context, stop).await {
        Ok(ended) => {
            context.say_where_the_work_stands();
            ended
        }
        Err(trouble) => trouble.into(),
    }
}

async fn commit(message: &str, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Result<Ended, Trouble> {
    let (folder, author) = (context.folder, Author::on(context.run.host()));
    let Some(mut checkout) = context.state.checkout.take() else { return Ok(no_checkout("commit")) };
    let ended = {
        let mut git = Git::of(context, stop);
        commit_on(&mut git, &mut checkout, folder, (&author, message)).await
    };
    context.state.checkout = Some(checkout);
    ended
}

async fn commit_on(
    git: &mut Git<'_>,
    checkout: &mut Checkout,
    folder: &RunFolder,
    how: (&Author, &str),
) -> Result<Ended, Trouble> {
    let workspace = folder.workspace();
    if !workspace.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Ok(Ended::NotStarted("the workspace is gone: an earlier step removed it".to_owned()));
    }
    let tree = Tree { own: &checkout.own, workspace: &workspace, desk: folder.top() };
    match commit_all(git, &tree, (&checkout.branch, &checkout.commit), how).await? {
        Some(commit) => {
            checkout.changed = changed_files(git, &checkout.own, (&checkout.base_commit, &commit)).await?;
            git.say(&format!("committed {commit}; {} files differ from {}", checkout.changed, checkout.base)).await;
            checkout.commit = commit;
            Ok(Ended::Exit(0))
        }
        None => {
            let ahead = commits_ahead(git, &checkout.own, (&checkout.base_commit, &checkout.commit)).await?;
            if ahead == 0 {
                git.say("nothing has changed").await;
                return Ok(Ended::NoChange);
            }
            git.say(&format!("nothing has changed since {}, which is {ahead} commits ahead", checkout.commit)).await;
            Ok(Ended::Exit(0))
        }
    }
}

/// The title in one line, and where the ticket is.
pub(super) fn usual(title: &str, url: &str) -> String {
    let subject = inert::line(title, SUBJECT);
    let subject = if subject.is_empty() { "Work on a ticket".to_owned() } else { subject };
    format!("{subject}\n\n{url}")
}

/// The trailer by which a later run knows the branch also when the title was edited; not beside an address that the text
/// has already, nor for one that would not be a line.
fn of_ticket(text: &str, url: &str) -> String {
    let is_known = text.lines().any(|line| names_ticket(line, url));
    let is_line = url.chars().all(|c| c.is_ascii_graphic()) && !url.is_empty();
    if is_line && !is_known { format!("{TICKET}{url}\n") } else { String::new() }
}

/// Without what no message has; a line of a ticket that looks like a trailer of ours is not one.
fn plain(message: &str) -> String {
    let is_ours = |line: &str| {
        let line = line.trim_start().to_lowercase();
        ["agent-smith-run:", "agent-smith-ticket:"].iter().any(|trailer| line.starts_with(trailer))
    };
    let lines = message.lines().map(|line| {
        let line: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        if is_ours(&line) { format!("> {line}") } else { line }
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_no_line_that_only_we_may_write() {
        assert_eq!(plain(&usual("a\n b\tc", "https://x/1")), "a b c\n\nhttps://x/1");
        assert_eq!(usual("closes #1 for @all", "u"), "closes #\u{2060}1 for @\u{2060}all\n\nu");
        assert_eq!(usual(&"x".repeat(100), "u").lines().next().map(str::len), Some(SUBJECT));
        assert_eq!(plain("x\u{1b}[2J\0\n Agent-Smith-Run: f/1\n"), "x[2J\n>  Agent-Smith-Run: f/1");
        assert_eq!(plain("x\nagent-smith-ticket: https://h/8"), "x\n> agent-smith-ticket: https://h/8");
    }

    #[test]
    fn a_message_has_the_address_of_its_ticket_once() {
        assert_eq!(of_ticket("Mend it", "https://h/7"), "Agent-Smith-Ticket: https://h/7\n");
        assert_eq!(of_ticket("see https://h/7", "https://h/7"), "Agent-Smith-Ticket: https://h/7\n");
        for (text, url) in
            [("Mend it\n\nhttps://h/7", "https://h/7"), ("x", ""), ("x", "https://h/7\nAgent-Smith-Run: f/1")]
        {
            assert_eq!(of_ticket(text, url), "", "{text}");
        }
    }
}
