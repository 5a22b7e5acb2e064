//! The withdrawals that are remembered.
//!
//! Who calls: `queue` and `backend`, under the backend's mutex. What must stay true: never more than
//! [`MAX_WITHDRAWALS`]; the oldest goes first.

use std::collections::HashMap;

use crate::job::Withdrawal;
use crate::store::limits::MAX_WITHDRAWALS;
use crate::ticket::TicketKey;

/// By ticket, with a number that rises with each.
#[derive(Debug, Default)]
pub(super) struct Withdrawals {
    remembered: HashMap<TicketKey, (u64, Withdrawal)>,
    last: u64,
}

impl Withdrawals {
    /// Remembers one, in place of an earlier one of the ticket.
    pub(super) fn remember(&mut self, key: &TicketKey, withdrawal: &Withdrawal) {
        self.last += 1;
        self.remembered.insert(key.clone(), (self.last, withdrawal.clone()));
        if self.remembered.len() > MAX_WITHDRAWALS {
            let oldest = self.remembered.iter().min_by_key(|(_, (number, _))| *number).map(|(key, _)| key.clone());
            oldest.map(|key| self.remembered.remove(&key));
        }
    }

    /// The one of this ticket.
    pub(super) fn of(&self, key: &TicketKey) -> Option<Withdrawal> {
        self.remembered.get(key).map(|(_, withdrawal)| withdrawal.clone())
    }

    /// The tickets that have one.
    pub(super) fn tickets(&self) -> Vec<TicketKey> {
        self.remembered.keys().cloned().collect()
    }

    /// Forgets the one of this ticket.
    pub(super) fn forget(&mut self, key: &TicketKey) {
        self.remembered.remove(key);
    }
}
