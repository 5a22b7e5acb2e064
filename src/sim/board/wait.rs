//! Awaiting a state of the board, for tests and the demo: no sleeping, a bound, and a readable answer when it is over.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::handle::Board;

/// Events per tracker that a dump shows; the newest ones are what explains a timeout.
const DUMPED_EVENTS: usize = 40;
/// Tickets per tracker that a dump shows.
const DUMPED_TICKETS: usize = 100;

/// The board did not get there in time. Its text is a dump of what the board looked like then.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the board did not get there within {} ms; it holds:\n{dump}", bound.as_millis())]
pub struct NotReached {
    /// How long it was awaited.
    pub bound: Duration,
    /// Trackers, tickets and the newest events.
    pub dump: String,
}

/// Readable also where a test prints it with `unwrap`.
impl fmt::Debug for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Board {
    /// Returns as soon as `reached` is true, looking again after every change of the board.
    ///
    /// # Errors
    /// [`NotReached`] when that takes longer than `bound`.
    pub async fn wait_until(&self, reached: impl Fn(&Self) -> bool, bound: Duration) -> Result<(), NotReached> {
        let mut changed = self.changed();
        let wait = async {
            loop {
                changed.mark_unchanged();
                if reached(self) || changed.changed().await.is_err() {
                    return;
                }
            }
        };
        match tokio::time::timeout(bound, wait).await {
            Ok(()) => Ok(()),
            Err(_) => Err(NotReached { bound, dump: self.dump() }),
        }
    }

    /// What the board holds, for a person to read.
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for tracker in self.trackers() {
            let rights = if tracker.can_write { "writable" } else { "read only" };
            let hidden = if tracker.hidden { ", hidden" } else { "" };
            let _ = writeln!(text, "{} ({rights}{hidden})", tracker.name);
            for ticket in self.tickets(&tracker.name).iter().take(DUMPED_TICKETS) {
                let state = if ticket.open { "open" } else { "closed" };
                let labels: Vec<&str> = ticket.labels.iter().collect();
                let (number, comments) = (ticket.number, ticket.comments.len());
                let _ = writeln!(text, "  #{number} {state} {labels:?} comments:{comments} {:?}", ticket.title);
            }
            let history = self.history(&tracker.name);
            for event in history.iter().skip(history.len().saturating_sub(DUMPED_EVENTS)) {
                let _ = writeln!(text, "    {event}");
            }
        }
        text
    }
}
