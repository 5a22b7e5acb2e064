//! What the programs of a run may use of the machine: memory, processes, CPU time, file size.
//!
//! By a control group of its own for each run where this process has been given one to divide (cgroup v2, `own`,
//! `group`), else by the limits that the kernel keeps for each process (`bounds`). `confinement` decides which limit is
//! kept by what, and says in words what cannot be had. Git's calls are not limited: a mirror's pack is larger than any
//! file that a step should write.
//!
//! Who calls: `run` opens the [`Confiner`] and begins a [`Confinement`] for each run, `sequence` asks it why a step
//! ended, `supervise` puts the programs into it, `app` and `cli` ask what can be had. What must stay true: a group that
//! is not ours alone is left as it is; a limit that cannot be kept never stops a run. Limits guard against accidents: a
//! step runs as the server's user, and one that means harm can leave its group as that user can.

mod bounds;
mod confinement;
mod group;
mod own;

pub(super) use bounds::Bounds;
pub(super) use confinement::Confinement;
pub use confinement::Confiner;
pub use own::own_cgroup;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
