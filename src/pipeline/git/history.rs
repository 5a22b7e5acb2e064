//! From a ticket's branch and its base to the commit where the work begins, and to the files of it.
//!
//! Who calls: `checkout`. All of it happens in the mirror and under its lock. What must stay true: a branch that exists
//! is continued with its base merged in, also one from when the ticket had another title (`earlier`); a conflict names its
//! paths and changes nothing; a mirror that turns out to be broken is made anew, once.

use std::collections::BTreeMap;
use std::path::Path;

use super::call::{Call, Git, Trouble};
use super::changes::Author;
use super::earlier::{self, Owner};
use super::folders::GitFolder;
use super::mirror::{MOST_PACKS, Mirror, Mirrors};
use super::refusal::{Refusal, refusal};
use super::remote::Remote;
use crate::pipeline::remove::remove_tree;
use crate::pipeline::workspace::create_private_dir;

/// Paths of a conflict that are named. Who has more looks at the branch.
const MOST_NAMED: usize = 20;

/// What is asked for.
pub(in crate::pipeline) struct Wanted<'a> {
    /// The ticket's branch, if there is none of an earlier title.
    pub(in crate::pipeline) branch: &'a str,
    /// Whose branch it is.
    pub(in crate::pipeline) owner: Owner<'a>,
    /// The branch to begin from; `None` is the remote's own.
    pub(in crate::pipeline) base: Option<&'a str>,
    /// Who merges.
    pub(in crate::pipeline) author: &'a Author,
    /// The last lines of a merge's message.
    pub(in crate::pipeline) trailer: &'a str,
    /// Where the files go; an empty folder.
    pub(in crate::pipeline) workspace: &'a Path,
    /// The run's own repository, which gets the objects and the index.
    pub(in crate::pipeline) own: &'a GitFolder,
}

/// Where the work begins.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Start {
    /// The branch of the work.
    pub(in crate::pipeline) branch: String,
    /// The branch that the work is to be merged into.
    pub(in crate::pipeline) base: String,
    /// Where that is.
    pub(in crate::pipeline) base_commit: String,
    /// The remote's own branch, if it names one.
    pub(in crate::pipeline) default: Option<String>,
    /// Where the ticket's branch is on the remote; `None` when it is not there.
    pub(in crate::pipeline) known: Option<String>,
    /// Where the work begins.
    pub(in crate::pipeline) commit: String,
}

/// What the remote has.
pub(super) struct Heads {
    default: Option<String>,
    /// By full name.
    pub(super) commits: BTreeMap<String, String>,
}

/// Fetches, merges if need be, and puts the files into the workspace.
pub(in crate::pipeline) async fn begin(
    git: &mut Git<'_>,
    mirrors: &Mirrors,
    remote: &Remote,
    wanted: &Wanted<'_>,
) -> Result<Start, Trouble> {
    let mut mirror = mirrors.take(git, remote).await?;
    let begun = match attempt(git, &mirror, remote, wanted).await {
        Err(Trouble::Failed { errors, .. }) if blames_the_mirror(&errors) => {
            git.say("the mirror may be broken: it is removed, and everything fetched anew").await;
            mirror.renew(remote)?;
            let emptied = remove_tree(wanted.workspace).and_then(|()| create_private_dir(wanted.workspace));
            emptied.map_err(|error| Trouble::file(wanted.workspace, &error))?;
            attempt(git, &mirror, remote, wanted).await
        }
        other => other,
    };
    let start = begun?;
    let linked = wanted.own.link_objects_of(mirror.folder());
    linked.map_err(|error| Trouble::file(wanted.own.path(), &error))?;
    if mirror.packs() > MOST_PACKS {
        // Without, the next one is slower, and tries again.
        let _ = git.call(&Call::on(mirror.folder().path(), &["repack", "-a", "-d", "-q"])).await;
    }
    Ok(start)
}

