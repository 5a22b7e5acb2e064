//! What a token may still send to a host: whether it is held back, for how long and why, and how many at once.
//!
//! Who calls: [`super::Channel`] before and after every request. What must stay true: all channels with the same host
//! and token share one allowance; the token itself is not kept here; the memory is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{info, warn};

use super::limits::Notice;
use crate::platform::{Error, Result};

/// Requests at once per host and token. GitHub documents 100 for everybody who uses the token; 64 leaves room for other
/// replicas and still gives a thousand trackers their turn within seconds.
const AT_ONCE: usize = 64;

/// Wait after a refusal that names none. GitHub: "wait for at least one minute", then exponentially more.
const UNNAMED_WAIT: Duration = Duration::from_secs(60);

/// The doubling of [`UNNAMED_WAIT`] stops at 16 minutes: a tracker that recovers is noticed within that time.
const MOST_DOUBLINGS: u32 = 4;

/// Allowances that no tracker uses any more and that are remembered because they are held back. One is about 300
/// bytes; more than a thousand tokens out of use within an hour is nothing we have to serve well.
const MOST_UNUSED: usize = 1_000;

/// A host and token that must not be used for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBack {
    /// The host, with its port if it is not the usual one.
    pub host: String,
    /// How long it still lasts.
    pub retry_after: Duration,
    /// What the platform said, such as `primary limit`.
    pub reason: String,
}

/// All allowances of this process.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    salt: RandomState,
    known: Mutex<HashMap<(String, u64), Arc<Allowance>>>,
}

impl Allowances {
    /// The allowance of a host and token, made at the first use. Tokens are told apart by a salted 64-bit hash.
    pub(super) fn of(&self, host: &str, token: &str) -> Arc<Allowance> {
        let mut known = lock(&self.known);
        let unused = known.values().filter(|allowance| Arc::strong_count(allowance) == 1).count();
        known.retain(|_, allowance| {
            Arc::strong_count(allowance) > 1 || (unused < MOST_UNUSED && allowance.held_back().is_some())
        });
        let key = (host.to_owned(), self.salt.hash_one(token));
        Arc::clone(known.entry(key).or_insert_with(|| Arc::new(Allowance::new(host))))
    }

    /// Everything that is held back now.
    pub(super) fn held_back(&self) -> Vec<HeldBack> {
        lock(&self.known).values().filter_map(|allowance| allowance.held_back()).collect()
    }
}

/// What one token may still send to one host.
#[derive(Debug)]
pub(super) struct Allowance {
    host: String,
    turns: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<(Instant, &'static str)>,
    /// Refusals without a named wait, one after the other.
    strikes: u32,
    last_strike: Option<Instant>,
}

impl Allowance {
    fn new(host: &str) -> Self {
        Self { host: host.to_owned(), turns: Semaphore::new(AT_ONCE), state: Mutex::default() }
    }

    /// The host, for messages.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Requests take a permit of this while they are under way.
    pub(super) fn turns(&self) -> &Semaphore {
        &self.turns
    }

    /// Whether the token is held back now.
    pub(super) fn held_back(&self) -> Option<HeldBack> {
        let (until, reason) = lock(&self.state).held?;
        let retry_after = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(HeldBack { host: self.host.clone(), retry_after, reason: reason.to_owned() })
    }

    /// Refuses a request while the token is held back.
    pub(super) fn check(&self) -> Result<()> {
        match self.held_back() {
            Some(HeldBack { retry_after, reason, .. }) => Err(Error::RateLimited { retry_after, reason }),
            None => Ok(()),
        }
    }

    /// Takes note of an answer to a request that was sent at `sent_at`. An error when the request was refused.
    pub(super) fn note(&self, notice: Option<&Notice>, sent_at: Instant) -> Result<()> {
        let Some(notice) = notice else {
            self.went_well(sent_at);
            return Ok(());
        };
        let wait = self.hold(notice, sent_at);
        match notice.refused {
            true => Err(Error::RateLimited { retry_after: wait, reason: notice.reason.to_owned() }),
            false => Ok(()),
        }
    }

