//! Whose turn it is: claims of one project run one after the other, those of different projects side by side.
//!
//! Who calls: `handle`. Without it a bulk edit would let its claims wait inside their locks, each for the writes of the
//! others, until the locks end. What must stay true: first come, first served; what is remembered is bounded by the
//! projects of the file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Short, PoisonError};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// The turns of all projects.
#[derive(Debug, Default)]
pub(super) struct Turns(Short<HashMap<String, Arc<Mutex<()>>>>);

/// A project's turn, until it is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// Waits for the project's turn.
    pub(super) async fn of(&self, project: &str) -> Turn {
        let turns = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for are as good as new.
            all.retain(|name, turns| name == project || Arc::strong_count(turns) > 1);
            Arc::clone(all.entry(project.to_owned()).or_default())
        };
        turns.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_in_a_project_and_none_is_kept_for_nothing() {
        let turns = Turns::default();
        let first = turns.of("a").await;
        let other = turns.of("b").await;
        assert!(futures_util::FutureExt::now_or_never(turns.of("a")).is_none());
        drop((first, other));
        drop(turns.of("a").await);
        assert_eq!(turns.0.lock().unwrap().len(), 1);
    }
}
