//! Named tokens that expire: leases and claim locks.
//!
//! Who calls: `backend`. What must stay true: nobody frees or extends an entry whose token is not theirs; an entry that
//! has expired is free.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// Entries beyond which expired ones are swept out: locks of claims that never came back to unlock.
const SWEEP_ABOVE: usize = 1_000;

/// Who holds what, and until when.
#[derive(Debug)]
pub(super) struct Mutexes<K> {
    held: HashMap<K, (String, Instant)>,
}

impl<K> Default for Mutexes<K> {
    fn default() -> Self {
        Self { held: HashMap::new() }
    }
}

impl<K: Eq + Hash> Mutexes<K> {
    /// Takes a free entry. False: somebody holds it, `token` itself included.
    pub(super) fn take(&mut self, key: K, token: &str, ttl: Duration, now: Instant) -> bool {
        if self.held.len() > SWEEP_ABOVE {
            self.held.retain(|_, (_, until)| now < *until);
        }
        if self.holder(&key, now).is_some() {
            return false;
        }
        self.held.insert(key, (token.to_owned(), now + ttl));
        true
    }

    /// Extends an entry that `token` holds.
    pub(super) fn extend(&mut self, key: K, token: &str, ttl: Duration, now: Instant) -> bool {
        let ours = self.holder(&key, now) == Some(token);
        if ours {
            self.held.insert(key, (token.to_owned(), now + ttl));
        }
        ours
    }

    /// Frees an entry that `token` holds.
    pub(super) fn free(&mut self, key: &K, token: &str, now: Instant) -> bool {
        let ours = self.holder(key, now) == Some(token);
        if ours {
            self.held.remove(key);
        }
        ours
    }

    /// How long until an entry is free, unless its holder extends or frees it.
    pub(super) fn expires_in(&self, key: &K, now: Instant) -> Duration {
        self.held.get(key).map_or(Duration::ZERO, |(_, until)| until.saturating_duration_since(now))
    }

    fn holder(&self, key: &K, now: Instant) -> Option<&str> {
        self.held.get(key).filter(|(_, until)| now < *until).map(|(token, _)| token.as_str())
    }
}
