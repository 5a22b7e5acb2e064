//! What a run may use, and what is kept of it, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::MAX_SECONDS;

/// What the programs of a run may use. Nothing is limited that is not given; what that needs on the machine says
/// docs/operations.md.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Limits {
    /// MiB of memory of all programs of a run together, swap included.
    // Below the least not even a shell starts; the most is what a machine of today can have at all.
    #[schemars(range(min = 16, max = 16_777_216))]
    pub(in crate::config) memory_mb: Option<u64>,
    /// Processes and threads of a run at one time. Default: 4096 where those of a run can be counted.
    // A shell, a program and what that starts; the most is all that Linux can number.
    #[schemars(range(min = 4, max = 4_194_304))]
    pub(in crate::config) processes: Option<u64>,
    /// Seconds of CPU time of one step, its processes together.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) cpu_seconds: Option<u64>,
    /// MiB that one file may have that a step writes.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub(in crate::config) file_size_mb: Option<u64>,
    /// CPUs that a run may keep busy.
    #[schemars(range(min = 1, max = 1024))]
    pub(in crate::config) cpus: Option<u64>,
}

/// When the workspace of a run stays after its end.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum KeepWorkspace {
    /// Never: it is removed.
    #[default]
    Never,
    /// When the run has failed.
    OnFailure,
    /// Whatever its result.
    Always,
}
