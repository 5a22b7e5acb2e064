//! Hints that a run was asked to stop, so that the process that runs it need not wait for its next heartbeat.
//!
//! Who calls: the backends announce, the consumer's heartbeat listens. What must stay true: a hint is never information.
//! Whoever gets one asks the store, and one that got lost costs the time until the next heartbeat and nothing else.

use tokio::sync::broadcast::{Receiver, Sender, error::RecvError};

use crate::ticket::TicketKey;

/// Hints kept for a listener that is busy; one that falls behind is told that it may have missed one.
const KEPT: usize = 64;

/// Where hints go in. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Announcer(Sender<Option<TicketKey>>);

impl Default for Announcer {
    fn default() -> Self {
        Self(Sender::new(KEPT))
    }
}

impl Announcer {
    /// A run of this ticket was asked to stop; `None`: any may have been, because announcements were missed.
    pub(super) fn announce(&self, ticket: Option<TicketKey>) {
        // Fails only when nobody listens.
        let _ = self.0.send(ticket);
    }

    /// Hears what is announced from now on.
    pub(super) fn listen(&self) -> StopHints {
        StopHints(self.0.subscribe())
    }
}

/// Hears of stops that are asked for after it was made, also while nobody waits.
#[derive(Debug)]
pub struct StopHints(Receiver<Option<TicketKey>>);

impl StopHints {
    /// Resolves when this ticket's run may have been asked to stop. Can be dropped and called again without missing one.
    pub async fn about(&mut self, ticket: &TicketKey) {
        loop {
            match self.0.recv().await {
                Ok(Some(other)) if other != *ticket => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return,
                // The store is gone, and with it whoever could ask.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
