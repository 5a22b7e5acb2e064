//! A `push` step: the ticket's branch to the remote.
//!
//! Who calls: `steps`. What must stay true: only our own branch is ever written, and only over the commit that we know
//! it to be at; whoever has lost the job in the meantime writes nothing; what was pushed is what `commit` made.

use std::time::Duration;

use super::context::{Checkout, Ended, StepContext, StopNow};
use super::no_checkout;
use crate::pipeline::git::{Call, Git, PREFIX, Refusal, Trouble, refusal};
use crate::pipeline::writer::Writer;

/// Attempts when the network or the remote failed; the epoch is asked for before each.
const ATTEMPTS: u32 = 4;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn carry_out(context: &mut StepContext<'_>, stop: StopNow<'_>) -> Ended {
    let writer = &context.run.hands.writer;
    let Some(mut checkout) = context.state.checkout.take() else { return no_checkout("push") };
    let ended = {
        let mut git = Git::of(context, stop);
        push(&mut git, &mut checkout, writer).await
    };
    context.state.checkout = Some(checkout);
    match ended {
        Ok(ended) => {
            context.say_where_the_work_stands();
            ended
        }
        Err(trouble) => trouble.into(),
    }
}

async fn push(git: &mut Git<'_>, checkout: &mut Checkout, writer: &Writer) -> Result<Ended, Trouble> {
    if let Some(why) = forbidden(checkout) {
        return Ok(Ended::Refused(why));
    }
    if checkout.commit == checkout.base_commit {
        return Ok(Ended::Refused("there is nothing to push: no `commit` step has committed anything".to_owned()));
    }
    if checkout.known.as_ref() == Some(&checkout.commit) {
        git.say(&format!("{} is on the remote already", checkout.branch)).await;
        return Ok(Ended::Exit(0));
    }
    checkout.own.make_harmless().map_err(|error| Trouble::Refused(error.to_string()))?;
    let reference = format!("refs/heads/{}", checkout.branch);
    let lease = format!("--force-with-lease={reference}:{}", checkout.known.as_deref().unwrap_or_default());
    let what = format!("{}:{reference}", checkout.commit);
    let options = ["push", "--porcelain", "--no-verify", "--no-follow-tags", &lease, "origin", &what];
    let own = checkout.own.path().to_owned();
    let call = Call::on(&own, &options).with(&checkout.remote);
    for attempt in 1.. {
        if !writer.still_ours().await {
            return Ok(Ended::Expired);
        }
        match git.call(&call).await {
            Ok(_) => break,
            Err(Trouble::Failed { errors, .. }) if attempt < ATTEMPTS && refusal(&errors) == Refusal::Temporary => {
                git.pause(PAUSE).await?;
            }
            // An answer that was lost on its way makes even the transport ask twice, and the second time is refused.
            Err(Trouble::Failed { .. }) if is_there(git, checkout, &reference).await? => break,
            Err(Trouble::Failed { output, told, .. }) => {
                return Ok(Ended::Refused(rejection(&output, &checkout.branch).unwrap_or(told)));
            }
            Err(trouble) => return Err(trouble),
        }
    }
    git.say(&format!("pushed {} at {}", checkout.branch, checkout.commit)).await;
    checkout.known = Some(checkout.commit.clone());
    Ok(Ended::Exit(0))
}

/// Whether the remote's branch is where the push was to bring it.
async fn is_there(git: &mut Git<'_>, checkout: &Checkout, reference: &str) -> Result<bool, Trouble> {
    let options = ["ls-remote", "--quiet", "origin", reference];
    match git.line(&Call::on(checkout.own.path(), &options).with(&checkout.remote)).await {
        Ok(listed) => Ok(listed.split_whitespace().next() == Some(&checkout.commit)),
        Err(Trouble::Failed { .. }) => Ok(false),
        Err(trouble) => Err(trouble),
    }
}

/// Why a branch is not ours to write.
fn forbidden(checkout: &Checkout) -> Option<String> {
    let Checkout { branch, base, default, .. } = checkout;
    let is_ours = branch.starts_with(PREFIX) && branch != base && Some(branch) != default.as_ref();
    (!is_ours)
        .then(|| format!("`{branch}` is never pushed to: it is not a branch of a ticket, or work is merged into it"))
}

/// What the remote says of the one reference, if it says anything.
fn rejection(output: &[u8], branch: &str) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().find(|line| line.starts_with('!'))?;
    let why = line.rsplit('\t').next().unwrap_or(line).trim();
    if why.contains("stale info") || why.contains("fetch first") || why.contains("non-fast-forward") {
        return Some(format!(
            "somebody else has pushed to `{branch}` since it was checked out, so nothing was pushed: run it again to \
             continue from there"
        ));
    }
    Some(format!("the remote rejects `{branch}`: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_is_told_in_words() {
        let stale = b"To http://h/o/r.git\n!\t12:refs/heads/agent-smith/1\t[rejected] (stale info)\nDone\n";
        assert!(rejection(stale, "agent-smith/1").is_some_and(|why| why.contains("somebody else has pushed")));
        let hook = b"!\t12:refs/heads/x\t[remote rejected] (pre-receive hook declined)\n";
        assert!(rejection(hook, "x").is_some_and(|why| why.ends_with("(pre-receive hook declined)")));
        assert_eq!(rejection(b"To h\n", "x"), None);
    }
}
