//! Control groups of cgroup v2, one for each run.
//!
//! Who calls: `confinement`. What the files mean is the kernel's documentation, "Control Group v2". A group whose
//! children are limited may hold no process itself, so the server moves into a child of its own first:
//!
//! ```text
//! <our group>/                      memory, pids and cpu handed down
//!   agent-smith-<pid>/              the server and the supervisors
//!   agent-smith-<pid>-<number>/     the programs of one run
//! ```
//!
//! What must stay true: a group with other processes in it is not divided; what a dead process left goes when the next
//! one starts, what belongs to a live one stays.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::config::Limits;

const PREFIX: &str = "agent-smith-";
/// How long to wait for killed processes to leave a group. It takes milliseconds, unless one hangs in the kernel.
const REMOVE_LIMIT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(5);
/// The same for what a dead process left.
const SWEEP_LIMIT: Duration = Duration::from_secs(5);
/// `cpu.max` counts in periods of 100 ms.
const CPU_PERIOD_MICROS: u64 = 100_000;
const MIB: u64 = 1024 * 1024;

/// Our own group, divided.
#[derive(Debug)]
pub(super) struct Groups {
    top: PathBuf,
    prefix: String,
    next: AtomicU64,
    /// Which controllers the groups of runs have.
    pub(super) memory: bool,
    pub(super) pids: bool,
    pub(super) cpu: bool,
}

impl Groups {
    /// Moves this process out of the way and hands the controllers down. Removes in the background what dead processes
    /// left.
    ///
    /// # Errors
    /// Why that is not possible, in words for the log; nothing is changed then.
    pub(super) fn open(top: PathBuf) -> Result<Self, String> {
        let pid = std::process::id();
        let offered = offered(&top, pid)?;
        let has = |name: &str| offered.split(' ').any(|offered| offered == name);
        let prefix = format!("{PREFIX}{pid}");
        let (leaf, dead) = (top.join(&prefix), dead(&top, pid));
        step_aside(&leaf, pid).map_err(|error| error.to_string())?;
        let hand_down = |name: &str| {
            let control = top.join("cgroup.subtree_control");
            has(name) && fs::write(control, format!("+{name}")).is_ok()
        };
        let (memory, pids) = (hand_down("memory"), hand_down("pids"));
        if !memory && !pids {
            let _ = fs::write(top.join("cgroup.procs"), pid.to_string()); // where it was, all works as before
            let _ = fs::remove_dir(&leaf);
            return Err(format!("the kernel hands nothing down in the control group {}", top.display()));
        }
        let cpu = hand_down("cpu");
        if !dead.is_empty() {
            let sweep = move || dead.iter().for_each(|group| end(group, SWEEP_LIMIT));
            if let Err(error) = std::thread::Builder::new().name("sweep".to_owned()).spawn(sweep) {
                warn!(%error, "control groups of processes that have died stay");
            }
        }
        Ok(Self { top, prefix, next: AtomicU64::new(1), memory, pids, cpu })
    }

    /// Where the groups of runs are.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// Makes a group with these limits.
    ///
    /// # Errors
    /// When the kernel refuses; names the file.
    pub(super) fn begin(&self, limits: &Limits) -> io::Result<Group> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let group = Group { path: self.top.join(format!("{}-{number}", self.prefix)) };
        fs::create_dir(&group.path).map_err(|error| at(&group.path, &error))?;
        match self.limit(&group, limits) {
            Ok(()) => Ok(group),
            Err(error) => {
                group.remove();
                Err(error)
            }
        }
    }

    fn limit(&self, group: &Group, limits: &Limits) -> io::Result<()> {
        let set = |file: &str, value: String| {
            let path = group.path.join(file);
            fs::write(&path, value).map_err(|error| at(&path, &error))
        };
        if let Some(memory) = limits.memory_mb.filter(|_| self.memory) {
            set("memory.max", (memory * MIB).to_string())?;
            // Without swap there is no such file. With it, a run that is out of memory would drag the machine along.
            let _ = set("memory.swap.max", "0".to_owned());
            // All or nothing: a build whose compiler was ended behind its back goes on in strange ways. Linux 4.19.
            let _ = set("memory.oom.group", "1".to_owned());
        }
        if self.pids {
            set("pids.max", limits.processes.unwrap_or(Limits::USUAL_PROCESSES).to_string())?;
        }
        if let Some(cpus) = limits.cpus.filter(|_| self.cpu) {
            set("cpu.max", format!("{} {CPU_PERIOD_MICROS}", cpus * CPU_PERIOD_MICROS))?;
        }
        Ok(())
    }
}

