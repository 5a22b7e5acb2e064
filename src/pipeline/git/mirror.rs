//! The mirrors of repositories, shared by all runs and processes on one data directory: `<root>/mirrors/<hash>.git`.
//!
//! Who calls: `history`, and `checkout` at its end. A mirror is a partial, bare copy that makes the second checkout fast.
//! It holds nothing that could not be fetched again: whatever is wrong with it, it is removed. What must stay true: it
//! is used under its lock only, which the kernel releases when the process dies; nothing in a run depends on it once
//! the lock is released; number and age of mirrors are bounded.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tracing::{debug, warn};

use super::call::{Git, Trouble};
use super::folders::GitFolder;
use super::remote::Remote;
use crate::pipeline::remove::remove_tree;
use crate::pipeline::workspace::create_private_dir;

/// Mirrors kept: the repositories of a large team. The ones unused for longest go first.
const MOST: usize = 50;
/// How long an unused one is kept.
const LONGEST_UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Between two looks at a lock that somebody else holds, who may be fetching for minutes.
const LOOK: Duration = Duration::from_millis(50);
/// Packs above which they are made one: each fetch adds one, and git looks into all of them.
pub(super) const MOST_PACKS: usize = 40;

/// The folder.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Mirrors {
    folder: PathBuf,
}

/// A mirror that nobody else uses for as long as this lives.
#[derive(Debug)]
pub(super) struct Mirror {
    path: PathBuf,
    folder: GitFolder,
    // Held until the mirror is dropped.
    _lock: File,
}

impl Mirrors {
    /// Below the data directory.
    pub(in crate::pipeline) fn below(root: &Path) -> Self {
        Self { folder: root.join("mirrors") }
    }

    /// Waits for the mirror of a repository, and makes it if it is not there.
    pub(super) async fn take(&self, git: &mut Git<'_>, remote: &Remote) -> Result<Mirror, Trouble> {
        let path = self.folder.join(format!("{}.git", remote.name()));
        let trouble = |error: io::Error| Trouble::file(&path, &error);
        create_private_dir(&self.folder).map_err(trouble)?;
        let lock = open_lock(&path).map_err(trouble)?;
        let mut waited = false;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut waited, true) {
                        git.say("waiting for another run that fetches from the same repository").await;
                    }
                    git.pause(LOOK).await?;
                }
                Err(TryLockError::Error(error)) => return Err(trouble(error)),
            }
        }
        // What says when it was used last.
        let _ = lock.set_modified(SystemTime::now());
        let folder = GitFolder::open(path.clone(), remote).map_err(trouble)?;
        remove_half_fetched(&path);
        Ok(Mirror { path, folder, _lock: lock })
    }

    /// Removes what is beyond the bounds and not in use. Blocks for as long as that takes.
    pub(in crate::pipeline) fn prune(&self) {
        self.prune_to(MOST, LONGEST_UNUSED);
    }

    fn prune_to(&self, most: usize, longest_unused: Duration) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut mirrors: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "git"))
            .filter_map(|path| Some((fs::metadata(lock_of(&path)).ok()?.modified().ok()?, path)))
            .collect();
        mirrors.sort_unstable_by(|a, b| b.cmp(a));
        for (at, (used, path)) in mirrors.into_iter().enumerate() {
            let is_old = used.elapsed().is_ok_and(|age| age > longest_unused);
            if at < most && !is_old {
                continue;
            }
            // The lock's file stays: somebody may wait for it.
            let Ok(lock) = open_lock(&path) else { continue };
            if lock.try_lock().is_ok() {
                debug!(path = %path.display(), "a mirror is removed: there are too many, or it was not used for long");
                if let Err(error) = remove_tree(&path) {
                    warn!(%error, "a mirror could not be removed entirely");
                }
            }
        }
    }
}

impl Mirror {
    /// Its repository.
    pub(super) fn folder(&self) -> &GitFolder {
        &self.folder
    }

    /// Begins anew, after something in it turned out to be broken.
    pub(super) fn renew(&mut self, remote: &Remote) -> Result<(), Trouble> {
        let renewed = remove_tree(&self.path).and_then(|()| GitFolder::open(self.path.clone(), remote));
        self.folder = renewed.map_err(|error| Trouble::file(&self.path, &error))?;
        Ok(())
    }

    /// How many packs it has.
    pub(super) fn packs(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.path.join("objects/pack")) else { return 0 };
        entries.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack")).count()
    }
}

/// A fetch that was killed leaves the beginning of a pack.
fn remove_half_fetched(mirror: &Path) {
    let Ok(entries) = fs::read_dir(mirror.join("objects/pack")) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("tmp_")) {
        let _ = fs::remove_file(entry.path()); // it costs space alone
    }
}

fn lock_of(mirror: &Path) -> PathBuf {
    mirror.with_extension("lock")
}

fn open_lock(mirror: &Path) -> io::Result<File> {
    let options = &mut OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(lock_of(mirror))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_mirrors_unused_for_longest_go_and_never_one_in_use() {
        let root = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::below(root.path());
        fs::create_dir(&mirrors.folder).unwrap();
        let path = |name: &str| mirrors.folder.join(format!("{name}.git"));
        for (age, name) in ["newest", "newer", "older", "oldest"].into_iter().enumerate() {
            fs::create_dir(path(name)).unwrap();
            let used = SystemTime::now() - Duration::from_secs(100 * age as u64);
            open_lock(&path(name)).unwrap().set_modified(used).unwrap();
        }
        let in_use = open_lock(&path("older")).unwrap();
        in_use.try_lock().unwrap();
        mirrors.prune_to(3, Duration::from_secs(1000));
        assert!(!path("oldest").exists() && path("older").exists());
        mirrors.prune_to(3, Duration::from_secs(50));
        assert!(path("newest").exists() && !path("newer").exists() && path("older").exists());
    }
}
