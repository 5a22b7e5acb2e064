//! One leader among the replicas: a follower/leader state machine over a lease in the store.
//!
//! Knows nothing of what it runs. A leader trusts its lease until *start of the last successful attempt + TTL −
//! margin*; if it could not renew by then it stops its work, waits for it, and competes again. What must stay true:
//! two processes never work at once, also when one was frozen or cut off; a clean stop hands over at once.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use rand::RngExt;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use crate::availability::Availability;
use crate::config::{self, Live};
use crate::health::{Health, State};
use crate::store::{Acquisition, LeaseName, Store};

/// Pause after a renewal that got no answer, while the lease is still trusted.
const RENEW_RETRY: Duration = Duration::from_secs(1);
/// Followers knock this long after the lease can have expired, spread at random so that they do not knock in step. A
/// crashed leader is replaced within the lease's length and this.
const SPREAD: Duration = Duration::from_millis(300);

/// Competes for one lease.
pub struct Leader {
    /// Where the lease is.
    pub store: Arc<dyn Store>,
    /// Waited for while the store is away.
    pub availability: Availability,
    /// Where to say whether this process leads.
    pub health: Health,
    /// Which lease.
    pub name: LeaseName,
    /// This process, unique among all replicas and starts.
    pub holder: String,
    /// How long the lease lasts and how often it is renewed; read anew at each term.
    pub config: Live,
}

/// Why a term ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// We were asked to stop.
    Stop,
    /// The lease is somebody else's, or we could not prove that it is still ours.
    Lost,
    /// The work ended although nobody asked it to.
    WorkEnded,
}

impl Leader {
    /// Competes until `stop`, running `work` during each term. `work` must end soon after its token is cancelled; it
    /// is aborted when it does not end before the lease can have expired.
    pub async fn run<F>(self, stop: CancellationToken, mut work: impl FnMut(CancellationToken) -> F + Send)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while !stop.is_cancelled() {
            let times = self.config.current().agent.leader;
            // Listening begins before the attempt, so that a lease given up in between is not missed. The attempt is
            // heard out all the same: one that was dropped may have obtained a lease that nobody would give up.
            let mut released = pin!(self.store.lease_released().fuse());
            let asked_at = Instant::now();
            let mut attempt = pin!(self.store.acquire_lease(self.name, &self.holder, times.lease));
            let (attempt, missed) = tokio::select! {
                biased;
                () = &mut released => (attempt.await, true),
                attempt = &mut attempt => (attempt, false),
            };
            match attempt {
                Ok(Acquisition::HeldByOther { .. }) if missed => {}
                Ok(Acquisition::Obtained) => self.lead(asked_at, times, &stop, &mut work).await,
                Ok(Acquisition::HeldByOther { expires_in }) => {
                    self.report(State::Up, "following");
                    follow(expires_in, released, &stop).await;
                }
                Err(error) => {
                    self.availability.report(&error);
                    self.report(State::Down, crate::health::WAITING_FOR_STORE);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = self.availability.until_up() => self.breathe(&error).await,
                    }
                }
            }
        }
    }

    async fn lead<F>(
        &self,
        asked_at: Instant,
        times: config::Leader,
        stop: &CancellationToken,
        work: &mut (impl FnMut(CancellationToken) -> F + Send),
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        info!(lease.name = self.name.as_str(), lease.holder = self.holder, "leading the {}", self.name.as_str());
        self.report(State::Up, "leading");
        let term = CancellationToken::new();
        let mut running = AbortOnDropHandle::new(tokio::spawn(work(term.clone())));
        let (end, trusted_until) = self.hold(asked_at, times, stop, &mut running).await;
        term.cancel();
        if end != End::WorkEnded && timeout_at(trusted_until + margin(times), &mut running).await.is_err() {
            warn!(lease.name = self.name.as_str(), "work did not end with its term and was aborted");
            running.abort();
            // Only an aborted task is over; competing again, or giving the lease up, must wait for that.
            let _ = (&mut running).await;
        }
        self.step_down(end).await;
        if end == End::WorkEnded {
            // A defect, which must not make a busy loop of terms.
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(times.renew) => {}
            }
        }
    }

    /// Renews until the term ends. Returns why it ended and until when the lease was to be trusted.
    async fn hold(
        &self,
        asked_at: Instant,
        times: config::Leader,
        stop: &CancellationToken,
        running: &mut AbortOnDropHandle<()>,
    ) -> (End, Instant) {
        let mut trusted_until = trusted_until(asked_at, times);
        let mut renew_at = asked_at + times.renew;
        loop {
            tokio::select! {
                () = stop.cancelled() => return (End::Stop, trusted_until),
                _ = &mut *running => return (End::WorkEnded, trusted_until),
                () = tokio::time::sleep_until(renew_at.min(trusted_until)) => {}
            }
            let asked_at = Instant::now();
            if asked_at >= trusted_until {
                return (End::Lost, trusted_until);
            }
            let renewal = self.store.renew_lease(self.name, &self.holder, times.lease);
            match timeout_at(trusted_until, renewal).await {
                Ok(Ok(true)) => {
                    trusted_until = self::trusted_until(asked_at, times);
                    renew_at = asked_at + times.renew;
                }
                // Somebody else may lead already: the work has the margin to end in, and no more.
                Ok(Ok(false)) => return (End::Lost, Instant::now()),
                Ok(Err(error)) => {
                    self.availability.report(&error);
                    renew_at = Instant::now() + RENEW_RETRY;
                }
                Err(_late) => return (End::Lost, trusted_until),
            }
        }
    }

    async fn step_down(&self, end: End) {
        let lease = self.name.as_str();
        match end {
            End::Stop => info!(lease.name = lease, "stepping down"),
            End::Lost => {
                self.report(State::Degraded, "stepped down: the lease could not be renewed");
                return;
            }
            End::WorkEnded => {
                error!(lease.name = lease, "work ended inside its term; giving the lease up");
                self.report(State::Degraded, "the work broke off; trying again");
            }
        }
        if let Err(error) = self.store.release_lease(self.name, &self.holder).await {
            warn!(lease.name = lease, %error, "could not release the lease; it expires by itself");
        }
    }

    /// An error that is no outage must not make a busy loop.
    async fn breathe(&self, error: &crate::store::Error) {
        if !matches!(error, crate::store::Error::Unavailable(_)) {
            tokio::time::sleep(RENEW_RETRY).await;
        }
    }

    fn report(&self, state: State, reason: &str) {
        self.health.set(self.name.as_str(), state, reason);
    }
}

/// Waits until the lease may be free: somebody released it, or nobody has renewed it.
async fn follow(expires_in: Duration, released: impl Future<Output = ()>, stop: &CancellationToken) {
    let pause = expires_in + SPREAD.mul_f64(rand::rng().random_range(0.0..=1.0));
    tokio::select! {
        () = stop.cancelled() => {}
        () = released => {}
        () = tokio::time::sleep(pause) => {}
    }
}

/// Until when a lease is trusted that was asked for at `asked_at`.
fn trusted_until(asked_at: Instant, times: config::Leader) -> Instant {
    asked_at + times.lease.saturating_sub(margin(times))
}

/// What is kept back for work that has to end and for clocks that run at different speeds.
fn margin(times: config::Leader) -> Duration {
    (times.lease / 6).min(Duration::from_secs(5))
}
