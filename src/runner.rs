//! The one runner of every long-lived loop: call `tick()`, wait as long as it says, again.
//!
//! A loop is a [`Tick`]; tests call `tick()` themselves and never wait. What must stay true: a tick that has begun is
//! not cut by a soft stop, and nothing runs after `run` returned.

use std::time::Duration;

use rand::RngExt;
use tokio_util::sync::CancellationToken;

/// A loop, one turn at a time.
pub trait Tick: Send {
    /// Does one turn and says how long to wait before the next.
    fn tick(&mut self) -> impl Future<Output = Duration> + Send;

    /// Waits between two turns. Override to be woken by something better than a timer.
    fn rest(&mut self, pause: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(pause)
    }
}

/// Runs a loop until `stop`. Finishes the turn it is in.
pub async fn run(work: &mut impl Tick, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let pause = work.tick().await;
        tokio::select! {
            () = stop.cancelled() => {}
            () = work.rest(pause) => {}
        }
    }
}

/// A pause drawn anew from `base` ± `percent` per cent, so that replicas and projects drift apart.
pub fn with_jitter(base: Duration, percent: u8) -> Duration {
    let spread = f64::from(percent.min(100)) / 100.0;
    base.mul_f64(1.0 + rand::rng().random_range(-spread..=spread))
}

/// Exponential pauses with full jitter for retries of one thing.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// The first pause is up to `first`, each further one up to twice as long, none longer than `ceiling`.
    pub fn new(first: Duration, ceiling: Duration) -> Self {
        Self { next: first, ceiling }
    }

    /// The next pause: at least half of the current step, so that a retry is never immediate.
    pub fn pause(&mut self) -> Duration {
        let step = self.next.min(self.ceiling);
        self.next = step.saturating_mul(2);
        step.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_inside_its_bounds_and_varies() {
        let base = Duration::from_secs(100);
        let drawn: Vec<Duration> = (0..200).map(|_| with_jitter(base, 10)).collect();
        assert!(drawn.iter().all(|pause| (90.0..=110.0).contains(&pause.as_secs_f64())));
        assert!(drawn.iter().any(|pause| *pause > base) && drawn.iter().any(|pause| *pause < base));
        assert_eq!(with_jitter(base, 0), base);
    }

    #[test]
    fn backoff_grows_to_its_ceiling() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let pauses: Vec<Duration> = (0..10).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= Duration::from_millis(100));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(1)));
        assert!(pauses[9] >= Duration::from_millis(500));
    }
}
