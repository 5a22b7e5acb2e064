//! What the handlers of the face share.

use std::sync::Arc;
use std::time::Duration;

use super::guard::SignIn;
use crate::sim::board::{Board, TicketView};
use crate::sim::faults::Faults;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(super) struct Face {
    pub(super) board: Board,
    pub(super) faults: Faults,
    pub(super) token: Arc<str>,
    pub(super) login: Arc<str>,
    pub(super) prefix: Arc<str>,
    /// State of an open ticket, and of a closed one.
    pub(super) states: (Arc<str>, Arc<str>),
    /// The newest api-version, such as `(7, 1)`.
    pub(super) newest: (u32, u32),
    pub(super) sign_in: SignIn,
    pub(super) delay: Duration,
    pub(super) most_results: usize,
    pub(super) may_create_tags: bool,
    pub(super) contains_parts: bool,
}

impl Face {
    /// The state that a ticket is in.
    pub(super) fn state(&self, ticket: &TicketView) -> &str {
        if ticket.open { &self.states.0 } else { &self.states.1 }
    }
}
