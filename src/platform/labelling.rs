//! Who put a label on a ticket: what each platform's history is searched for.
//!
//! Pure. Who calls: the four searches of `Platform::who_labelled`. What must stay true: labels compare as everywhere else,
//! without regard to case; a history that lags behind its ticket is told from one that has nothing to tell.

use std::time::Duration;

use crate::ticket::{Account, same_label};

/// How long a history may lag behind the ticket that it belongs to: a copy of a platform's database that is a second old.
/// A label that is on the ticket, and has not come by its history, is looked for once more after this.
pub(super) const HISTORY_LAG: Duration = Duration::from_secs(1);

/// That somebody put a label on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelling {
    /// The label, as whoever asked spelled it.
    pub label: String,
    /// Who did.
    pub by: Account,
}

impl Labelling {
    /// That whoever created the ticket gave it the first of the labels.
    pub(super) fn from_the_start(labels: &[&str], creator: Option<Account>) -> Option<Self> {
        Some(Self { label: (*labels.first()?).to_owned(), by: creator? })
    }
}

/// What a history says of some labels that a ticket carries, gathered event by event in any order. Events are told apart
/// by a number that rises.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The newest event, and whether a label came by it.
    newest: Option<(u64, bool)>,
    added: Option<(u64, Option<Labelling>)>,
}

impl History {
    /// One of the labels came; by whom, if the event says that.
    pub(super) fn came(&mut self, event: u64, labelling: Option<Labelling>) {
        self.newest = self.newest.max(Some((event, true)));
        if self.added.as_ref().is_none_or(|(at, _)| *at < event) {
            self.added = Some((event, labelling));
        }
    }

    /// One of the labels went.
    pub(super) fn went(&mut self, event: u64) {
        self.newest = self.newest.max(Some((event, false)));
    }

    /// True when it does not show how the labels got there that are there: it lags behind, or begins late.
    pub(super) fn lags(&self) -> bool {
        self.newest.is_none_or(|(_, came)| !came)
    }

    /// The last addition; the inner `None`: it does not say whose it was.
    pub(super) fn addition(&self) -> Option<&Option<Labelling>> {
        self.added.as_ref().map(|(_, labelling)| labelling)
    }
}

/// The first of `labels` that came between two sets of labels.
pub(super) fn added<'a>(labels: &[&'a str], before: &[&str], after: &[&str]) -> Option<&'a str> {
    let has = |set: &[&str], label: &str| set.iter().any(|one| same_label(one, label));
    labels.iter().copied().find(|label| has(after, label) && !has(before, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_addition_counts_in_whatever_order_it_is_told() {
        let by = |login: &str| {
            let by = Account { id: login.to_owned(), ..Account::default() };
            Some(Labelling { label: "go".to_owned(), by })
        };
        let mut history = History::default();
        assert!(history.lags() && history.addition().is_none());
        history.came(7, by("ada"));
        history.came(3, by("olaf"));
        history.went(5);
        assert_eq!((history.lags(), history.addition()), (false, Some(&by("ada"))));
        history.went(8);
        assert_eq!((history.lags(), history.addition()), (true, Some(&by("ada"))), "it is there and went last");
        history.came(9, None);
        assert_eq!((history.lags(), history.addition()), (false, Some(&None)));
    }

    #[test]
    fn what_came_is_told_from_what_was_there_and_what_went() {
        let labels = ["go", "agent-smith:pending"];
        assert_eq!(added(&labels, &["bug"], &["bug", "Go"]), Some("go"));
        assert_eq!(added(&labels, &["GO"], &["go", "bug"]), None, "another spelling is no other label");
        assert_eq!(added(&labels, &["go"], &[]), None);
        assert_eq!(added(&labels, &["go"], &["go", "Agent-Smith:Pending"]), Some("agent-smith:pending"));
    }
}
