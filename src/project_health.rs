//! The line of a project on `/health`: what those who call its tracker say of it.
//!
//! Who calls: poll, housekeeping and the consumer, each under a name of its own, so that one's success does not hide
//! another's trouble. What must stay true: a text stays the same while nothing changes; nobody's view outlives his term.

use crate::clock;
use crate::health::{Health, State};
use crate::platform::Error;

/// Says on `/health` how a project's tracker is doing, as `source` sees it.
pub fn report(health: &Health, source: &'static str, project: &str, failure: Option<&Error>) {
    let name = format!("project:{project}");
    match failure {
        None => health.note_as(source, &name, State::Up, ""),
        Some(error) => health.note_as(source, &name, State::Degraded, complaint(error)),
    }
}

/// The error in words that stay the same while nothing changes: what counts down would be a change each time.
fn complaint(error: &Error) -> String {
    match error {
        Error::RateLimited { retry_after, reason } => {
            format!("rate limited ({reason}) until about {} UTC", clock::utc_minute_in(*retry_after))
        }
        other => other.to_string(),
    }
}

/// Takes what `source` said of projects back when a term ends, however it ends: who leads no more does not know.
pub struct Spokesman {
    /// Where it was said.
    pub health: Health,
    /// Who said it.
    pub source: &'static str,
}

impl Drop for Spokesman {
    fn drop(&mut self) {
        self.health.take_back_all(self.source);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wait_that_counts_down_is_no_change() {
        let said = |seconds| {
            let retry_after = Duration::from_secs(seconds);
            complaint(&Error::RateLimited { retry_after, reason: "primary limit".to_owned() })
        };
        // The same moment, seen a second later; at the turn of a minute the text changes once.
        let texts: std::collections::HashSet<String> = (0..30).map(|later| said(1800 - later)).collect();
        assert!(texts.len() <= 2, "{texts:?}");
        assert!(said(1800).starts_with("rate limited (primary limit) until about "));
    }
}
