//! Reading and ending process trees through `/proc`.
//!
//! Used by the supervisor on its own descendants and by `strangers` on what a killed supervisor left. What must stay
//! true: only descendants of the given process are ever signalled. Their process groups may be signalled as a whole
//! because a supervisor opens a session of its own before it starts anything, so that no group below it has a member
//! outside.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgrp, getpid};

/// What `/proc/<pid>/stat` says of a process that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) parent: Pid,
    pub(super) group: Pid,
    pub(super) session: Pid,
}

/// Reads one process; `None` when it is gone.
pub(super) fn process(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may itself contain spaces and parentheses.
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let fields = std::str::from_utf8(&stat[after_name..]).ok()?;
    let mut numbers = fields.split_ascii_whitespace().skip(1).map(|field| field.parse().map(Pid::from_raw));
    let mut next = || numbers.next()?.ok();
    Some(Process { pid, parent: next()?, group: next()?, session: next()? })
}

/// The living children of a process and its zombies.
pub(super) fn children(of: Pid) -> Vec<Pid> {
    if has_children_files() {
        listed_children(of)
    } else {
        scan().into_iter().filter(|p| p.parent == of).map(|p| p.pid).collect()
    }
}

/// Visits every descendant of `root`, parents before their children, each as soon as it is found.
///
/// Processes that fork meanwhile may be missed: repeat until there is nothing left to wait for.
pub(super) fn visit_descendants(root: Pid, visit: &mut dyn FnMut(Pid)) {
    if has_children_files() {
        visit_with(root, listed_children, visit);
    } else {
        let all = scan();
        visit_with(root, |of| all.iter().filter(|p| p.parent == of).map(|p| p.pid).collect(), visit);
    }
}

fn visit_with(root: Pid, children: impl Fn(Pid) -> Vec<Pid>, visit: &mut dyn FnMut(Pid)) {
    let mut seen = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for child in children(parent) {
            if seen.insert(child) {
                visit(child);
                open.push(child);
            }
        }
    }
}

/// Kills one process and its group.
///
/// The group as well, because the kernel signals a whole group at once: a chain of processes that fork and exit faster
/// than anybody can read `/proc` does not get away. First the process, for the chain whose links leave their group.
pub(super) fn kill_now(pid: Pid) {
    signal(pid, Signal::SIGKILL);
    if let Some(process) = process(pid)
        && process.group.as_raw() > 1
        && process.group != getpgrp()
    {
        let _ = killpg(process.group, Signal::SIGKILL); // already gone, or not ours to signal: the caller counts
    }
}

/// Sends a signal to one process. Errors do not matter: the process is gone, or the caller finds it again.
pub(super) fn signal(pid: Pid, signal: Signal) {
    if pid.as_raw() > 1 {
        let _ = kill(pid, signal);
    }
}

/// The kernel's own list of children exists on all common distributions and costs microseconds on a box with thousands
/// of processes; where it was left out (`CONFIG_PROC_CHILDREN`), all of `/proc` is read instead.
fn has_children_files() -> bool {
    static EXIST: OnceLock<bool> = OnceLock::new();
    *EXIST.get_or_init(|| Path::new(&format!("/proc/{0}/task/{0}/children", getpid())).exists())
}

fn listed_children(of: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{of}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_ascii_whitespace().filter_map(parse_pid).collect::<Vec<_>>()).collect()
}

fn scan() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| parse_pid(entry.file_name().to_str()?));
    pids.filter_map(process).collect()
}

fn parse_pid(text: &str) -> Option<Pid> {
    text.parse().ok().map(Pid::from_raw)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Both ways of finding descendants agree on a small tree, and killing it ends all of it.
    #[test]
    fn both_ways_find_the_same_tree() {
        let mut child = Command::new("sh")
            .args(["-c", "sh -c 'sleep 300 & echo ready; wait' & wait"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        assert_eq!(line, "ready\n");
        let root = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let all = scan();
        let (mut listed, mut scanned) = (Vec::new(), Vec::new());
        visit_with(root, listed_children, &mut |pid| listed.push(pid));
        visit_with(root, |of| all.iter().filter(|p| p.parent == of).map(|p| p.pid).collect(), &mut |p| scanned.push(p));
        assert_eq!(listed, scanned);
        assert_eq!(listed.len(), 2, "a shell and its sleep");
        assert_eq!(process(listed[0]).unwrap().parent, root);
        assert_eq!(process(root).unwrap().parent, getpid());
        assert_eq!(process(root).unwrap().group, getpgrp());
        for pid in listed {
            signal(pid, Signal::SIGKILL);
        }
        child.wait().unwrap();
    }
}