/// The controllers of a group that can be divided by its one process.
fn offered(top: &Path, pid: u32) -> Result<String, String> {
    let offered = controllers(top)?;
    if read(top, "cgroup.procs")?.lines().any(|line| line != pid.to_string()) {
        return Err(format!("other processes are in our control group {}", top.display()));
    }
    Ok(offered)
}

/// The controllers of a group that can be divided, whatever processes are in it.
pub(super) fn controllers(top: &Path) -> Result<String, String> {
    // The root of all has no type, and a threaded group cannot be divided.
    if read(top, "cgroup.type").as_deref() != Ok("domain") {
        return Err(format!("{} is no control group of its own", top.display()));
    }
    let offered = read(top, "cgroup.controllers")?;
    if !offered.split(' ').any(|name| matches!(name, "memory" | "pids")) {
        return Err(format!("the control group {} has neither memory nor pids to hand down", top.display()));
    }
    Ok(offered)
}

fn read(group: &Path, file: &str) -> Result<String, String> {
    let path = group.join(file);
    let text = fs::read_to_string(&path).map(|text| text.trim().to_owned());
    text.map_err(|error| at(&path, &error).to_string())
}

/// Moves this process, the only one in our group, into a child of it.
fn step_aside(leaf: &Path, pid: u32) -> io::Result<()> {
    match fs::create_dir(leaf) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(at(leaf, &error)),
        _ => {}
    }
    let moved = fs::write(leaf.join("cgroup.procs"), pid.to_string());
    if moved.is_err() {
        let _ = fs::remove_dir(leaf); // the error that matters is the first
    }
    moved.map_err(|error| at(leaf, &error))
}

/// Groups of processes that have died. A number is given again: what has ours was somebody's before us.
fn dead(top: &Path, own_pid: u32) -> Vec<PathBuf> {
    let own_leaf = format!("{PREFIX}{own_pid}");
    let is_dead = |name: &str| {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        pid.filter(|pid| pid.parse::<u32>().is_ok()).is_some_and(|pid| {
            let leaf = top.join(format!("{PREFIX}{pid}")).join("cgroup.procs");
            let lives = fs::read_to_string(leaf).is_ok_and(|listed| listed.lines().any(|line| line == pid));
            name != own_leaf && (!lives || pid == own_pid.to_string())
        })
    };
    let Ok(entries) = fs::read_dir(top) else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter(|entry| entry.file_name().to_str().is_some_and(is_dead)).map(|entry| entry.path()).collect()
}

/// The group of one run.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
}

impl Group {
    /// Its folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many of its processes the kernel has ended because there was no memory left for them.
    pub(super) fn out_of_memory(&self) -> u64 {
        self.number("memory.events", "oom_kill").unwrap_or_default()
    }

    /// CPU time of all processes that were ever in it.
    pub(super) fn cpu_time(&self) -> Duration {
        Duration::from_micros(self.number("cpu.stat", "usage_usec").unwrap_or_default())
    }

    /// Ends every process in it. Linux before 5.14 cannot; the tree is ended by way of `/proc` anyway.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
    }

    /// Ends what is in it, and the group. Blocks for up to [`REMOVE_LIMIT`].
    pub(super) fn remove(self) {
        end(&self.path, REMOVE_LIMIT);
    }

    fn number(&self, file: &str, name: &str) -> Option<u64> {
        let text = fs::read_to_string(self.path.join(file)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }
}

/// Kills what is in a group and removes it as soon as it is empty.
fn end(path: &Path, limit: Duration) {
    let give_up_at = Instant::now() + limit;
    let _ = fs::write(path.join("cgroup.kill"), "1"); // see `Group::kill`
    loop {
        match fs::remove_dir(path) {
            Ok(()) => return,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) if Instant::now() >= give_up_at => {
                return warn!(%error, "the control group {} stays until the next start", path.display());
            }
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
