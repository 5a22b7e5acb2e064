//! What is remembered of the upper and lower case in which a project has its labels.
//!
//! Who calls: the look-up beside it. What must stay true: what is remembered is bounded and never old.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long an answer is believed. A label in a new spelling is found after that; asking more often would double the
/// calls of an idle poll.
const BELIEVED_FOR: Duration = Duration::from_secs(300);

/// Labels that are remembered. A project has a handful of trigger labels.
const MOST_LABELS: usize = 1_000;

/// What is known of labels, by their configured spelling.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    known: Mutex<HashMap<String, (Instant, Vec<String>)>>,
}

impl Spellings {
    /// What is known of a label, if it is not old.
    pub(super) fn get(&self, label: &str) -> Option<Vec<String>> {
        let known = self.lock();
        let (learnt_at, spellings) = known.get(label)?;
        (learnt_at.elapsed() < BELIEVED_FOR).then(|| spellings.clone())
    }

    /// Remembers the spellings of a label.
    pub(super) fn put(&self, label: &str, spellings: &[String]) {
        let mut known = self.lock();
        if known.len() >= MOST_LABELS {
            known.clear();
        }
        known.insert(label.to_owned(), (Instant::now(), spellings.to_vec()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, Vec<String>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_believed_for_a_while() {
        let spellings = Spellings::default();
        let both = ["a".to_owned(), "A".to_owned()];
        spellings.put("a", &both);
        assert_eq!(spellings.get("a").as_deref(), Some(&both[..]));
        assert_eq!(spellings.get("A"), None);
        tokio::time::advance(BELIEVED_FOR).await;
        assert_eq!(spellings.get("a"), None);
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let spellings = Spellings::default();
        for n in 0..MOST_LABELS + 5 {
            spellings.put(&n.to_string(), &[]);
        }
        assert!(spellings.lock().len() <= MOST_LABELS);
    }
}
