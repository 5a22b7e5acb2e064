//! The repositories that we make ourselves, file by file: a mirror, a run's own, and the one in its workspace.
//!
//! Who calls: `mirror`, `checkout`. Written by hand, after git's own description of a repository's layout, because that
//! is a few files and starts no program that would read what lies about. What must stay true: a folder of ours has no
//! hooks, no attributes, no excludes and a configuration of a few known lines whenever git is called on it.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::remote::Remote;
use crate::pipeline::remove::remove_tree;
use crate::pipeline::workspace::create_private_dir;

/// The user's configuration for a call to a repository on this machine, which may belong to another user: that the file
/// names it is trust enough. Git hands it to the program at the other end, as it does not with the environment's.
pub(super) const TRUSTING: &str = "trusting-config";

/// A bare repository of ours.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct GitFolder {
    path: PathBuf,
    partial: bool,
}

impl GitFolder {
    /// The repository at this path, which is made if it is not there, and made harmless if it is.
    pub(in crate::pipeline) fn open(path: PathBuf, remote: &Remote) -> io::Result<Self> {
        let folder = Self { path, partial: remote.is_partial() };
        for part in ["objects/pack", "objects/info", "refs/heads"] {
            create_private_dir(&folder.path.join(part))?;
        }
        if !folder.path.join("HEAD").exists() {
            folder.write("HEAD", "ref: refs/heads/main\n")?;
        }
        folder.make_harmless()?;
        Ok(folder)
    }

    /// Where it is.
    pub(in crate::pipeline) fn path(&self) -> &Path {
        &self.path
    }

    /// Its index.
    pub(in crate::pipeline) fn index(&self) -> PathBuf {
        self.path.join("index")
    }

    /// Puts a branch at a commit, and makes it the current one.
    pub(in crate::pipeline) fn set_branch(&self, branch: &str, commit: &str) -> io::Result<()> {
        let reference = format!("refs/heads/{branch}");
        if let Some(parent) = self.path.join(&reference).parent() {
            create_private_dir(parent)?;
        }
        self.write(&reference, &format!("{commit}\n"))?;
        self.write("HEAD", &format!("ref: {reference}\n"))
    }

    /// Takes back what somebody may have changed since we wrote it.
    pub(in crate::pipeline) fn make_harmless(&self) -> io::Result<()> {
        for part in ["hooks", "info", "config.worktree", "commondir", "objects/info/alternates"] {
            remove_tree(&self.path.join(part))?;
        }
        self.write(TRUSTING, "[safe]\n\tdirectory = *\n")?;
        self.write("config", &config(true, self.partial))
    }

    /// Gives this repository every object of another by hard links; copies where the file system has none.
    pub(super) fn link_objects_of(&self, other: &Self) -> io::Result<()> {
        for folder in fs::read_dir(other.path.join("objects"))?.flatten() {
            let name = folder.file_name();
            let is_loose = name.len() == 2;
            if !is_loose && name != "pack" {
                continue;
            }
            let own = self.path.join("objects").join(&name);
            create_private_dir(&own)?;
            for file in fs::read_dir(folder.path())?.flatten() {
                if !file.file_name().to_string_lossy().starts_with("tmp_") {
                    link(&file.path(), &own.join(file.file_name()))?;
                }
            }
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        replace(&self.path.join(name), text)
    }
}

/// The repository that the agent and the steps see in the workspace. Borrows the objects of the run's own, and is never
/// read by us.
pub(in crate::pipeline) fn make_workspace(
    workspace: &Path,
    own: &GitFolder,
    remote: &Remote,
    (branch, commit): (&str, &str),
    (base, base_commit): (&str, &str),
) -> io::Result<()> {
    let git = workspace.join(".git");
    let heads = Path::new("refs/heads").join(branch);
    let upstream = Path::new("refs/remotes/origin").join(base);
    for part in
        ["objects/info", "objects/pack"].map(Path::new).into_iter().chain(heads.parent()).chain(upstream.parent())
    {
        create_private_dir(&git.join(part))?;
    }
    // From here to the run's own, which lies beside: so it holds when both are kept and moved.
    replace(&git.join("objects/info/alternates"), "../../../git/objects\n")?;
    replace(&git.join("HEAD"), format!("ref: refs/heads/{branch}\n"))?;
    replace(&git.join(heads), format!("{commit}\n"))?;
    replace(&git.join(upstream), format!("{base_commit}\n"))?;
    let partial = if own.partial { "\tpromisor = true\n\tpartialclonefilter = blob:none\n" } else { "" };
    let origin = format!(
        "[remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{partial}",
        quoted(&remote.address())
    );
    replace(&git.join("config"), config(false, own.partial) + &origin)?;
    fs::copy(own.index(), git.join("index")).map(drop)
}

fn config(bare: bool, partial: bool) -> String {
    let (version, extension) = if partial { (1, "[extensions]\n\tpartialClone = origin\n") } else { (0, "") };
    format!("[core]\n\trepositoryformatversion = {version}\n\tbare = {bare}\n{extension}")
}

fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// Writes a file as a whole: what was there, also a link, is replaced and not followed.
pub(in crate::pipeline) fn replace(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".fresh");
    let fresh = PathBuf::from(fresh);
    remove_tree(&fresh)?;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh);
    file.and_then(|mut file| file.write_all(text.as_ref()))
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(_) => fs::copy(from, to).map(drop),
    }
}
