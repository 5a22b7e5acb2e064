//! Values that are remembered for a while: deliveries and how they were answered, tickets that webhooks offered.
//!
//! Who calls: `backend`. What must stay true: what has expired is not there; the memory never holds more than its limit,
//! and what is forgotten for it would have expired first.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use tokio::time::Instant;

/// Values by key, each until its end.
#[derive(Debug)]
pub(super) struct Expiring<K, V> {
    values: HashMap<K, (V, Instant)>,
    ends: BTreeSet<(Instant, K)>,
    most: usize,
}

impl<K: Clone + Eq + Hash + Ord, V> Expiring<K, V> {
    /// Remembers `most` values at once.
    pub(super) fn holding(most: usize) -> Self {
        Self { values: HashMap::new(), ends: BTreeSet::new(), most }
    }

    /// The value, unless it has expired.
    pub(super) fn get(&self, key: &K, now: Instant) -> Option<&V> {
        self.values.get(key).filter(|(_, end)| now < *end).map(|(value, _)| value)
    }

    /// Remembers a value until `end`, in place of the one before.
    pub(super) fn set(&mut self, key: K, value: V, end: Instant, now: Instant) {
        self.remove(&key);
        while let Some((first, _)) = self.ends.first()
            && (*first <= now || self.values.len() >= self.most)
            && let Some((_, forgotten)) = self.ends.pop_first()
        {
            self.values.remove(&forgotten);
        }
        self.ends.insert((end, key.clone()));
        self.values.insert(key, (value, end));
    }

    /// Forgets a value.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some((_, end)) = self.values.remove(key) {
            self.ends.remove(&(end, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_full_memory_forgets_what_would_end_first() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut memory = Expiring::holding(2);
        memory.set("long", 1, now + 9 * second, now);
        memory.set("short", 2, now + second, now);
        memory.set("long", 3, now + 9 * second, now);
        memory.set("other", 4, now + 5 * second, now);
        assert_eq!((memory.get(&"short", now), memory.get(&"long", now)), (None, Some(&3)));
        assert_eq!(memory.get(&"other", now + 5 * second), None, "its end has come");
        memory.set("late", 5, now + 9 * second, now + 6 * second);
        assert_eq!((memory.values.len(), memory.ends.len()), (2, 2), "the expired one made room");
        memory.remove(&"late");
        assert_eq!((memory.values.len(), memory.ends.len()), (1, 1));
    }
}
