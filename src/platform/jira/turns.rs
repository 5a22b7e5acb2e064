//! When an issue may be written again: Jira limits the writes to each one.
//!
//! Who calls: the writes. What must stay true: the limit of one issue concerns that issue and nothing else; the memory
//! is bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Issues that are remembered at once; those whose time is over go first. Each is there for a minute at most.
const MOST: usize = 10_000;

/// By key: from when on the issue may be written.
#[derive(Debug, Default)]
pub(super) struct Turns {
    until: Mutex<HashMap<String, Instant>>,
}

impl Turns {
    /// From now on the issue may not be written for `wait`.
    pub(super) fn hold(&self, key: &str, wait: Duration) {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, at| *at > now);
        if until.len() < MOST {
            until.insert(key.to_owned(), now + wait);
        }
    }

    /// Until when the issue may not be written, if it may not.
    pub(super) fn held(&self, key: &str) -> Option<Instant> {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(key).copied().filter(|at| *at > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_issue_is_held_for_its_time_and_no_other_issue_is() {
        let turns = Turns::default();
        turns.hold("A-1", Duration::from_secs(3));
        assert!(turns.held("A-1").is_some() && turns.held("A-2").is_none());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(turns.held("A-1").is_none());
        turns.hold("A-2", Duration::from_secs(3));
        assert_eq!(turns.until.lock().map(|until| until.len()).ok(), Some(1), "what is over is forgotten");
    }
}
