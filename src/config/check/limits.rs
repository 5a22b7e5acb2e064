//! What a run may use: the limits of one pipeline over those of all.
//!
//! Called by `agent` and `pipelines`. What must stay true: a limit of a pipeline wins over the one for all, key by key.

use crate::config::model::{KeepWorkspace, Limits};
use crate::config::raw;

/// As it is written in one place.
pub(super) fn limits(raw: Option<raw::Limits>) -> Limits {
    let raw::Limits { memory_mb, processes, cpu_seconds, file_size_mb, cpus } = raw.unwrap_or_default();
    Limits { memory_mb, processes, cpu_seconds, file_size_mb, cpus }
}

/// When the workspace stays.
pub(super) fn keep_workspace(raw: raw::KeepWorkspace) -> KeepWorkspace {
    match raw {
        raw::KeepWorkspace::Never => KeepWorkspace::Never,
        raw::KeepWorkspace::OnFailure => KeepWorkspace::OnFailure,
        raw::KeepWorkspace::Always => KeepWorkspace::Always,
    }
}
