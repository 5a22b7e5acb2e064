//! The budget of a pipeline.
//!
//! Called by `pipelines`. What must stay true: a budget that limits nothing is a mistake and not silence.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::Spot;
use crate::config::model::Budget;
use crate::config::problem::Desk;
use crate::config::raw;

/// The budget as it is meant; without the section, nothing is limited.
pub(super) fn budget(raw: Option<raw::Budget>, spot: Spot<'_>, desk: &mut Desk<'_, '_>) -> Budget {
    let Some(raw) = raw else { return Budget::default() };
    if spot.keys().next().is_none() {
        let message = "this budget limits nothing; give `wall_seconds` or `attempts_per_day`, or remove it";
        desk.error(spot.key_span(), message);
    }
    Budget {
        wall: raw.wall_seconds.map(Duration::from_secs),
        attempts_per_day: raw.attempts_per_day.and_then(|most| NonZeroUsize::new(most.into())),
    }
}
