//! The jobs that wait, project by project.
//!
//! Who calls: `backend`, under its mutex. What must stay true: it only reads.

use super::queue::Queue;
use crate::store::WaitingLine;

impl Queue {
    /// The first jobs of each project, the next project of the ring first.
    pub(super) fn waiting(&self, of_each: usize, in_all: usize) -> Vec<WaitingLine> {
        let mut left = in_all;
        let mut lines = Vec::new();
        for (project, tickets) in self.lines() {
            if left == 0 {
                break;
            }
            let places = (0_u64..).zip(tickets).take(of_each.min(left));
            let first: Vec<_> = places.filter_map(|(ahead, key)| Some((ahead, self.job(key)?.clone()))).collect();
            left -= first.len();
            lines.push(WaitingLine { project: project.to_owned(), total: tickets.len() as u64, first });
        }
        lines
    }
}
