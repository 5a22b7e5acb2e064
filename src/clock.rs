//! Wall-clock time in the two forms we store and show.
//!
//! Deadlines inside the process use `tokio::time::Instant`; this is for what leaves the process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since the Unix epoch.
pub fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The current time as RFC 3339 in UTC with milliseconds, such as `2026-11-27T08:00:00.000Z`.
pub fn utc_now() -> String {
    DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The minute that begins next after `wait`, such as `14:05`.
pub fn utc_minute_in(wait: Duration) -> String {
    let at = DateTime::<Utc>::from(SystemTime::now() + wait + Duration::from_secs(60));
    at.format("%H:%M").to_string()
}
