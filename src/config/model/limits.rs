//! What a run may use, and what is kept of it, as it is meant.
//!
//! Built by `check`; read by the pipeline room, which enforces the limits and keeps the workspace.

/// What the programs of a run may use; `None` is as much as there is.
///
/// No number by default for memory and CPU: one that fits a linter kills a build, and an operator who fears for the
/// machine knows how large it is. A fork bomb is the exception, see [`Limits::USUAL_PROCESSES`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// MiB of memory of all programs of a run together.
    pub memory_mb: Option<u64>,
    /// Processes and threads of a run at one time.
    pub processes: Option<u64>,
    /// Seconds of CPU time of one step.
    pub cpu_seconds: Option<u64>,
    /// MiB that one file may have.
    pub file_size_mb: Option<u64>,
    /// CPUs that a run may keep busy.
    pub cpus: Option<u64>,
}

impl Limits {
    /// Processes of a run that says nothing, where the kernel can count those of one run: a wide build has some
    /// hundreds, and a fork bomb has this many within a second.
    pub const USUAL_PROCESSES: u64 = 4096;

    /// These, and of the others what these do not say.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            memory_mb: self.memory_mb.or(others.memory_mb),
            processes: self.processes.or(others.processes),
            cpu_seconds: self.cpu_seconds.or(others.cpu_seconds),
            file_size_mb: self.file_size_mb.or(others.file_size_mb),
            cpus: self.cpus.or(others.cpus),
        }
    }
}

/// When the workspace of a run stays after its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeepWorkspace {
    /// Never: it is removed.
    #[default]
    Never,
    /// When the run has failed.
    OnFailure,
    /// Whatever its result.
    Always,
}
