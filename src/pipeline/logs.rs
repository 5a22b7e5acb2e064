//! The folder with the logs of past runs, and its bounds.
//!
//! Who calls: `run`, which opens a log at the start of a run and prunes the folder at its end. Several processes may
//! share the folder. What must stay true: names are made of harmless characters only; the folder stays within its
//! bounds, the oldest logs go first.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::debug;

use super::capture;
use super::workspace::{create_private_dir, safe_name};

/// Logs kept. At a run every ten minutes, a week.
const MAX_LOGS: usize = 1000;
/// Bytes kept of all logs together: 64 runs that filled theirs, or all of [`MAX_LOGS`] at the usual size.
const MAX_BYTES: u64 = 64 * capture::LOG_LIMIT;

/// Where the log of an attempt is that ran with this data directory.
pub fn log_path(data_dir: &Path, run_id: &str, attempt: u32) -> PathBuf {
    file(&folder(data_dir), run_id, attempt)
}

fn folder(root: &Path) -> PathBuf {
    root.join("logs")
}

fn file(folder: &Path, run_id: &str, attempt: u32) -> PathBuf {
    folder.join(format!("{}-{attempt}.log", safe_name(run_id)))
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    folder: PathBuf,
}

impl Logs {
    /// Makes the folder below `root` if it is not there.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let folder = folder(root);
        create_private_dir(&folder)?;
        Ok(Self { folder })
    }

    /// Opens the log of one attempt; an older one of the same attempt, which was handed back, is replaced.
    pub(super) fn create(&self, run_id: &str, attempt: u32) -> Option<(PathBuf, fs::File)> {
        capture::create_log(&self.path(run_id, attempt))
    }

    /// Where the log of one attempt is, or was, or will be.
    pub(super) fn path(&self, run_id: &str, attempt: u32) -> PathBuf {
        file(&self.folder, run_id, attempt)
    }

    /// Removes the oldest logs until the folder is within its bounds.
    pub(super) fn prune(&self) {
        self.prune_to(MAX_LOGS, MAX_BYTES);
    }

    fn prune_to(&self, max_logs: usize, max_bytes: u64) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut logs: Vec<(SystemTime, u64, PathBuf)> = entries.flatten().filter_map(|entry| log(&entry)).collect();
        logs.sort_unstable_by(|a, b| b.cmp(a));
        let mut bytes = 0;
        for (at, (_, size, path)) in logs.iter().enumerate() {
            bytes += size;
            if (at >= max_logs || bytes > max_bytes)
                && let Err(error) = fs::remove_file(path)
            {
                debug!(path = %path.display(), %error, "an old log cannot be removed"); // another process was faster
            }
        }
    }
}

fn log(entry: &DirEntry) -> Option<(SystemTime, u64, PathBuf)> {
    let meta = entry.metadata().ok()?;
    let path = entry.path();
    let is_log = meta.is_file() && path.extension().is_some_and(|extension| extension == "log");
    is_log.then(|| Some((meta.modified().ok()?, meta.len(), path)))?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_logs_go_first_by_number_and_by_size() {
        let root = tempfile::tempdir().unwrap();
        let logs = Logs::open(root.path()).unwrap();
        for number in 0..6_u32 {
            let (path, file) = logs.create("run", number).unwrap();
            fs::write(&path, vec![b'x'; 100]).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(number))).unwrap();
        }
        fs::write(root.path().join("logs/notes.txt"), "not ours").unwrap();
        let names = || {
            let mut names: Vec<String> = fs::read_dir(root.path().join("logs"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        logs.prune_to(4, 1_000_000);
        assert_eq!(names(), ["notes.txt", "run-2.log", "run-3.log", "run-4.log", "run-5.log"]);
        logs.prune_to(4, 250);
        assert_eq!(names(), ["notes.txt", "run-4.log", "run-5.log"]);
    }

    #[test]
    fn a_hostile_run_id_stays_in_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let logs = Logs::open(root.path()).unwrap();
        let (path, _) = logs.create("../../etc/passwd\n", 1).unwrap();
        assert_eq!(path.parent(), Some(root.path().join("logs").as_path()));
    }
}
