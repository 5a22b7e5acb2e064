//! Where runs happen on disk: `<root>/work/<instance>/<run>/`.
//!
//! Who calls: `run`. An instance is one process at work; its folder holds a lock file that the kernel releases when the
//! process dies, however it dies. So a process that starts can remove what dead ones left, and never what belongs to a
//! live one. What must stay true: no text of a ticket and no project name becomes part of a path; folders are readable
//! by their owner alone; between making an instance's folder and locking it, the lock of the root is held.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::{info, warn};

use super::remove::remove_tree;
use crate::ticket::{Labels, Ticket};

const LOCK: &str = "lock";
/// Longest name made of a run id. A UUID has 36 characters, a file name may have 255.
const NAME_LIMIT: usize = 64;
/// How often and with which pause the leftovers of a dead instance are tried. Its supervisors may need a few seconds to
/// end what writes there.
const SWEEP_TRIES: u32 = 5;
const SWEEP_PAUSE: Duration = Duration::from_secs(2);
/// How long to wait for other processes that start at the same moment. Each holds the lock for a few system calls.
const ROOT_LOCK_LIMIT: Duration = Duration::from_secs(5);
const ROOT_LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The folder of this process.
#[derive(Debug)]
pub(super) struct Instance {
    folder: PathBuf,
    runs: AtomicU64,
    // Held until the instance is dropped.
    _lock: File,
}

impl Instance {
    /// Makes the folder of this process below `root`, and removes in the background what dead processes left there.
    ///
    /// # Errors
    /// When the folder cannot be made or locked; names the path.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let work = root.join("work");
        create_private_dir(&work)?;
        let root_lock = lock_root(&work.join(LOCK))?;
        let folder = work.join(uuid::Uuid::now_v7().to_string());
        create_private_dir(&folder)?;
        let lock = open_lock(&folder.join(LOCK))?;
        lock.try_lock().map_err(|error| named(&folder, &io::Error::from(error)))?;
        let dead = dead_instances(&work)?;
        drop(root_lock);
        if !dead.is_empty() {
            std::thread::Builder::new().name("sweep".to_owned()).spawn(move || dead.into_iter().for_each(sweep))?;
        }
        Ok(Self { folder, runs: AtomicU64::new(0), _lock: lock })
    }

    /// Makes the folder of one run and writes its ticket file.
    ///
    /// # Errors
    /// When the disk refuses; names the path.
    pub(super) fn begin_run(&self, run_id: &str, attempt: u32, ticket: &Ticket) -> io::Result<RunFolder> {
        // The number keeps a run apart from its own earlier attempt whose folder could not be removed.
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let folder = RunFolder { top: self.folder.join(format!("{}-{attempt}-{number}", safe_name(run_id))) };
        let made = folder.make(ticket);
        if made.is_err() {
            let _ = remove_tree(&folder.top); // the error that matters is the first
        }
        made.map(|()| folder)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // With a run's folder still in it the directory stays, unlocked, for the next process to sweep.
        let _ = fs::remove_file(self.folder.join(LOCK));
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The folder of one run.
#[derive(Debug)]
pub(super) struct RunFolder {
    top: PathBuf,
}

impl RunFolder {
    /// The folder that is the run's own, workspace and all.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// Working directory of the steps.
    pub(super) fn workspace(&self) -> PathBuf {
        self.top.join("workspace")
    }

    /// `TMPDIR` of the steps.
    pub(super) fn tmp(&self) -> PathBuf {
        self.top.join("tmp")
    }

    /// The ticket as JSON.
    pub(super) fn ticket_file(&self) -> PathBuf {
        self.top.join("ticket.json")
    }

    /// Removes the folder. What cannot be removed is logged and tried again when a process starts.
    pub(super) fn remove(self) {
        if let Err(error) = remove_tree(&self.top) {
            warn!(%error, "the run's workspace could not be removed entirely");
        }
    }

    fn make(&self, ticket: &Ticket) -> io::Result<()> {
        for folder in [&self.top, &self.workspace(), &self.tmp()] {
            create_private_dir(folder)?;
        }
        let path = self.ticket_file();
        let json = serde_json::to_vec_pretty(&TicketFile::of(ticket))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(&json)).map_err(|error| named(&path, &error))
    }
}

/// What a step finds in `AGENTSMITH_TICKET_FILE`.
#[derive(Debug, Serialize)]
struct TicketFile<'a> {
    id: &'a str,
    title: &'a str,
    body: &'a str,
    labels: &'a Labels,
    state: &'a str,
    url: &'a str,
}

impl<'a> TicketFile<'a> {
    fn of(ticket: &'a Ticket) -> Self {
        let Ticket { id, title, body, labels, state, open: _, url } = ticket;
        Self { id, title, body, labels, state, url }
    }
}

/// Makes a directory, and those above it, for its owner alone. One that exists is left as it is.
pub(super) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| named(path, &error))
}

/// A file name made of any text: letters, digits, `-`, `_` and inner dots.
pub(super) fn safe_name(text: &str) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = text.chars().map(harmless).take(NAME_LIMIT).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// Folders in `work` whose process is dead, each with its lock, so that no second process sweeps it. The lock of the
/// root must be held: then a folder without a lock file is a leftover too and not one in the making.
fn dead_instances(work: &Path) -> io::Result<Vec<(PathBuf, File)>> {
    let mut dead = Vec::new();
    for entry in fs::read_dir(work)?.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let locked = open_lock(&path.join(LOCK)).map(|lock| (lock.try_lock(), lock));
        match locked {
            Ok((Ok(()), lock)) => dead.push((path, lock)),
            Ok((Err(TryLockError::WouldBlock), _)) => {}
            Ok((Err(TryLockError::Error(error)), _)) | Err(error) => {
                warn!(path = %path.display(), %error, "cannot tell whether a workspace is in use: it stays");
            }
        }
    }
    Ok(dead)
}

fn sweep((folder, _lock): (PathBuf, File)) {
    for attempt in 1..=SWEEP_TRIES {
        match remove_tree(&folder) {
            Ok(()) => return info!(path = %folder.display(), "removed the workspaces of a process that has died"),
            Err(error) if attempt == SWEEP_TRIES => {
                warn!(%error, "workspaces of a process that has died could not be removed entirely");
            }
            Err(_) => std::thread::sleep(SWEEP_PAUSE),
        }
    }
}

fn lock_root(path: &Path) -> io::Result<File> {
    let lock = open_lock(path)?;
    let give_up_at = Instant::now() + ROOT_LOCK_LIMIT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up_at => std::thread::sleep(ROOT_LOCK_PAUSE),
            Err(error) => {
                let error = io::Error::from(error);
                let cure = "another process holds the lock: end it, or use another data directory";
                return Err(io::Error::new(error.kind(), format!("{}: {error}: {cure}", path.display())));
            }
        }
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
