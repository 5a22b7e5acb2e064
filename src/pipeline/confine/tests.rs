//! Finding, dividing and refusing control groups, on folders that play them, and how limits travel and are told.

use std::fs;
use std::path::{Path, PathBuf};

use super::Confiner;
use super::bounds::Bounds;
use super::group::Groups;
use super::own::place;
use crate::config::Limits;

#[test]
fn bounds_survive_the_way_and_nothing_else_is_one() {
    let all = Bounds {
        group: Some(PathBuf::from("/sys/fs/cgroup/a b/run-1")),
        address_space: Some(1 << 30),
        processes: Some(64),
        cpu_seconds: None,
        file_size: Some(0),
    };
    for bounds in [Bounds::default(), all] {
        let argument = bounds.to_argument();
        assert!(!argument.is_empty(), "an empty one means something else");
        assert_eq!(Bounds::from_argument(&argument), Some(bounds));
    }
    for text in ["", "- - -", "- - - x /g", "1 2 3 4"] {
        assert_eq!(Bounds::from_argument(text.as_ref()), None, "{text:?}");
    }
}

#[test]
fn our_own_group_is_found_where_it_is_mounted() {
    let unified = "25 21 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
    let service = "/system.slice/agent-smith.service";
    let found = |cgroup: &str, mounts: &str| place(cgroup, mounts);
    let at = |path: &str, is_top| Ok((PathBuf::from(path), is_top));
    assert_eq!(found(&format!("0::{service}\n"), unified), at(&format!("/sys/fs/cgroup{service}"), false));
    assert_eq!(found("1:name=x:/y\n0::/\n", unified), at("/sys/fs/cgroup/", true));
    let part = "30 1 0:23 /system.slice /mnt/cg rw - cgroup2 none rw";
    assert_eq!(found(&format!("0::{service}"), part), at("/mnt/cg/agent-smith.service", false));
    for (cgroup, mounts, why) in [
        ("1:cpu:/", unified, "no cgroup v2"),
        ("0::/", "30 1 0:23 / /sys/fs/cgroup rw - tmpfs tmpfs rw", "no cgroup v2 is mounted"),
        ("0::/user.slice", part, "not mounted"),
    ] {
        let said = found(cgroup, mounts).unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}

/// A folder that plays a group with one process in it, this one.
fn group(folder: &Path, controllers: &str) -> PathBuf {
    let pid = std::process::id().to_string();
    for (file, text) in [("type", "domain\n"), ("procs", &pid), ("controllers", controllers), ("subtree_control", "")] {
        fs::write(folder.join(format!("cgroup.{file}")), text).unwrap();
    }
    folder.to_owned()
}

#[test]
fn a_group_that_is_not_ours_alone_is_left_as_it_is() {
    for (file, text, why) in [
        ("cgroup.type", "domain threaded\n", "no control group of its own"),
        ("cgroup.procs", "1\n", "other processes are in"),
        ("cgroup.controllers", "cpu hugetlb\n", "neither memory nor pids"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let top = group(folder.path(), "cpu memory pids\n");
        fs::write(top.join(file), text).unwrap();
        let said = Groups::open(top.clone()).unwrap_err();
        assert!(said.contains(why), "{said}");
        assert_eq!(fs::read_dir(&top).unwrap().count(), 4, "nothing was made");
        assert_eq!(fs::read_to_string(top.join("cgroup.subtree_control")).unwrap(), "");
    }
}

#[test]
fn a_run_gets_a_group_with_its_limits_and_the_server_steps_aside() {
    let folder = tempfile::tempdir().unwrap();
    let top = group(folder.path(), "cpuset cpu memory pids\n");
    let groups = Groups::open(top.clone()).unwrap();
    assert!(groups.memory && groups.pids && groups.cpu);
    let pid = std::process::id().to_string();
    let read = |path: &str| fs::read_to_string(top.join(path)).unwrap();
    assert_eq!(read(&format!("agent-smith-{pid}/cgroup.procs")), pid);
    let limits = Limits { memory_mb: Some(64), cpus: Some(2), ..Limits::default() };
    let run = groups.begin(&limits).unwrap();
    let of_run = |file: &str| fs::read_to_string(run.path().join(file)).unwrap();
    assert_eq!((of_run("memory.max"), of_run("memory.swap.max")), ("67108864".to_owned(), "0".to_owned()));
    assert_eq!((of_run("pids.max"), of_run("cpu.max")), ("4096".to_owned(), "200000 100000".to_owned()));
    let other = groups.begin(&Limits { processes: Some(7), ..Limits::default() }).unwrap();
    assert_ne!(other.path(), run.path());
    assert_eq!(fs::read_to_string(other.path().join("pids.max")).unwrap(), "7");
    assert!(!other.path().join("memory.max").exists() && !other.path().join("cpu.max").exists());
    fs::write(run.path().join("memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 1\n").unwrap();
    fs::write(run.path().join("cpu.stat"), "usage_usec 1500000\nuser_usec 7\n").unwrap();
    assert_eq!((run.out_of_memory(), run.cpu_time().as_millis()), (2, 1500));
    assert_eq!((other.out_of_memory(), other.cpu_time().as_millis()), (0, 0));
}

#[test]
fn what_cannot_be_had_is_said_with_the_reason() {
    let all =
        Limits { memory_mb: Some(64), processes: Some(9), cpu_seconds: Some(1), file_size_mb: Some(1), cpus: Some(1) };
    let confiner = Confiner::open(Err("nobody gave us one".to_owned()));
    let said = confiner.missing(&all);
    assert_eq!(said.len(), 4, "the size of a file is kept everywhere: {said:?}");
    assert!(said.iter().all(|line| line.ends_with(": nobody gave us one")), "{said:?}");
    for key in ["memory_mb", "processes", "cpu_seconds", "cpus"] {
        assert!(said.iter().any(|line| line.starts_with(&format!("limits.{key} "))), "{key}: {said:?}");
    }
    assert_eq!(confiner.missing(&Limits::default()), [""; 0]);
    assert!(confiner.in_words().ends_with("not for all together: nobody gave us one"));
    let folder = tempfile::tempdir().unwrap();
    let confiner = Confiner::open(Ok(group(folder.path(), "memory pids\n")));
    let said = confiner.missing(&all);
    assert_eq!(said, ["limits.cpus is not kept: the control group has no such controller"]);
}
