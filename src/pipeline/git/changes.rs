//! What has changed in a workspace, as a commit in the run's own repository.
//!
//! Who calls: `commit`, and `checkout` for the author. What must stay true: no program is started on account of what
//! the workspace holds, and no `.git` in it is read as a repository's (see the room's own words).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::call::{Call, Git, Trouble};
use super::folders::{GitFolder, replace};
use crate::pipeline::supervise::client::ANSWER_LIMIT;

/// The name in our commits. Not configurable yet: it tells a reader of the history what made the commit, and a name
/// that people choose would sooner or later be a person's.
pub(in crate::pipeline) const AUTHOR: &str = "agent-smith";

/// Who commits.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Author {
    address: String,
}

impl Author {
    /// On this machine.
    pub(in crate::pipeline) fn on(host: &str) -> Self {
        let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect();
        Self { address: format!("{AUTHOR}@{}", if host.is_empty() { "localhost" } else { &host }) }
    }

    /// As the author of what a call commits.
    pub(super) fn sign<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.variable("GIT_AUTHOR_NAME", AUTHOR)
            .variable("GIT_AUTHOR_EMAIL", &self.address)
            .variable("GIT_COMMITTER_NAME", AUTHOR)
            .variable("GIT_COMMITTER_EMAIL", &self.address)
    }
}

/// A run's own repository and what belongs to it.
pub(in crate::pipeline) struct Tree<'a> {
    /// The repository.
    pub(in crate::pipeline) own: &'a GitFolder,
    /// The files.
    pub(in crate::pipeline) workspace: &'a Path,
    /// A folder for what is handed to git.
    pub(in crate::pipeline) desk: &'a Path,
}

/// Commits everything that differs from `parent` on top of it, with the message. `None` when nothing does.
pub(in crate::pipeline) async fn commit_all(
    git: &mut Git<'_>,
    tree: &Tree<'_>,
    (branch, parent): (&str, &str),
    (author, message): (&Author, &str),
) -> Result<Option<String>, Trouble> {
    let own = tree.own.path();
    tree.own.make_harmless().map_err(|error| Trouble::file(own, &error))?;
    stage(git, tree).await?;
    let written = git.line(&Call::on(own, &["write-tree"])).await?;
    if written == git.line(&Call::on(own, &["rev-parse", "--verify"]).arg(format!("{parent}^{{tree}}"))).await? {
        return Ok(None);
    }
    let file = tree.desk.join("commit-message");
    replace(&file, message).map_err(|error| Trouble::file(&file, &error))?;
    let commit = Call::on(own, &["commit-tree"]).arg(written).arg("-p").arg(parent).arg("-F").arg(&file);
    let commit = git.line(&author.sign(commit)).await?;
    tree.own.set_branch(branch, &commit).map_err(|error| Trouble::file(own, &error))?;
    Ok(Some(commit))
}

/// Takes into the index what was added, changed or removed, but for what `.gitignore` leaves out.
async fn stage(git: &mut Git<'_>, tree: &Tree<'_>) -> Result<(), Trouble> {
    let options = ["ls-files", "-z", "--others", "--modified", "--deleted", "--exclude-standard"];
    let listed = git.call(&Call::on(tree.own.path(), &options).work_tree(tree.workspace)).await?.output;
    if listed.len() >= ANSWER_LIMIT {
        let why = "too many files have changed: is a folder with the results of a build missing in .gitignore?";
        return Err(Trouble::Refused(why.to_owned()));
    }
    let (mut paths, mut gone, mut known) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for path in listed.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        if is_repository(tree.workspace, path) {
            let name = String::from_utf8_lossy(path).escape_debug().to_string();
            git.say(&format!("left out: {name} is a repository of its own")).await;
        } else if is_beyond_a_file(tree.workspace, path, &mut known) {
            gone.insert(path);
        } else {
            paths.insert(path);
        }
    }
    // Git looks for what is to go, and refuses to look beyond a link.
    update_index(git, tree, &["--force-remove"], gone).await?;
    // A file takes the place of what was below a folder of its name.
    update_index(git, tree, &["--add", "--remove", "--replace"], paths).await
}

async fn update_index(
    git: &mut Git<'_>,
    tree: &Tree<'_>,
    options: &[&str],
    paths: BTreeSet<&[u8]>,
) -> Result<(), Trouble> {
    if paths.is_empty() {
        return Ok(());
    }
    // In the order of their names: a file that gave way to a folder goes before what is in that comes.
    let list: Vec<u8> = paths.into_iter().flat_map(|path| path.iter().copied().chain([0])).collect();
    let file = tree.desk.join("changed-paths");
    replace(&file, &list).map_err(|error| Trouble::file(&file, &error))?;
    let arguments = [&["update-index", "-z"], options, &["--stdin"]].concat();
    let update = Call::on(tree.own.path(), &arguments);
    git.call(&update.work_tree(tree.workspace).input(&file)).await.map(drop)
}

/// Whether a folder on its way has given way to a file or a link.
fn is_beyond_a_file<'p>(workspace: &Path, path: &'p [u8], known: &mut BTreeMap<&'p [u8], bool>) -> bool {
    let is_file = |folder: &[u8]| {
        let meta = workspace.join(OsStr::from_bytes(folder)).symlink_metadata();
        meta.is_ok_and(|meta| !meta.is_dir())
    };
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.map(|at| &path[..at]).any(|folder| *known.entry(folder).or_insert_with(|| is_file(folder)))
}

/// A folder with a repository in it: one that lies about is listed with a slash at its end, a submodule without. A
/// folder in the place of a file is neither.
fn is_repository(workspace: &Path, path: &[u8]) -> bool {
    if path.ends_with(b"/") {
        return true;
    }
    let path = workspace.join(OsStr::from_bytes(path));
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) && path.join(".git").symlink_metadata().is_ok()
}

/// How many commits the work is ahead of its base.
pub(in crate::pipeline) async fn commits_ahead(
    git: &mut Git<'_>,
    own: &GitFolder,
    (base, commit): (&str, &str),
) -> Result<u64, Trouble> {
    let count = git.line(&Call::on(own.path(), &["rev-list", "--count"]).arg(format!("{base}..{commit}"))).await?;
    count.parse().map_err(|_| Trouble::Refused(format!("git counts `{count}` commits")))
}

/// How many files differ between two commits.
pub(in crate::pipeline) async fn changed_files(
    git: &mut Git<'_>,
    own: &GitFolder,
    (base, commit): (&str, &str),
) -> Result<usize, Trouble> {
    let options = ["diff-tree", "-r", "-z", "--name-only", "--no-renames"];
    let listed = git.call(&Call::on(own.path(), &options).arg(base).arg(commit)).await?.output;
    Ok(listed.iter().filter(|byte| **byte == 0).count())
}
