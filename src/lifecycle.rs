//! The five lifecycle labels and how to read them.
//!
//! The store decides what is true; a lifecycle label shows it on the ticket and rebuilds it when the store comes back
//! empty. At rest a ticket carries at most one. A transition adds the new label before it removes the others, so a
//! crash leaves two; [`Lifecycle::of`] says which of them counts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ticket::{Labels, same_label};

/// What every lifecycle label starts with. Labels without it are never touched.
pub const PREFIX: &str = "agent-smith:";

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// Asks for a run, or was put back.
    Pending,
    /// Claimed; its job waits in the queue.
    Enqueued,
    /// A consumer runs its pipeline.
    InProgress,
    /// The run succeeded.
    Done,
    /// The run failed.
    Failed,
}

impl Lifecycle {
    /// Every state, in the order a ticket passes through them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Enqueued, Self::InProgress, Self::Done, Self::Failed];

    /// The label that shows this state.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "agent-smith:pending",
            Self::Enqueued => "agent-smith:enqueued",
            Self::InProgress => "agent-smith:in-progress",
            Self::Done => "agent-smith:done",
            Self::Failed => "agent-smith:failed",
        }
    }

    /// True for Done and Failed.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }

    /// The state that `label` shows, if it is a lifecycle label.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| same_label(state.label(), label))
    }

    /// The state a set of labels shows, `None` without any lifecycle label.
    ///
    /// With several, the furthest counts, with one exception: Pending beside Done or Failed is a person asking for
    /// another run, because we never write that pair. Then the terminal label is old and does not count. So that this
    /// stays readable after a crash, [`Lifecycle::removal_order`] takes Pending away last.
    pub fn of(labels: &Labels) -> Option<Self> {
        let present: Vec<Self> = labels.iter().filter_map(Self::from_label).collect();
        let asked_again = present.contains(&Self::Pending);
        present.into_iter().filter(|state| !(asked_again && state.is_terminal())).max()
    }

    /// The lifecycle labels to remove after `to` was added, in the order that keeps a half-made transition readable.
    /// `to == None` removes every one of them.
    pub fn removal_order(to: Option<Self>) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().rev().filter(move |state| Some(*state) != to)
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Lifecycle::{Done, Enqueued, Failed, InProgress, Pending};

    fn of(states: &[Lifecycle]) -> Option<Lifecycle> {
        Lifecycle::of(&states.iter().map(|state| state.label()).chain(["bug"]).collect())
    }

    #[test]
    fn one_label_speaks_for_itself_in_any_case() {
        for state in Lifecycle::ALL {
            assert_eq!(of(&[state]), Some(state));
            assert_eq!(Lifecycle::from_label(&state.label().to_uppercase()), Some(state));
        }
        assert_eq!(of(&[]), None);
        assert_eq!(Lifecycle::from_label("agent-smith:paused"), None);
    }

    #[test]
    fn the_furthest_of_several_counts() {
        assert_eq!(of(&[Pending, Enqueued]), Some(Enqueued));
        assert_eq!(of(&[Enqueued, InProgress]), Some(InProgress));
        assert_eq!(of(&[InProgress, Done]), Some(Done));
        assert_eq!(of(&[Pending, InProgress]), Some(InProgress));
    }

    #[test]
    fn pending_beside_a_result_asks_for_another_run() {
        assert_eq!(of(&[Pending, Done]), Some(Pending));
        assert_eq!(of(&[Failed, Pending]), Some(Pending));
    }

    /// Every prefix of every transition we make, cut by a crash, must read as the old or the new state.
    #[test]
    fn a_half_made_transition_is_never_misread() {
        let starts: [&[Lifecycle]; 7] =
            [&[Pending], &[Pending, Done], &[Pending, Failed], &[Enqueued], &[InProgress], &[Done], &[]];
        for start in starts {
            for to in Lifecycle::ALL {
                let from = of(start);
                if from.is_some_and(|from| from.is_terminal()) && to != Pending {
                    continue;
                }
                let mut now: Vec<Lifecycle> = start.to_vec();
                now.push(to);
                for removed in Lifecycle::removal_order(Some(to)) {
                    let seen = of(&now);
                    assert!(seen == from || seen == Some(to), "{start:?} -> {to:?} read as {seen:?} at {now:?}");
                    now.retain(|state| *state != removed);
                }
                assert_eq!(of(&now), Some(to));
            }
        }
    }
}
