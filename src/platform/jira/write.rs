//! Sends a write to an issue, in its turn and past conflicts.
//!
//! Who calls: the labels and the comment. What must stay true: a short wait is waited out here, a long one is the
//! business of whoever tries again.

use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::client::{Jira, Request};
use super::deployment::Deployment;
use crate::job::WriteRight;
use crate::platform::http::Answer;
use crate::platform::{Error, Platform as _, Result};

/// A wait up to this is waited out. Jira allows 20 writes in 2 s, so that 2 s is what it usually asks for; a claim has
/// 28 s in all.
const SHORT: Duration = Duration::from_secs(5);

/// Wait after a refusal that names none: the length of the shorter window.
const UNNAMED: Duration = Duration::from_secs(2);

/// The longer of the two windows (100 writes in 30 s), twice. Nothing longer is believed.
const LONGEST: Duration = Duration::from_secs(60);

/// Attempts of one write, the first included, against 409 and the limit together. A conflict lasts as long as the other
/// write; with the pauses below four repeats take 1.5 s at most.
const ATTEMPTS: u32 = 5;

/// Ceiling of the random pause after the first 409; doubles for each further one.
const PAUSE: Duration = Duration::from_millis(100);

impl Jira {
    /// Sends a write to the issue `key` until it is neither in conflict nor over the limit. Both mean that it
    /// was not carried out, so that it may be sent again whatever it is.
    ///
    /// # Errors
    /// `Conflict` when that does not help in time; else as [`Jira::ask`].
    pub(super) async fn write<'a, F>(&self, key: &str, right: &dyn WriteRight, request: F) -> Result<Answer>
    where
        F: Fn(Deployment) -> Request<'a> + Send + Sync,
    {
        for attempt in 0..ATTEMPTS {
            self.await_turn(key, right).await?;
            let answer = self.ask(&request).await?;
            match answer.status {
                StatusCode::CONFLICT => sleep((PAUSE * 2_u32.pow(attempt)).mul_f64(rand::random::<f64>())).await,
                StatusCode::TOO_MANY_REQUESTS => {
                    let wait = asked_wait(&answer);
                    debug!(ticket.id = key, wait_ms = wait.as_millis() as u64, "too many writes to {key}");
                    self.turns.hold(key, wait);
                }
                _ => return Ok(answer),
            }
        }
        Err(Error::Conflict(format!("others write to issue {key} all the time")))
    }

    /// Waits until a short hold of the whole token is over: an operation that has begun is worth a few seconds. A long
    /// one is left to the layer, which refuses.
    pub(super) async fn be_patient(&self) {
        if let Some(held) = self.held_back().filter(|held| held.retry_after <= SHORT) {
            sleep(held.retry_after).await;
        }
    }

    async fn await_turn(&self, key: &str, right: &dyn WriteRight) -> Result<()> {
        let Some(until) = self.turns.held(key) else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if wait > SHORT || until >= right.valid_until() {
            let seconds = wait.as_secs_f64().ceil();
            return Err(Error::Conflict(format!("Jira accepts no write to issue {key} for another {seconds} s")));
        }
        sleep_until(until).await;
        Ok(())
    }
}

fn asked_wait(answer: &Answer) -> Duration {
    let asked = answer.header("retry-after").and_then(|text| text.parse().ok()).map_or(UNNAMED, Duration::from_secs);
    asked.min(LONGEST)
}
