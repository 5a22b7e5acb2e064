//! The attempts that began lately, by what they are counted for.
//!
//! Who calls: `backend`, under its mutex. What must stay true: never more than [`MAX_COUNTED`] tickets, and of each no
//! more attempts than its limit.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::time::Instant;

use super::expiring::Expiring;
use crate::store::limits::MAX_COUNTED;

/// Runs, numbers and times of attempts, the oldest first.
#[derive(Debug)]
pub(super) struct Attempts(Expiring<String, Vec<(Number, Instant)>>);

/// A run and the number of its attempt. One that is handed back keeps its number, and so counts once however often it is
/// begun.
pub(super) type Number = (String, u32);

impl Default for Attempts {
    fn default() -> Self {
        Self(Expiring::holding(MAX_COUNTED))
    }
}

impl Attempts {
    /// Counts this attempt, once, and says when there is room for one more.
    ///
    /// # Errors
    /// When there is room for this one.
    pub(super) fn count(
        &mut self,
        (counted_for, attempt): (&str, Number),
        most: NonZeroUsize,
        window: Duration,
        now: Instant,
    ) -> Result<Duration, Duration> {
        let counts = |(_, at): &(Number, Instant)| now.saturating_duration_since(*at) < window;
        let known = self.0.get(&counted_for.to_owned(), now).into_iter().flatten();
        let mut begun: Vec<(Number, Instant)> = known.filter(|begun| counts(begun)).cloned().collect();
        let room_in = |begun: &[(Number, Instant)]| {
            let last = begun.len().checked_sub(most.get()).map(|over| begun[over].1);
            last.map_or(Duration::ZERO, |last| (last + window).saturating_duration_since(now))
        };
        if begun.iter().any(|(known, _)| *known == attempt) {
            return Ok(room_in(&begun));
        }
        if begun.len() >= most.get() {
            return Err(room_in(&begun));
        }
        begun.push((attempt, now));
        let next_in = room_in(&begun);
        self.0.set(counted_for.to_owned(), begun, now + window, now);
        Ok(next_in)
    }
}