/// What cannot be the network's, the remote's or the disk's fault.
fn blames_the_mirror(errors: &str) -> bool {
    refusal(errors) == Refusal::Other && !errors.contains("No space left") && !errors.contains("unrelated histories")
}

async fn attempt(git: &mut Git<'_>, mirror: &Mirror, remote: &Remote, wanted: &Wanted<'_>) -> Result<Start, Trouble> {
    let path = mirror.folder().path();
    let heads = look(git, path, remote, wanted).await?;
    let Some(base) = wanted.base.map(str::to_owned).or_else(|| heads.default.clone()) else {
        return Err(Trouble::Refused(format!(
            "{} names no branch of its own: it is empty, or give `base` in the step",
            remote.address()
        )));
    };
    if base == wanted.branch {
        return Err(Trouble::Refused(format!("the base `{base}` is the ticket's own branch")));
    }
    if !heads.commits.contains_key(&full(&base)) {
        return Err(Trouble::Refused(format!("{} has no branch `{base}`", remote.address())));
    }
    let mut has_branch = heads.commits.contains_key(&full(wanted.branch));
    let mut branch = wanted.branch.to_owned();
    if !has_branch && let Some(earlier) = earlier::find(git, (path, remote), &heads, &base, wanted.owner).await? {
        git.say(&format!("going on with {earlier}, from when the ticket had another title")).await;
        (branch, has_branch) = (earlier, true);
    }
    let mut names = vec![full(&base)];
    names.extend(has_branch.then(|| full(&branch)));
    let commits = fetch(git, path, remote, &heads, &names).await?;
    let base_commit = commits[&names[0]].clone();
    let known = names.get(1).map(|name| commits[name].clone());
    let commit = match &known {
        None => base_commit.clone(),
        Some(known) => join(git, (path, remote), wanted, (&branch, known), (&base, &base_commit)).await?,
    };
    let index = wanted.own.index();
    let files = Call::on(path, &["read-tree", "--reset", "-u"]).arg(&commit).work_tree(wanted.workspace).index(&index);
    git.insist(&files.with(remote)).await?;
    Ok(Start { branch, base, base_commit, default: heads.default, known, commit })
}

