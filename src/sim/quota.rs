//! The request quota of a token: how much there is, how much was used, when it is full again.
//!
//! Faces ask before and count after; tests set it through [`super::Faults`]. Windows end on whole seconds, because
//! platforms announce the end as one: whoever waits until the announced second is let in.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::unix_millis;

/// A quota at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaView {
    /// Requests in one window.
    pub limit: u32,
    /// Used in this window.
    pub used: u32,
    /// When the window ends, in seconds since the Unix epoch.
    pub reset_epoch_seconds: u64,
    /// The status that a platform with two customs answers with when nothing remains: 403 or 429.
    pub refusal_status: u16,
}

impl QuotaView {
    /// Left in this window.
    pub fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

#[derive(Debug)]
pub(super) struct Quota {
    window: Duration,
    now: Mutex<QuotaView>,
}

impl Quota {
    pub(super) fn new(limit: u32, window: Duration) -> Self {
        let reset_epoch_seconds = end_of(window);
        Self { window, now: Mutex::new(QuotaView { limit, used: 0, reset_epoch_seconds, refusal_status: 403 }) }
    }

    pub(super) fn view(&self) -> QuotaView {
        self.change(|_| {})
    }

    pub(super) fn spend(&self) {
        self.change(|now| now.used = now.used.saturating_add(1).min(now.limit));
    }

    pub(super) fn exhaust(&self, reset_in: Duration, refusal_status: u16) {
        self.change(|now| {
            now.used = now.limit;
            now.reset_epoch_seconds = end_of(reset_in);
            now.refusal_status = refusal_status;
        });
    }

    pub(super) fn refill(&self) {
        self.change(|now| now.reset_epoch_seconds = 0);
        self.view();
    }

    /// Applies `change`, after a new window was begun if the last one is over.
    fn change(&self, change: impl FnOnce(&mut QuotaView)) -> QuotaView {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if unix_millis() >= now.reset_epoch_seconds.saturating_mul(1000) {
            now.used = 0;
            now.reset_epoch_seconds = end_of(self.window);
        }
        change(&mut now);
        *now
    }
}

/// The whole second at or after `from_now`.
fn end_of(from_now: Duration) -> u64 {
    let millis = u64::try_from(from_now.as_millis()).unwrap_or(u64::MAX);
    unix_millis().saturating_add(millis).div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_quota_is_full_again_at_the_announced_second() {
        let quota = Quota::new(10, Duration::from_secs(3600));
        quota.spend();
        assert_eq!(quota.view().remaining(), 9);
        quota.exhaust(Duration::from_secs(60), 429);
        let view = quota.view();
        assert_eq!((view.remaining(), view.refusal_status), (0, 429));
        assert!(view.reset_epoch_seconds * 1000 >= unix_millis() + 59_000);
        quota.refill();
        assert_eq!(quota.view().remaining(), 10);
        quota.exhaust(Duration::ZERO, 403);
        let bound = unix_millis() + 5_000;
        while quota.view().remaining() == 0 {
            assert!(unix_millis() < bound, "the window never ended");
            std::thread::yield_now();
        }
    }
}