    /// An answer to a request that was sent before the last refusal proves nothing.
    fn went_well(&self, sent_at: Instant) {
        let mut state = lock(&self.state);
        if state.last_strike.is_none_or(|at| sent_at > at) {
            state.strikes = 0;
        }
    }

    /// Begins or prolongs the wait; returns how long it lasts from now.
    fn hold(&self, notice: &Notice, sent_at: Instant) -> Duration {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let wait = notice.wait.unwrap_or_else(|| state.strike(sent_at, now));
        let before = state.held.filter(|(until, _)| *until > now);
        let until = before.map_or(now + wait, |(until, _)| until.max(now + wait));
        state.held = Some((until, notice.reason));
        drop(state);
        if before.is_none() {
            let (host, reason, seconds) = (&self.host, notice.reason, wait.as_secs());
            match notice.refused {
                true => warn!(host, wait_s = seconds, "{host} is left alone for {seconds} s: {reason}"),
                false => info!(host, wait_s = seconds, "{host} is left alone for {seconds} s: {reason}"),
            }
        }
        until - now
    }
}

impl State {
    /// Counts a refusal that names no wait. Of several requests under way at once only the first refusal counts.
    fn strike(&mut self, sent_at: Instant, now: Instant) -> Duration {
        if self.last_strike.is_none_or(|at| sent_at > at) {
            self.strikes += 1;
            self.last_strike = Some(now);
        }
        UNNAMED_WAIT * 2_u32.pow(self.strikes.saturating_sub(1).min(MOST_DOUBLINGS))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn refusal(wait: Option<u64>) -> Notice {
        Notice { refused: true, wait: wait.map(Duration::from_secs), reason: "secondary limit" }
    }

    fn seconds(result: Result<()>) -> u64 {
        result.unwrap_err().retry_after().unwrap().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_named_wait_holds_the_token_back_for_that_long() {
        let all = Allowances::default();
        let one = all.of("api.example", "token");
        assert_eq!(seconds(one.note(Some(&refusal(Some(7))), Instant::now())), 7);
        let same = all.of("api.example", "token");
        assert_eq!(seconds(same.check()), 7);
        assert!(all.of("api.example", "other").check().is_ok());
        assert!(all.of("other.example", "token").check().is_ok());
        assert_eq!(all.held_back().len(), 1);
        advance(Duration::from_secs(7)).await;
        assert!(same.check().is_ok());
        assert_eq!(all.held_back(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn unnamed_waits_double_until_a_request_goes_well() {
        let one = Allowances::default().of("api.example", "token");
        for expected in [60, 120, 240, 480, 960, 960] {
            let sent_at = Instant::now();
            assert_eq!(seconds(one.note(Some(&refusal(None)), sent_at)), expected);
            assert_eq!(seconds(one.note(Some(&refusal(None)), sent_at)), expected, "the same burst counts once");
            assert!(one.note(None, sent_at).is_ok(), "an answer from before the refusal proves nothing");
            advance(Duration::from_secs(expected + 1)).await;
        }
        assert!(one.note(None, Instant::now()).is_ok());
        assert_eq!(seconds(one.note(Some(&refusal(None)), Instant::now())), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_wait_does_not_end_a_longer_one() {
        let one = Allowances::default().of("api.example", "token");
        let _ = one.note(Some(&refusal(Some(100))), Instant::now());
        assert_eq!(seconds(one.note(Some(&refusal(Some(5))), Instant::now())), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_used_or_held_back_is_remembered() {
        let all = Allowances::default();
        drop(all.of("a", "1"));
        let _ = all.of("b", "1").note(Some(&refusal(Some(30))), Instant::now());
        let kept = all.of("c", "1");
        assert_eq!(lock(&all.known).len(), 2);
        advance(Duration::from_secs(31)).await;
        drop(all.of("c", "1"));
        assert_eq!(lock(&all.known).len(), 1);
        assert!(kept.check().is_ok());
    }

    #[test]
    fn the_token_is_not_in_the_memory() {
        let all = Allowances::default();
        let _kept = all.of("a", "ghp_very-secret");
        assert!(!format!("{all:?}").contains("very-secret"));
    }
}
