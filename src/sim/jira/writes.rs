//! How often one issue may be written: 20 times in 2 s and 100 times in 30 s, as Jira Cloud counts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Writes and the window they are counted in.
const LIMITS: [(usize, Duration); 2] = [(20, Duration::from_secs(2)), (100, Duration::from_secs(30))];
/// Issues that are counted at once; a test has a handful.
const MAX_ISSUES: usize = 10_000;

/// When each issue was written lately, by its id.
#[derive(Debug, Default)]
pub(super) struct IssueWrites {
    times: Mutex<HashMap<u64, VecDeque<Instant>>>,
}

impl IssueWrites {
    /// Counts a write, or says how long to wait for the next one.
    pub(super) fn admit(&self, issue: u64) -> Result<(), Duration> {
        let now = Instant::now();
        let longest = LIMITS[LIMITS.len() - 1].1;
        let mut all = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_ISSUES {
            all.retain(|_, times| times.back().is_some_and(|last| now - *last < longest));
        }
        let times = all.entry(issue).or_default();
        times.retain(|at| now - *at < longest);
        for (most, window) in LIMITS {
            let within = times.iter().filter(|at| now - **at < window);
            if within.clone().count() >= most {
                return Err(within.min().map_or(window, |first| window - (now - *first)));
            }
        }
        times.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twenty_first_write_waits_and_other_issues_do_not() {
        let writes = IssueWrites::default();
        for _ in 0..20 {
            assert_eq!(writes.admit(1), Ok(()));
        }
        assert!(writes.admit(1).is_err_and(|wait| wait <= Duration::from_secs(2) && !wait.is_zero()));
        assert_eq!(writes.admit(2), Ok(()));
    }
}
