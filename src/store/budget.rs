//! How many attempts may begin, and how long a run may take.
//!
//! Who calls: the consumer, with the budget of a pipeline; the backends count. What must stay true: an attempt counts once;
//! what is counted ends by itself.

use std::num::NonZeroUsize;
use std::time::Duration;

/// What an attempt is measured against before its steps begin.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits<'a> {
    /// What attempts are counted for, in one line: it names the ticket however it was found.
    pub counted_for: &'a str,
    /// Most attempts within `window`; `None`: they are not counted.
    pub attempts: Option<NonZeroUsize>,
    /// For how long an attempt counts.
    pub window: Duration,
    /// Most time for all attempts of the run together; `None`: no limit.
    pub wall: Option<Duration>,
}

/// What became of an attempt that wanted to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It is counted and may begin.
    Begun {
        /// Time that earlier attempts of the run took.
        spent: Duration,
        /// When the attempts let one more begin; zero when at once.
        next_in: Duration,
    },
    /// The time for the run is used up.
    NoTimeLeft,
    /// As many have begun as may.
    NoneLeft {
        /// When there is room again.
        room_in: Duration,
    },
    /// The epoch is stale. Nothing was counted.
    Lost,
}
