//! What the store tells of the jobs that wait, for those who show a person their place.
//!
//! Who calls: the backends make these, housekeeping shows them. What must stay true: nothing decides anything by them;
//! they are old as soon as they are there.

use crate::job::Job;

/// The visible queue of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLine {
    /// The project's name.
    pub project: String,
    /// How many wait.
    pub total: u64,
    /// The first of them, the next one to be taken first, each with how many are before it.
    pub first: Vec<(u64, Job)>,
}
