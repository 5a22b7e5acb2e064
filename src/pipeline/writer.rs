//! Gets a run's writes to where they belong: asks for the epoch before each, retries what may succeed later.
//!
//! Who calls: the consumer, for label and comment; the steps that write to a platform. What must stay true: a stale epoch
//! writes nothing; a slot is not held for ever by a platform that is away, because after some attempts the job goes back
//! to the queue, with its result recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::job::{JobLease, WriteRight};
use crate::platform;
use crate::runner::Backoff;

/// Attempts of one write before the job is handed back: with the pauses between them about a minute.
const ATTEMPTS: u32 = 7;
/// First pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Attempts before anything has run. The job loses nothing by waiting in the queue, and its slot is free for the jobs
/// of other platforms; one failure more than none, because the first may be a hiccup.
const FIRST_ATTEMPTS: u32 = 2;
/// What a call that is under way at the hard stop may still take; the processes of a run have had three seconds, and
/// after fifteen everything is cut off.
const LAST_CALL: Duration = Duration::from_secs(5);
/// Longest pause between two attempts; a platform that asks for more gets the job handed back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a write was given up.
#[derive(Debug)]
pub enum GivenUp {
    /// The lease is not ours any more.
    LeaseLost,
    /// The process must end.
    Shutdown,
    /// It may succeed later, after this pause.
    Later(Duration, platform::Error),
    /// The platform refuses it for good.
    Refused(platform::Error),
}

/// Asks the store whether a lease is still its job's; `None` when it does not answer.
pub type Confirm = Arc<dyn Fn() -> BoxFuture<'static, Option<bool>> + Send + Sync>;

/// Writes for one lease. Clones share it.
#[derive(Clone)]
pub struct Writer {
    lease: JobLease,
    confirm: Confirm,
    hard: CancellationToken,
    moves_ticket: Arc<AtomicBool>,
}

impl Writer {
    /// Writes while `confirm` agrees, and until shortly after `hard`.
    pub fn new(lease: JobLease, confirm: Confirm, hard: CancellationToken) -> Self {
        Self { lease, confirm, hard, moves_ticket: Arc::default() }
    }

    /// The right that each write shows.
    pub fn right(&self) -> &JobLease {
        &self.lease
    }

    /// Takes note that the run moves its ticket in the platform's workflow, or that nothing came of it.
    pub(super) fn moves_ticket(&self, moves: bool) {
        self.moves_ticket.store(moves, Ordering::SeqCst);
    }

    /// True when the ticket may have been closed by the run itself.
    pub fn has_moved_ticket(&self) -> bool {
        self.moves_ticket.load(Ordering::SeqCst)
    }

    /// True while the store agrees that this lease is the job's. An unreachable store is waited for as long as the
    /// lease lasts.
    pub async fn still_ours(&self) -> bool {
        while self.lease.is_valid() {
            match (self.confirm)().await {
                Some(true) => return true,
                Some(false) => {
                    self.lease.revoke();
                    return false;
                }
                None => tokio::time::sleep(FIRST_PAUSE).await,
            }
        }
        false
    }

    /// Calls the platform until it worked, it is refused, or it is better tried later by whoever takes the job next.
    ///
    /// # Errors
    /// Why it was given up.
    pub async fn insist<'a, T>(
        &self,
        call: impl FnMut() -> BoxFuture<'a, platform::Result<T>> + Send,
    ) -> Result<T, GivenUp> {
        self.attempt(ATTEMPTS, call).await
    }

    /// The same with less patience, for a job that has not begun.
    ///
    /// # Errors
    /// Why it was given up.
    pub async fn try_first<'a, T>(
        &self,
        call: impl FnMut() -> BoxFuture<'a, platform::Result<T>> + Send,
    ) -> Result<T, GivenUp> {
        self.attempt(FIRST_ATTEMPTS, call).await
    }

    /// Calls the platform once, for what is of no use later. `None`: the lease is not ours, or nobody can tell.
    pub async fn once<'a, T>(
        &self,
        call: impl FnOnce() -> BoxFuture<'a, platform::Result<T>> + Send,
    ) -> Option<platform::Result<T>> {
        if !self.lease.is_valid() || (self.confirm)().await != Some(true) {
            return None;
        }
        tokio::select! {
            answer = call() => Some(answer),
            () = self.last_call() => None,
        }
    }

    async fn attempt<'a, T>(
        &self,
        attempts: u32,
        mut call: impl FnMut() -> BoxFuture<'a, platform::Result<T>> + Send,
    ) -> Result<T, GivenUp> {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        for attempt in 1.. {
            if !self.still_ours().await {
                return Err(GivenUp::LeaseLost);
            }
            let answer = tokio::select! {
                answer = call() => answer,
                () = self.last_call() => return Err(GivenUp::Shutdown),
            };
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) if !error.is_temporary() => return Err(GivenUp::Refused(error)),
                Err(error) => error,
            };
            let pause = error.retry_after().unwrap_or(Duration::ZERO).max(backoff.pause());
            if attempt >= attempts || pause > LONGEST_PAUSE {
                return Err(GivenUp::Later(pause, error));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.hard.cancelled() => return Err(GivenUp::Shutdown),
            }
        }
        Err(GivenUp::LeaseLost)
    }

    /// Resolves when the process has to end.
    pub(super) async fn ending(&self) {
        self.hard.cancelled().await;
    }

    /// Resolves when a call that is under way must end because the process does.
    async fn last_call(&self) {
        self.ending().await;
        tokio::time::sleep(LAST_CALL).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::job::{AskedBy, Job};
    use crate::ticket::{PlatformKind, TicketKey};

    /// What is said in between is not insisted on, and a stale epoch says nothing.
    #[tokio::test]
    async fn a_word_in_between_is_tried_once_and_only_while_the_job_is_ours() {
        let job = Job::new(TicketKey::new(PlatformKind::GitHub, "p", "1"), "fix-bug", AskedBy::TriggerLabel);
        let term = (Instant::now(), Duration::from_secs(60));
        let lease = JobLease::obtained(job, (1, 1, "g".to_owned()), None, term);
        for (agreed, calls) in [(Some(true), 1), (Some(false), 0), (None, 0)] {
            let confirm: Confirm = Arc::new(move || Box::pin(async move { agreed }));
            let writer = Writer::new(lease.clone(), confirm, CancellationToken::new());
            let mut called = 0;
            let said = writer.once(|| {
                called += 1;
                Box::pin(async { Err::<(), _>(platform::Error::Transport("away".to_owned())) })
            });
            assert_eq!(said.await.is_some(), calls == 1);
            assert_eq!(called, calls);
        }
    }
}
