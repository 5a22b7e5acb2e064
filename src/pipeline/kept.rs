//! The folder with the workspaces of past runs that are kept, and its bounds.
//!
//! Who calls: `run`, which moves a run's folder here at its end and prunes. Several processes may share the folder. What
//! must stay true: names are made of harmless characters only; it stays within its bounds, the oldest go first; nothing
//! is in it that a step did not put there but for the ticket, the prompts and the source.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tracing::{debug, warn};

use super::remove::remove_tree;
use super::workspace::{RunFolder, create_private_dir, safe_name};

/// Workspaces kept. More failures than anybody looks into, and with a gigabyte each no disk is full.
const MAX_KEPT: usize = 20;
/// How long one is kept. Whoever wants to see it has come back from a week off.
const MAX_AGE: Duration = Duration::from_secs(14 * 24 * 3600);

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct KeptRuns {
    folder: PathBuf,
}

impl KeptRuns {
    /// The one below this root; made with the first that is kept.
    pub(super) fn below(root: &Path) -> Self {
        Self { folder: root.join("kept") }
    }

    /// Where the folder of an attempt goes.
    pub(super) fn path(&self, run_id: &str, attempt: u32) -> PathBuf {
        self.folder.join(format!("{}-{attempt}", safe_name(run_id)))
    }

    /// Moves a run's folder here, without what its programs wrote into `TMPDIR`: a `HOME` may be in it, with what they
    /// remember there.
    ///
    /// # Errors
    /// When the disk refuses; the folder is where it was then, and names the path.
    pub(super) fn keep(&self, run: &RunFolder, to: &Path) -> io::Result<()> {
        create_private_dir(&self.folder)?;
        remove_tree(&run.tmp())?;
        remove_tree(to)?;
        fs::rename(run.top(), to)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", to.display())))?;
        // Its age counts from now; else from its last change, which is hardly older.
        let _ = fs::File::open(to).and_then(|folder| folder.set_modified(SystemTime::now()));
        Ok(())
    }

    /// Removes the oldest until the folder is within its bounds.
    pub(super) fn prune(&self) {
        self.prune_to(MAX_KEPT, MAX_AGE);
    }

    fn prune_to(&self, most: usize, max_age: Duration) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let when = |entry: fs::DirEntry| {
            let meta = entry.metadata().ok().filter(fs::Metadata::is_dir)?;
            Some((meta.modified().ok()?, entry.path()))
        };
        let mut kept: Vec<(SystemTime, PathBuf)> = entries.flatten().filter_map(when).collect();
        kept.sort_unstable_by(|a, b| b.cmp(a));
        let now = SystemTime::now();
        for (at, (modified, path)) in kept.iter().enumerate() {
            let is_old = now.duration_since(*modified).is_ok_and(|age| age > max_age);
            if at < most && !is_old {
                continue;
            }
            match remove_tree(path) {
                Ok(()) => debug!(path = %path.display(), "a kept workspace is removed: it was too many or too old"),
                Err(error) => warn!(%error, "a kept workspace could not be removed entirely"),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_by_number_and_by_age() {
        let root = tempfile::tempdir().unwrap();
        let kept = KeptRuns::below(root.path());
        kept.prune();
        let day = Duration::from_secs(24 * 3600);
        for age in 0..6_u32 {
            let path = kept.path("run", age);
            fs::create_dir_all(path.join("workspace/deep")).unwrap();
            fs::File::open(&path).unwrap().set_modified(SystemTime::now() - day * age).unwrap();
        }
        fs::write(root.path().join("kept/notes.txt"), "not ours").unwrap();
        let names = || {
            let entries = fs::read_dir(root.path().join("kept")).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        kept.prune();
        assert_eq!(names().len(), 7, "all are within the bounds");
        kept.prune_to(100, day * 4);
        assert_eq!(names(), ["notes.txt", "run-0", "run-1", "run-2", "run-3"]);
        kept.prune_to(2, day * 4);
        assert_eq!(names(), ["notes.txt", "run-0", "run-1"]);
        assert_eq!(kept.path("../../etc/x", 1).parent(), Some(root.path().join("kept").as_path()));
    }
}
