//! Which limit of a run is kept by what, and what is said of those that are not.
//!
//! Who calls: `run` and `sequence`. What must stay true: a limit is kept for the whole run where that is possible, else
//! for each process, else not at all, and the last two are said in the run's log.

use std::path::PathBuf;
use std::time::Duration;

use nix::libc::{SIGXCPU, SIGXFSZ};
use nix::unistd::geteuid;
use tokio::time::sleep;
use tracing::warn;

use super::bounds::Bounds;
use super::group::{Group, Groups};
use crate::config::Limits;
use crate::pipeline::outcome::FailureCause;
use crate::pipeline::steps::Ended;

const MIB: u64 = 1024 * 1024;
/// Between two looks at a group's CPU time: so much too late a step is ended, times the CPUs that it keeps busy.
const CPU_LOOK: Duration = Duration::from_millis(500);
/// What a shell adds to the number of the signal that ended its command.
const BY_SIGNAL: i32 = 128;

/// Confines the runs of this process.
#[derive(Debug)]
pub struct Confiner {
    groups: Result<Groups, String>,
    is_root: bool,
}

impl Confiner {
    /// With our own control group, or the reason why there is none.
    pub fn open(cgroup: Result<PathBuf, String>) -> Self {
        Self { groups: cgroup.and_then(Groups::open), is_root: geteuid().is_root() }
    }

    /// How runs are confined here, in a sentence.
    pub fn in_words(&self) -> String {
        match &self.groups {
            Ok(groups) => format!("limits hold for a run as a whole, by control groups in {}", groups.top().display()),
            Err(why) => format!("limits hold for each process of a run and not for all together: {why}"),
        }
    }

    /// What of these limits is not kept for a run as a whole, a sentence for each.
    pub fn missing(&self, limits: &Limits) -> Vec<String> {
        let why = self.groups.as_ref().err();
        let why = why.map_or("the control group has no such controller", String::as_str);
        let groups = self.groups.as_ref().ok();
        let mut said = Vec::new();
        let mut say = |what: &str| said.push(format!("{what}: {why}"));
        if limits.memory_mb.is_some() && !groups.is_some_and(|groups| groups.memory) {
            say("limits.memory_mb holds for the address space of each process, not for all together");
        }
        if limits.processes.is_some() && !groups.is_some_and(|groups| groups.pids) {
            match self.is_root {
                true => say("limits.processes is not kept, because root may have any number"),
                false => say("limits.processes counts every process of this user, not those of the run alone"),
            }
        }
        if limits.cpu_seconds.is_some() && groups.is_none() {
            say("limits.cpu_seconds holds for each process, not for all together");
        }
        if limits.cpus.is_some() && !groups.is_some_and(|groups| groups.cpu) {
            say("limits.cpus is not kept");
        }
        said
    }

    /// For one run. Blocks for a few system calls.
    pub(in crate::pipeline) fn begin(&self, limits: Limits) -> Confinement {
        let mut said = self.missing(&limits);
        let groups = self.groups.as_ref().ok();
        let group = groups.and_then(|groups| match groups.begin(&limits) {
            Ok(group) => Some(group),
            Err(error) => {
                warn!(%error, "a run gets no control group; its limits hold for each process");
                said.push(format!("the limits hold for each process: {error}"));
                None
            }
        });
        let by_process = |in_group: bool, limit: Option<u64>| limit.filter(|_| group.is_none() || !in_group);
        let bounds = Bounds {
            group: group.as_ref().map(|group| group.path().to_owned()),
            address_space: by_process(groups.is_some_and(|groups| groups.memory), limits.memory_mb.map(|mb| mb * MIB)),
            processes: by_process(groups.is_some_and(|groups| groups.pids), limits.processes).filter(|_| !self.is_root),
            // One process alone is ended by the kernel at once, also when this one is asleep.
            cpu_seconds: limits.cpu_seconds,
            file_size: limits.file_size_mb.map(|mb| mb * MIB),
        };
        Confinement { limits, group, bounds, said }
    }
}

/// What holds for one run.
#[derive(Debug)]
pub(in crate::pipeline) struct Confinement {
    limits: Limits,
    group: Option<Group>,
    bounds: Bounds,
    said: Vec<String>,
}

/// What a run had used when a step began.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::pipeline) struct Usage {
    out_of_memory: u64,
    cpu_time: Duration,
}

impl Confinement {
    /// What holds for each process of it.
    pub(in crate::pipeline) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What a reader of the run's log must know.
    pub(in crate::pipeline) fn said(&self) -> &[String] {
        &self.said
    }

    /// What it has used so far.
    pub(in crate::pipeline) fn usage(&self) -> Usage {
        let used = |group: &Group| Usage { out_of_memory: group.out_of_memory(), cpu_time: group.cpu_time() };
        self.group.as_ref().map(used).unwrap_or_default()
    }

    /// Resolves when the programs of a step that began with this usage have had their CPU time together.
    pub(in crate::pipeline) async fn cpu_time_over(&self, before: Usage) {
        let (Some(group), Some(seconds)) = (&self.group, self.limits.cpu_seconds) else {
            return std::future::pending().await;
        };
        while group.cpu_time().saturating_sub(before.cpu_time) < Duration::from_secs(seconds) {
            sleep(CPU_LOOK).await;
        }
    }

    /// The failure of a step whose programs have had their CPU time.
    pub(in crate::pipeline) fn cpu_time(&self) -> FailureCause {
        FailureCause::CpuTime(Duration::from_secs(self.limits.cpu_seconds.unwrap_or_default()))
    }

    /// Which limit ended a step that began with this usage, if one did. A program that a shell has started is told by the
    /// exit code of the shell.
    pub(in crate::pipeline) fn cause(&self, ended: &Ended, before: Usage) -> Option<FailureCause> {
        let signal = match ended {
            Ended::Signal(number) => Some(*number),
            Ended::Exit(0) => return None,
            Ended::Exit(code) => Some(code - BY_SIGNAL),
            _ => return None,
        };
        if self.usage().out_of_memory > before.out_of_memory {
            return self.limits.memory_mb.map(FailureCause::OutOfMemory);
        }
        match (signal, self.limits) {
            (Some(SIGXCPU), Limits { cpu_seconds: Some(_), .. }) => Some(self.cpu_time()),
            (Some(SIGXFSZ), Limits { file_size_mb: Some(mb), .. }) => Some(FailureCause::FileSize(mb)),
            _ => None,
        }
    }

    /// Ends what may be left of a step, whatever it has done to get away from its supervisor.
    pub(in crate::pipeline) fn end_step(&self) {
        if let Some(group) = &self.group {
            group.kill();
        }
    }

    /// The run is over. Blocks until its group is gone.
    pub(in crate::pipeline) fn end(self) {
        if let Some(group) = self.group {
            group.remove();
        }
    }
}
