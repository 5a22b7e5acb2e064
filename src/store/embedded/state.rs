//! What the in-process store holds.
//!
//! Who calls: `backend`, under its mutex.

use std::time::Duration;

use tokio::time::Instant;

use super::attempts::Attempts;
use super::expiring::Expiring;
use super::mutexes::Mutexes;
use super::queue::Queue;
use super::records::Records;
use crate::job::JobLease;
use crate::run_record::RunRecord;
use crate::store::limits::{MAX_DELIVERIES, MAX_LAST_RUNS};
use crate::store::view::LastRun;
use crate::store::{Attempt, AttemptLimits, LeaseName};
use crate::ticket::{PlatformKind, TicketKey};

/// Everything, in one place.
#[derive(Debug)]
pub(super) struct State {
    pub(super) leases: Mutexes<LeaseName>,
    pub(super) claim_locks: Mutexes<TicketKey>,
    pub(super) queue: Queue,
    pub(super) attempts: Attempts,
    pub(super) records: Records,
    pub(super) deliveries: Expiring<String, Delivery>,
    pub(super) offered: Expiring<TicketKey, ()>,
    pub(super) last_offers: Expiring<(PlatformKind, String), Instant>,
    pub(super) last_runs: Expiring<TicketKey, (LastRun, Instant)>,
}

/// What is known of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Who is at work on it.
    Held(String),
    /// How it was answered.
    Answered(String),
}

impl Default for State {
    fn default() -> Self {
        Self {
            leases: Mutexes::default(),
            claim_locks: Mutexes::default(),
            queue: Queue::default(),
            attempts: Attempts::default(),
            records: Records::default(),
            deliveries: Expiring::holding(MAX_DELIVERIES),
            offered: Expiring::holding(MAX_DELIVERIES),
            last_offers: Expiring::holding(MAX_DELIVERIES),
            last_runs: Expiring::holding(MAX_LAST_RUNS),
        }
    }
}

impl State {
    /// A record as it stands now.
    pub(super) fn settled(&self, run: RunRecord) -> RunRecord {
        let live = self.queue.live_run(&run.key, &run.run_id);
        run.settled(live.as_ref())
    }

    /// True when the delivery is `holder`'s to act on.
    pub(super) fn holds_delivery(&self, id: &str, holder: &str, now: Instant) -> bool {
        matches!(self.deliveries.get(&id.to_owned(), now), Some(Delivery::Held(by)) if by == holder)
    }

    /// Lets the steps of an attempt begin, if the limits do.
    pub(super) fn begin_attempt(&mut self, lease: &JobLease, limits: &AttemptLimits<'_>, now: Instant) -> Attempt {
        let (key, epoch) = (&lease.job.key, lease.epoch);
        if !self.queue.holds(key, epoch) {
            return Attempt::Lost;
        }
        let spent = self.queue.spent_before(key);
        if limits.wall.zip(spent).is_some_and(|(wall, spent)| spent >= wall) {
            return Attempt::NoTimeLeft;
        }
        let attempt = (lease.job.run_id.clone(), lease.attempt);
        let count = |most| self.attempts.count((limits.counted_for, attempt), most, limits.window, now);
        match limits.attempts.map_or(Ok(Duration::ZERO), count) {
            Err(room_in) => Attempt::NoneLeft { room_in },
            Ok(next_in) => Attempt::Begun { spent: self.queue.begin(key, now), next_in },
        }
    }
}
