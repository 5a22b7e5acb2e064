//! What the runs of a pipeline may spend, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::MAX_SECONDS;

/// What the runs of a pipeline may spend; beyond it they are failed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Budget {
    /// Time for all attempts of one run together. Default: no limit.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub(in crate::config) wall_seconds: Option<u64>,
    /// Attempts that begin for one ticket within 24 hours. Default: no limit.
    // Each is remembered for a day; who wants more than a thousand wants no limit.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::config) attempts_per_day: Option<u16>,
}
