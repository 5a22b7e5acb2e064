//! [`Hooks`]: the handle on the webhooks of one simulated platform.
//!
//! Tests and the demo register webhooks and look at what became of deliveries; `sender.rs` beside it does the work.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::dialect::Dialect;
use super::hook::Hook;
use super::record::Delivery;
use crate::sim::board::Board;

/// Hooks on one platform; a test has a handful.
const MAX_HOOKS: usize = 1_000;
/// Deliveries that are remembered; the oldest go first.
pub(super) const MAX_DELIVERIES: usize = 20_000;
/// Requests under way at once: a platform has many workers, and one slow receiver does not hold up the rest.
const MAX_AT_ONCE: usize = 32;

/// The webhooks of one simulated platform. A clone is the same handle.
#[derive(Debug, Clone)]
pub struct Hooks {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) board: Board,
    pub(super) dialect: Dialect,
    pub(super) server: OnceLock<(String, CancellationToken)>,
    pub(super) state: Mutex<State>,
    pub(super) at_once: Arc<Semaphore>,
    pub(super) changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) hooks: Vec<Registered>,
    pub(super) deliveries: VecDeque<(u64, Delivery)>,
    pub(super) sent: u64,
    /// Happenings that the board told; set as soon as somebody listens.
    pub(super) told: Option<Arc<AtomicU64>>,
    pub(super) seen: u64,
    pub(super) under_way: usize,
    pub(super) lose: u32,
    pub(super) double: u32,
    pub(super) pause: Option<Duration>,
}

#[derive(Debug)]
pub(super) struct Registered {
    pub(super) hook: Hook,
    pub(super) number: u64,
    /// Only what the board did after this is delivered.
    pub(super) since: u64,
    pub(super) failures_in_a_row: u32,
    pub(super) is_enabled: bool,
}

/// Set.
impl Hooks {
    pub(in crate::sim) fn new(board: Board, dialect: Dialect) -> Self {
        let (server, state) = (OnceLock::new(), Mutex::default());
        let (at_once, changed) = (Arc::new(Semaphore::new(MAX_AT_ONCE)), watch::Sender::new(0));
        Self { inner: Arc::new(Inner { board, dialect, server, state, at_once, changed }) }
    }

    /// The server listens at `origin` until `stop`; so long deliveries are sent.
    pub(in crate::sim) fn open(&self, origin: String, stop: CancellationToken) {
        // A server starts once.
        let _ = self.inner.server.set((origin, stop));
    }

    /// Registers a webhook and returns its number: everything that happens from now on is delivered to it. Beyond 1,000 the
    /// oldest goes. Must be called inside a tokio runtime.
    pub fn add(&self, hook: Hook) -> u64 {
        let since = *self.inner.board.changed().borrow();
        let mut state = self.state();
        let number = state.hooks.last().map_or(1, |last| last.number + 1);
        if state.hooks.len() == MAX_HOOKS {
            state.hooks.remove(0);
        }
        state.hooks.push(Registered { hook, number, since, failures_in_a_row: 0, is_enabled: true });
        if state.told.is_none() {
            let listener = self.inner.board.listen();
            state.told = Some(listener.told());
            tokio::spawn(self.clone().follow(listener));
        }
        number
    }

    /// Enables a webhook that the platform disabled, as a person does.
    pub fn enable(&self, number: u64) {
        for hook in self.state().hooks.iter_mut().filter(|hook| hook.number == number) {
            (hook.is_enabled, hook.failures_in_a_row) = (true, 0);
        }
    }

    /// The next so many deliveries do not arrive.
    pub fn lose_next(&self, count: u32) {
        self.state().lose = count;
    }

    /// The next so many deliveries arrive twice at once.
    pub fn double_next(&self, count: u32) {
        self.state().double = count;
    }

    /// From now on every retry comes this long after the failure, instead of seconds, minutes or hours.
    pub fn retry_after(&self, pause: Duration) {
        self.state().pause = Some(pause);
    }

    /// Sends a delivery again, the same bytes under the same identifier, as the button on a platform does.
    pub fn redeliver(&self, id: &str) {
        let found = {
            let state = self.state();
            let found = state.deliveries.iter().rev().find(|(_, delivery)| delivery.id == id);
            found.map(|(hook, delivery)| (*hook, delivery.id.clone()))
        };
        if let Some((hook, id)) = found {
            self.send(hook, id);
        }
    }
}

/// Look.
impl Hooks {
    /// The last 20,000 deliveries, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state().deliveries.iter().map(|(_, delivery)| delivery.clone()).collect()
    }

    /// Whether the platform still sends to this webhook.
    pub fn is_enabled(&self, number: u64) -> bool {
        self.state().hooks.iter().any(|hook| hook.number == number && hook.is_enabled)
    }

    /// True as soon as everything that happened on the board is delivered and answered, or given up; false when that takes
    /// longer than `bound`.
    pub async fn settled(&self, bound: Duration) -> bool {
        let mut changed = self.inner.changed.subscribe();
        let wait = async {
            loop {
                changed.mark_unchanged();
                if self.is_at_rest() || changed.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(bound, wait).await.is_ok()
    }

    fn is_at_rest(&self) -> bool {
        let state = self.state();
        let told = state.told.as_ref().map_or(0, |told| told.load(Ordering::SeqCst));
        state.seen >= told && state.under_way == 0
    }
}

/// For the sender.
impl Hooks {
    pub(super) fn tell(&self) {
        self.inner.changed.send_modify(|version| *version += 1);
    }

    /// A panic inside the mutex is a bug of ours; what it guards is still the best there is to look at.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
