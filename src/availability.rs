//! Whether the store answers, found out by one prober for the whole process.
//!
//! Every loop that gets [`store::Error::Unavailable`](crate::store::Error) reports it here and waits in
//! [`Availability::until_up`]; while the store is away only the prober knocks. What must stay true: an outage is
//! logged once, its end once, and everybody goes on at the same moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::error;

use crate::health::{Health, State};
use crate::runner::Tick;
use crate::store::{Error, Store};

/// Pause between two probes of a store that answers: a dead one is noticed by idle processes too.
const PROBE: Duration = Duration::from_secs(5);
/// Shortest pause between two probes of a store that does not answer.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// A store that has answered for this long is over its outage: two probes and everything that the loops asked between.
const STEADY: Duration = Duration::from_secs(10);

/// Shared view of the store's availability. Clones share it.
#[derive(Clone)]
pub struct Availability {
    store: Arc<dyn Store>,
    health: Health,
    subsystem: &'static str,
    retry_ceiling: Duration,
    up: watch::Sender<bool>,
    told: Arc<Mutex<String>>,
}

impl Availability {
    /// Reports on `/health` under `redis`, or `store` for the embedded one. `retry_ceiling` is the longest pause
    /// between two probes of a store that is away.
    pub fn new(store: Arc<dyn Store>, health: Health, retry_ceiling: Duration) -> Self {
        let subsystem = if store.kind() == "redis" { "redis" } else { "store" };
        Self { store, health, subsystem, retry_ceiling, up: watch::Sender::new(true), told: Arc::default() }
    }

    /// The store's name on `/health`.
    pub fn subsystem(&self) -> &'static str {
        self.subsystem
    }

    /// Takes note of an error; only [`Error::Unavailable`] counts as an outage. Anything else is logged, once as long as
    /// nothing else happens, because whoever reports it tries again and again.
    pub fn report(&self, error: &Error) {
        match error {
            Error::Unavailable(reason) => self.set_down(reason),
            Error::Malformed(_) | Error::Full(_) => {
                let text = error.to_string();
                let mut last = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if *last != text {
                    match error {
                        Error::Full(_) => error!("{text}"),
                        _ => error!(
                            error = text,
                            "the store gave an answer that cannot be used; see its log and its keys"
                        ),
                    }
                    *last = text;
                }
            }
        }
    }

    /// Resolves at once while the store answers, else when it does again.
    pub async fn until_up(&self) {
        let mut up = self.up.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = up.wait_for(|up| *up).await;
    }

    /// True while the store answers, as far as we know.
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// The loop that probes.
    pub fn prober(&self) -> Prober {
        Prober { availability: self.clone(), away_since: None, answers_since: None }
    }

    fn set_down(&self, reason: &str) {
        let changed = self.up.send_if_modified(|up| std::mem::replace(up, false));
        if changed || self.health.state_of(self.subsystem) != Some(State::Down) {
            self.health.set(self.subsystem, State::Down, format!("{reason}; retrying until it answers"));
        }
    }

    fn set_up(&self) {
        self.health.set(self.subsystem, State::Up, "");
        self.up.send_if_modified(|up| !std::mem::replace(up, true));
    }
}

/// Pings the store: rarely while it answers, often at the beginning of an outage.
///
/// A store that answers the ping and fails its users soon after is still in the same outage, so that the pauses go on
/// growing: else everybody would be woken and disappointed in a busy loop.
pub struct Prober {
    availability: Availability,
    away_since: Option<Instant>,
    answers_since: Option<Instant>,
}

impl Tick for Prober {
    async fn tick(&mut self) -> Duration {
        let now = Instant::now();
        if !self.availability.is_up() {
            self.away_since.get_or_insert(now);
            self.answers_since = None;
        }
        match self.availability.store.ping().await {
            Ok(()) => {
                if self.answers_since.get_or_insert(now).elapsed() >= STEADY {
                    self.away_since = None;
                }
                self.availability.set_up();
                PROBE
            }
            Err(error) => {
                self.answers_since = None;
                let since = *self.away_since.get_or_insert(now);
                // The same words as in `report`: other words for the same outage would be a change and a line in the log.
                match &error {
                    Error::Unavailable(reason) => self.availability.set_down(reason),
                    Error::Malformed(_) | Error::Full(_) => self.availability.set_down(&error.to_string()),
                }
                retry_pause(since.elapsed(), self.availability.retry_ceiling)
            }
        }
    }

    /// An outage that another loop noticed is probed at once, its relapse after a pause.
    async fn rest(&mut self, pause: Duration) {
        let mut up = self.availability.up.subscribe();
        tokio::select! {
            () = tokio::time::sleep(pause) => return,
            _ = up.wait_for(|up| !*up), if self.answers_since.is_some() => {}
        }
        if let Some(since) = self.away_since {
            tokio::time::sleep(retry_pause(since.elapsed(), self.availability.retry_ceiling)).await;
        }
    }
}

/// A quarter of the outage so far: the end of a short one is seen at once, that of a long one costs few attempts.
fn retry_pause(outage: Duration, ceiling: Duration) -> Duration {
    (outage / 4).max(FIRST_RETRY).min(ceiling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_full_is_not_away() {
        let store = Arc::new(crate::store::embedded::EmbeddedStore::new());
        let availability = Availability::new(store, Health::default(), Duration::from_secs(30));
        availability.report(&Error::Full("the queue is full".to_owned()));
        assert!(availability.is_up());
        availability.report(&Error::Unavailable("gone".to_owned()));
        assert!(!availability.is_up());
    }

    #[test]
    fn retries_begin_fast_and_end_at_the_ceiling() {
        let ceiling = Duration::from_secs(30);
        assert_eq!(retry_pause(Duration::ZERO, ceiling), FIRST_RETRY);
        assert_eq!(retry_pause(Duration::from_secs(8), ceiling), Duration::from_secs(2));
        assert_eq!(retry_pause(Duration::from_secs(3600), ceiling), ceiling);
        assert_eq!(retry_pause(Duration::from_secs(3600), Duration::from_secs(1)), Duration::from_secs(1));
    }
}
