//! When an issue may be written again: Jira limits the writes to each one.
//!
//! Who calls: every write. What must stay true: the limit of one issue delays that issue and nothing else; a short wait
//! is waited out here, a long one is the business of whoever tries again; the memory is bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::client::{Jira, Request};
use super::deployment::Deployment;
use crate::job::WriteRight;
use crate::platform::http::Answer;
use crate::platform::{Error, Result};

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

/// Issues that are remembered at once; those whose time is over go first. Each is there for a minute at most.
const MOST: usize = 10_000;

/// By key: from when on the issue may be written.
#[derive(Debug, Default)]
pub(super) struct Turns {
    until: Mutex<HashMap<String, Instant>>,
}

impl Turns {
    fn hold(&self, key: &str, wait: Duration) {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, at| *at > now);
        if until.len() < MOST {
            until.insert(key.to_owned(), now + wait);
        }
    }

    fn held(&self, key: &str) -> Option<Instant> {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(key).copied().filter(|at| *at > Instant::now())
    }
}

impl Jira {
    /// Sends a write to the issue `key` until it is neither in conflict nor over the issue's limit. Both mean that it
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_issue_is_held_for_its_time_and_no_other_issue_is() {
        let turns = Turns::default();
        turns.hold("A-1", Duration::from_secs(3));
        assert!(turns.held("A-1").is_some() && turns.held("A-2").is_none());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(turns.held("A-1").is_none());
        turns.hold("A-2", Duration::from_secs(3));
        assert_eq!(turns.until.lock().map(|until| until.len()).ok(), Some(1), "what is over is forgotten");
    }
}
