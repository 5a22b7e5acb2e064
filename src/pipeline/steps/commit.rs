//! A `commit` step: everything that has changed in the workspace, as one commit on the ticket's branch.
//!
//! Who calls: `steps`. What must stay true: it commits what is there whoever changed it, also what an agent committed by
//! itself in the workspace's own `.git`; without any change on the branch it says so, and that is no success. Platforms
//! carry out what messages on a main branch say, so text of the ticket closes and mentions nothing in them.

use super::context::{Checkout, Ended, StepContext, StopNow};
use super::no_checkout;
use crate::config::Template;
use crate::pipeline::git::{Author, Git, Tree, Trouble, changed_files, commit_all, commits_ahead};
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

/// Commits with this text, below which the trailer is put.
pub(super) async fn carry_out_saying(text: &str, context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let message = format!("{}\n\n{}", plain(&context.run.mask.apply(text)), context.trailer());
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

/// Without what no message has; a line of a ticket that looks like a trailer of ours is not one.
fn plain(message: &str) -> String {
    let lines = message.lines().map(|line| {
        let line: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        if line.trim_start().to_lowercase().starts_with("agent-smith-run:") { format!("> {line}") } else { line }
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
    }
}