pub(super) fn full(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// One question to the remote.
async fn look(git: &mut Git<'_>, mirror: &Path, remote: &Remote, wanted: &Wanted<'_>) -> Result<Heads, Trouble> {
    let mut call = Call::on(mirror, &["ls-remote", "--quiet", "--symref", "origin", "HEAD"]);
    for pattern in wanted.owner.patterns() {
        call = call.arg(pattern);
    }
    if let Some(base) = wanted.base {
        call = call.arg(full(base));
    }
    let mut heads = parse_heads(&git.insist(&call.with(remote)).await?.output);
    // Its own branch was not asked for by its name, which was not known.
    if let (Some(default), Some(commit)) = (&heads.default, heads.commits.get("HEAD").cloned()) {
        heads.commits.insert(full(default), commit);
    }
    Ok(heads)
}

fn parse_heads(output: &[u8]) -> Heads {
    let text = String::from_utf8_lossy(output);
    let mut heads = Heads { default: None, commits: BTreeMap::new() };
    for (value, name) in text.lines().filter_map(|line| line.split_once('\t')) {
        match value.strip_prefix("ref: ") {
            Some(target) if name == "HEAD" => heads.default = target.strip_prefix("refs/heads/").map(str::to_owned),
            Some(_) => {}
            None => drop(heads.commits.insert(name.to_owned(), value.to_owned())),
        }
    }
    heads
}

/// Gets what the mirror does not have yet. Returns where the branches are in it.
pub(super) async fn fetch(
    git: &mut Git<'_>,
    mirror: &Path,
    remote: &Remote,
    heads: &Heads,
    names: &[String],
) -> Result<BTreeMap<String, String>, Trouble> {
    let have = refs(git, mirror, names).await?;
    let is_current = names.iter().all(|name| have.get(name).is_some_and(|have| heads.commits.get(name) == Some(have)));
    if is_current {
        return Ok(have);
    }
    let options = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
    let mut call = Call::on(mirror, &options);
    if remote.is_partial() {
        // A server that does not know it says so and sends everything.
        call = call.arg("--filter=blob:none");
    }
    call = call.arg("origin");
    for name in names {
        call = call.arg(format!("+{name}:{name}"));
    }
    git.insist(&call.with(remote)).await?;
    let have = refs(git, mirror, names).await?;
    match names.iter().all(|name| have.contains_key(name)) {
        true => Ok(have),
        false => Err(Trouble::Refused("a branch was removed while it was fetched: run it again".to_owned())),
    }
}

async fn refs(git: &mut Git<'_>, mirror: &Path, names: &[String]) -> Result<BTreeMap<String, String>, Trouble> {
    let mut call = Call::on(mirror, &["for-each-ref", "--format=%(objectname)%09%(refname)"]);
    for name in names {
        call = call.arg(name);
    }
    Ok(parse_heads(&git.call(&call).await?.output).commits)
}

/// The branch with its base merged in.
async fn join(
    git: &mut Git<'_>,
    (mirror, remote): (&Path, &Remote),
    wanted: &Wanted<'_>,
    (branch, known): (&str, &str),
    (base, base_commit): (&str, &str),
) -> Result<String, Trouble> {
    let contains = |older: &str, newer: &str| {
        Call::on(mirror, &["merge-base", "--is-ancestor"]).arg(older).arg(newer).with(remote)
    };
    if git.holds(&contains(base_commit, known)).await? {
        return Ok(known.to_owned());
    }
    if git.holds(&contains(known, base_commit)).await? {
        return Ok(base_commit.to_owned());
    }
    let options = ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"];
    let merge = Call::on(mirror, &options).arg(known).arg(base_commit).with(remote);
    let answer = match git.insist(&merge).await {
        Ok(answer) => answer.output,
        Err(Trouble::Failed { code: 1, output, .. }) if !output.is_empty() => {
            return Err(Trouble::Refused(conflict(&output, branch, base)));
        }
        Err(trouble) => return Err(trouble),
    };
    let tree = String::from_utf8_lossy(&answer).trim_end_matches(['\0', '\n']).to_owned();
    git.say(&format!("merging {base} into {branch}")).await;
    let message = format!("Merge branch '{base}' into {branch}\n\n{}", wanted.trailer);
    let commit = Call::on(mirror, &["commit-tree"]).arg(tree).arg("-p").arg(known).arg("-p").arg(base_commit);
    git.line(&wanted.author.sign(commit.arg("-m").arg(message))).await
}

/// The first field is the tree with the conflicts in it; the rest are paths.
fn conflict(output: &[u8], branch: &str, base: &str) -> String {
    let text = String::from_utf8_lossy(output);
    let paths: Vec<&str> = text.split('\0').skip(1).map(str::trim).filter(|path| !path.is_empty()).collect();
    let named =
        paths.iter().take(MOST_NAMED).map(|path| path.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
    let more = paths.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "`{base}` cannot be merged into `{branch}`: conflict in {named}{more}; merge it by hand, or delete the branch"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_its_paths_and_not_too_many() {
        let few = conflict(b"0123\0a.txt\0b\nc\0", "agent-smith/1", "main");
        assert!(few.contains("conflict in a.txt, b\\nc; merge it"), "{few}");
        let many = format!("0123\0{}", "x\0".repeat(25));
        assert!(conflict(many.as_bytes(), "b", "main").contains(" and 5 more;"));
    }

    #[test]
    fn the_remote_names_its_own_branch() {
        let heads = parse_heads(b"ref: refs/heads/trunk\tHEAD\n12\tHEAD\n34\trefs/heads/x\n");
        assert_eq!(heads.default.as_deref(), Some("trunk"));
        assert_eq!(heads.commits.get("refs/heads/x").map(String::as_str), Some("34"));
    }
}
