//! A `checkout` step: the project's source in the workspace, on the ticket's branch.
//!
//! Who calls: `steps`. What must stay true: it begins in an empty workspace, so that nothing that lies there decides
//! where git writes; the ticket's text becomes part of the branch's name and of nothing else.

use std::fs;

use super::context::{Checkout, Ended, StepContext, StopNow};
use crate::pipeline::git::{Author, Git, GitFolder, Mirrors, Owner, Remote, Start, Trouble, Wanted};
use crate::pipeline::git::{begin, branch_of, changed_files, make_workspace};

pub(super) async fn carry_out(
    (base, keep_work): (Option<&str>, bool),
    context: &mut StepContext<'_>,
    stop: StopNow<'_>,
) -> Ended {
    match check_out((base, keep_work), context, stop).await {
        Ok(checkout) => {
            context.state.checkout = Some(checkout);
            context.say_where_the_work_stands();
            Ended::Exit(0)
        }
        Err(trouble) => trouble.into(),
    }
}

async fn check_out(
    (base, keep_work): (Option<&str>, bool),
    context: &mut StepContext<'_>,
    stop: StopNow<'_>,
) -> Result<Checkout, Trouble> {
    let (run, folder, trailer) = (context.run, context.folder, context.trailer());
    let refused = |why: &str| Err(Trouble::Refused(why.to_owned()));
    let Some(source) = &run.hands.source else {
        return refused("the project has no `source`: add it to agentsmith.yml");
    };
    let workspace = folder.workspace();
    let is_empty = fs::read_dir(&workspace).map(|mut entries| entries.next().is_none());
    let is_folder = workspace.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    if context.state.checkout.is_some() || !is_folder || !is_empty.unwrap_or(false) {
        return refused("the workspace is not empty: a checkout comes first, and once");
    }
    let remote = Remote::of(source);
    let own = GitFolder::open(folder.top().join("git"), &remote);
    let own = own.map_err(|error| Trouble::file(folder.top(), &error))?;
    let branch = branch_of(&run.ticket.id, &run.ticket.title);
    let (author, mirrors) = (Author::on(run.host()), Mirrors::below(&run.settings().data_dir));
    let owner = Owner { ticket: &run.ticket.id, url: &run.ticket.url, run_id: &run.job.run_id };
    let wanted =
        Wanted { branch: &branch, owner, base, author: &author, trailer: &trailer, workspace: &workspace, own: &own };
    let mut git = Git::of(context, stop);
    let start = begin(&mut git, &mirrors, &remote, &wanted).await?;
    let (on, from) =
        ((start.branch.as_str(), start.commit.as_str()), (start.base.as_str(), start.base_commit.as_str()));
    let made =
        own.set_branch(&start.branch, &start.commit).and_then(|()| make_workspace(&workspace, &own, &remote, on, from));
    made.map_err(|error| Trouble::file(&workspace, &error))?;
    let changed = changed_files(&mut git, &own, (&start.base_commit, &start.commit)).await?;
    let how = if start.known.is_some() { "continued" } else { "new" };
    git.say(&format!("{} ({how}) at {}, from {} at {}", start.branch, start.commit, start.base, start.base_commit))
        .await;
    // In the background: it may take a while, and nobody waits for it.
    tokio::task::spawn_blocking(move || mirrors.prune());
    let Start { branch, base, base_commit, default, known, commit } = start;
    Ok(Checkout { remote, own, branch, base, base_commit, default, known, commit, changed, keep_work })
}
