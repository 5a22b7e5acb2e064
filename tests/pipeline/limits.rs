//! What a run may use: limits that bite, in what words, and what is said of those that cannot be had.
//!
//! The limits of each process are the kernel's own. Control groups are played by a folder, and the part of the kernel by
//! a thread: a group that is killed loses its files, so that its folder can be removed as a real one can.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use agent_smith::config::{Limits, Pipeline};
use agent_smith::pipeline::report::{Ways, comment};
use agent_smith::pipeline::{FailureCause, Mask, Outcome, RunReport, Runner, RunnerSettings, Stop};

use crate::fixture::{Bench, entries, marker, of_steps, pipeline, running, settings, step, until};
use crate::helper;

fn limited(limits: Limits, commands: &[&str]) -> Pipeline {
    Pipeline { limits, ..pipeline(commands, Duration::from_secs(60)) }
}

async fn run(bench: &Bench, limits: Limits, commands: &[&str]) -> RunReport {
    bench.run_with(&limited(limits, commands), &Stop::default()).await
}

fn cause(report: &RunReport) -> &FailureCause {
    let Outcome::Failed(failure) = &report.outcome else { panic!("{:?}: {}", report.outcome, report.tail) };
    &failure.cause
}

fn log(report: &RunReport) -> String {
    fs::read_to_string(report.log.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn a_program_that_wants_more_memory_gets_none() {
    let bench = Bench::new();
    let limits = Limits { memory_mb: Some(64), ..Limits::default() };
    let eats = |mb: u32| format!("perl -e '$x = \"x\" x ({mb} * 1024 * 1024); print length $x'");
    let report = run(&bench, limits, &[&eats(8), &format!("true; {}", eats(200))]).await;
    assert!(matches!(cause(&report), FailureCause::Exit(code) if *code != 0), "{report:?}");
    assert!(!report.tail.contains("209715200"), "{}", report.tail);
    let log = log(&report);
    assert!(log.contains("8388608"), "the first step had enough: {log}");
    assert!(log.starts_with("[agent-smith] limits.memory_mb holds for the address space of each process"), "{log}");
    let report = run(&bench, Limits::default(), &[&eats(200)]).await;
    assert_eq!(report.outcome, Outcome::Done, "without a limit there is none: {}", report.tail);
}

#[tokio::test]
async fn a_file_ends_at_its_limit_and_the_failure_says_which() {
    let bench = Bench::new();
    let limits = Limits { file_size_mb: Some(1), ..Limits::default() };
    let pipeline = Pipeline {
        limits,
        ..of_steps(
            vec![step("head -c 3000000 /dev/zero > big; ended=$?; wc -c < big; exit $ended")],
            Duration::from_secs(60),
        )
    };
    let report = bench.run_with(&pipeline, &Stop::default()).await;
    assert_eq!((cause(&report), report.tail.lines().last()), (&FailureCause::FileSize(1), Some("1048576")));
    let told = comment(&report, &Mask::default(), Ways::default());
    assert!(told.contains("wrote a larger file than limits.file_size_mb allows (1 MiB)"), "{told}");
    assert!(log(&report).starts_with("[agent-smith] step 1"), "there is nothing to be said before");
}

#[tokio::test]
async fn a_program_that_spins_is_ended_and_the_failure_says_why() {
    let bench = Bench::new();
    let limits = Limits { cpu_seconds: Some(1), ..Limits::default() };
    // By itself, and below a shell that tells it by its exit code.
    for spins in ["while :; do :; done", "sh -c 'while :; do :; done'; exit $?"] {
        let report = run(&bench, limits, &[spins]).await;
        assert_eq!(cause(&report), &FailureCause::CpuTime(Duration::from_secs(1)));
        let told = comment(&report, &Mask::default(), Ways::default());
        assert!(told.contains("used more CPU time than limits.cpu_seconds allows (1 s)"), "{told}");
        assert!(log(&report).contains("limits.cpu_seconds holds for each process"), "{}", log(&report));
    }
    let report = run(&bench, Limits::default(), &["exit 152"]).await;
    assert_eq!(cause(&report), &FailureCause::Exit(152), "without the limit it is only a number");
}

/// As an ordinary user: root may have any number.
#[tokio::test]
async fn forks_come_to_an_end() {
    let (root, marker) = (tempfile::tempdir().unwrap(), marker());
    let command = format!("i=0; while [ $i -lt 500 ]; do sleep {marker} & i=$((i+1)); done; echo all of them");
    let mut second = helper::start_with(root.path(), &command, 250);
    until("the second process has ended", || !helper::report(root.path()).is_empty()).await;
    assert!(second.wait().unwrap().success());
    let report = helper::report(root.path());
    assert!(report.starts_with("Failed") && report.contains("ork") && !report.contains("\nall of them"), "{report}");
    assert_eq!(running(&marker), [0; 0]);
    let log = fs::read_to_string(&entries(&root.path().join("logs"))[0]).unwrap();
    assert!(log.contains("limits.processes counts every process of this user"), "{log}");
}

/// A machine that has no memory left ends what a step started, and not what the server is.
#[tokio::test]
async fn steps_are_the_first_that_the_kernel_may_end() {
    let report = Bench::new().run(&["cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj"]).await;
    let scores: Vec<i32> = report.tail.lines().map(|line| line.parse().unwrap()).collect();
    let own: i32 = fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().parse().unwrap();
    assert_eq!(scores, [own.max(500), own]);
}

/// A folder that plays our own control group.
struct Hierarchy {
    folder: tempfile::TempDir,
    over: Arc<AtomicBool>,
    kernel: Option<JoinHandle<()>>,
}

impl Hierarchy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pid = std::process::id().to_string();
        let files = [
            ("type", "domain\n"),
            ("procs", pid.as_str()),
            ("controllers", "cpu memory pids\n"),
            ("subtree_control", ""),
        ];
        for (file, text) in files {
            fs::write(folder.path().join(format!("cgroup.{file}")), text).unwrap();
        }
        let (top, over) = (folder.path().to_owned(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&over);
        let kernel = std::thread::spawn(move || {
            while !told.load(Ordering::SeqCst) {
                for killed in entries(&top).iter().filter(|group| group.join("cgroup.kill").exists()) {
                    entries(killed).iter().for_each(|file| fs::remove_file(file).unwrap_or_default());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self { folder, over, kernel: Some(kernel) }
    }

    fn bench(&self) -> Bench {
        let bench = Bench::new();
        let settings = RunnerSettings { cgroup: Ok(self.folder.path().to_owned()), ..settings(bench.root.path()) };
        Bench { runner: Runner::new(settings).unwrap(), ..bench }
    }

    /// A shell pattern for the folder of the one run that goes on.
    fn run(&self) -> String {
        format!("{}/agent-smith-{}-*", self.folder.path().display(), std::process::id())
    }

    fn groups(&self) -> Vec<PathBuf> {
        entries(self.folder.path()).into_iter().filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Hierarchy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.kernel.take().map(JoinHandle::join);
    }
}

#[tokio::test]
async fn a_run_has_a_control_group_of_its_own_that_goes_with_it() {
    let hierarchy = Hierarchy::new();
    let bench = hierarchy.bench();
    let limits = Limits { memory_mb: Some(64), processes: Some(50), cpus: Some(1), ..Limits::default() };
    let seen = format!(
        "cd {}; for file in memory.max pids.max cpu.max; do echo $(cat $file); done; [ $(cat cgroup.procs) = $$ ] && ulimit -v",
        hierarchy.run()
    );
    let report = run(&bench, limits, &[&seen]).await;
    assert_eq!(
        (report.outcome.clone(), report.tail.as_str()),
        (Outcome::Done, "67108864\n50\n100000 100000\nunlimited\n"),
        "the group counts, and no limit of a process stands beside it"
    );
    assert!(log(&report).starts_with("[agent-smith] step 1"), "there is nothing to be said before");
    let names: Vec<_> = hierarchy.groups().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, [format!("agent-smith-{}", std::process::id()).as_str()], "but for the server's own");
}

#[tokio::test]
async fn a_run_that_is_out_of_memory_says_so() {
    let hierarchy = Hierarchy::new();
    let bench = hierarchy.bench();
    let limits = Limits { memory_mb: Some(64), ..Limits::default() };
    let dies = format!("cd {}; echo 'oom_kill 1' > memory.events; kill -9 $$", hierarchy.run());
    let report = run(&bench, limits, &[&dies]).await;
    assert_eq!(cause(&report), &FailureCause::OutOfMemory(64));
    let told = comment(&report, &Mask::default(), Ways::default());
    assert!(told.contains("out of memory (limit 64 MiB)"), "{told}");
    let report = run(&bench, limits, &["kill -9 $$"]).await;
    assert_eq!(cause(&report), &FailureCause::Signal(9), "a signal alone is no evidence");
}

#[tokio::test]
async fn the_cpu_time_of_all_processes_together_has_a_limit() {
    let (hierarchy, marker) = (Hierarchy::new(), marker());
    let bench = hierarchy.bench();
    let limits = Limits { cpu_seconds: Some(100), ..Limits::default() };
    let busy = format!(
        "setsid sleep {marker} & echo 'usage_usec 100000000' > $(echo {})/cpu.stat; sleep {marker}",
        hierarchy.run()
    );
    let report = run(&bench, limits, &[&busy]).await;
    assert_eq!(cause(&report), &FailureCause::CpuTime(Duration::from_secs(100)));
    assert_eq!(running(&marker), [0; 0]);
}

/// A control group that refuses costs the limits of the whole, and no run.
#[tokio::test]
async fn a_run_without_a_group_is_limited_by_process_and_says_so() {
    let hierarchy = Hierarchy::new();
    let bench = hierarchy.bench();
    let number_one = hierarchy.folder.path().join(format!("agent-smith-{}-1", std::process::id()));
    fs::write(&number_one, "in the way").unwrap();
    let limits = Limits { memory_mb: Some(64), ..Limits::default() };
    let report = run(&bench, limits, &["ulimit -v"]).await;
    assert_eq!((report.outcome.clone(), report.tail.as_str()), (Outcome::Done, "65536\n"));
    assert!(log(&report).starts_with("[agent-smith] the limits hold for each process: "), "{}", log(&report));
}

#[tokio::test]
async fn groups_of_dead_processes_are_removed_and_those_of_live_ones_are_not() {
    let hierarchy = Hierarchy::new();
    let make = |name: &str, processes: &str| {
        let path: &Path = &hierarchy.folder.path().join(name);
        fs::create_dir(path).unwrap();
        fs::write(path.join("cgroup.procs"), processes).unwrap();
    };
    // Of one that lives, of one whose supervisors are at their end, and what is not ours.
    for (name, processes) in [
        ("agent-smith-7000001", "7000001\n7000002\n"),
        ("agent-smith-7000001-1", "7000003\n"),
        ("agent-smith-8000001", "8000002\n"),
        ("agent-smith-8000001-4", ""),
        ("agent-smith-of-somebody", ""),
        ("init.scope", "1\n"),
    ] {
        make(name, processes);
    }
    let _bench = hierarchy.bench();
    let left = |name: &str| hierarchy.folder.path().join(name).exists();
    until("swept", || !left("agent-smith-8000001") && !left("agent-smith-8000001-4")).await;
    for stays in ["agent-smith-7000001", "agent-smith-7000001-1", "agent-smith-of-somebody", "init.scope"] {
        assert!(left(stays), "{stays}");
    }
}
