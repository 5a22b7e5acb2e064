//! What the runs of a pipeline may spend, as it is meant.
//!
//! Built by `check`; read by the consumer before the steps of an attempt begin.

use std::num::NonZeroUsize;
use std::time::Duration;

/// What the runs of a pipeline may spend. Each part that is `None` is without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Time for all attempts of one run together.
    pub wall: Option<Duration>,
    /// Attempts that begin for one ticket within 24 hours.
    pub attempts_per_day: Option<NonZeroUsize>,
}

impl Budget {
    /// True when nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        self.wall.is_none() && self.attempts_per_day.is_none()
    }
}
