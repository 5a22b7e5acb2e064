//! One call through the layer: hold-back check, turn, attempt, whole body, verdict, repeat.
//!
//! Who calls: the platforms, for every request. What must stay true is listed in the module above.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::debug;

use super::allowance::{Allowance, HeldBack};
use super::answer::Answer;
use super::limits::{Dialect, notice};
use super::settings::Settings;
use crate::job::WriteRight;
use crate::platform::{Error, Result};

/// The largest body that is read. A full GitHub page is the largest honest answer: 100 tickets of 65,536 characters of
/// up to four bytes, 26 MB.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

type BoxError = Box<dyn StdError + Send + Sync>;

/// When a call may be sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::platform) enum Repeat {
    /// Twice is as good as once: reads and idempotent writes.
    Safe,
    /// Twice would be seen, such as a comment: only when no connection was made, so that nothing can have arrived.
    OnlyUnsent,
}

impl Repeat {
    /// Of a text that replaces another: an interim one is not worth a second attempt.
    pub(in crate::platform) fn of_edit(is_interim: bool) -> Self {
        if is_interim { Self::OnlyUnsent } else { Self::Safe }
    }
}

/// What is about to be sent.
#[derive(Clone, Copy)]
pub(in crate::platform) struct Call<'a> {
    /// In words, for errors and the log: `list issues of org/my-api`.
    pub(in crate::platform) what: &'a str,
    /// When it may be sent once more.
    pub(in crate::platform) repeat: Repeat,
    /// The right that a write needs; `None` for reads.
    pub(in crate::platform) right: Option<&'a dyn WriteRight>,
}

/// The way to one host with one token.
#[derive(Debug)]
pub(in crate::platform) struct Channel {
    settings: Settings,
    allowance: Arc<Allowance>,
    dialect: Dialect,
}

/// An attempt that did not yield an answer below 500.
struct Failed {
    error: Error,
    /// Worth another attempt at all.
    passing: bool,
    /// Nothing can have reached the platform.
    unsent: bool,
}

impl Failed {
    fn for_good(error: Error) -> Self {
        Self { error, passing: false, unsent: false }
    }
}

impl Channel {
    pub(super) fn new(settings: Settings, allowance: Arc<Allowance>, dialect: Dialect) -> Self {
        Self { settings, allowance, dialect }
    }

    /// Whether the token is held back now.
    pub(in crate::platform) fn held_back(&self) -> Option<HeldBack> {
        self.allowance.held_back()
    }

    /// Sends what `request` makes, more than once if `call` allows it and the platform is failing. `request` must send
    /// exactly one request each time it is called and follow no redirect.
    ///
    /// # Errors
    /// `RateLimited` without sending while the token is held back, and when the platform refuses; `Conflict` when the
    /// right has run out; `Transport` for everything the network does, for statuses from 500 and for a call that is not
    /// over in time; `Malformed` for a body that is too large. Any status below 500 is an answer.
    pub(in crate::platform) async fn send<R, F, B, E>(&self, call: Call<'_>, mut request: R) -> Result<Answer>
    where
        R: FnMut() -> F + Send,
        F: Future<Output = std::result::Result<http::Response<B>, E>> + Send,
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
        E: Into<BoxError>,
    {
        let started = Instant::now();
        let repeated = async {
            let mut attempt = 1;
            loop {
                let failed = match self.attempt(&call, request()).await {
                    Ok(answer) => return Ok(answer),
                    Err(failed) => failed,
                };
                let allowed = failed.passing && (call.repeat == Repeat::Safe || failed.unsent);
                if !allowed || attempt >= self.settings.attempts {
                    return Err(failed.error);
                }
                let pause = self.pause(attempt);
                debug!(attempt, pause_ms = pause.as_millis() as u64, error = %failed.error, "sending once more");
                sleep(pause).await;
                attempt += 1;
            }
        };
        match timeout_at(started + self.settings.total_timeout, repeated).await {
            Ok(result) => result,
            Err(_) => Err(self.too_slow(call.what)),
        }
    }

    async fn attempt<F, B, E>(&self, call: &Call<'_>, request: F) -> std::result::Result<Answer, Failed>
    where
        F: Future<Output = std::result::Result<http::Response<B>, E>> + Send,
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
        E: Into<BoxError>,
    {
        self.allowance.check().map_err(Failed::for_good)?;
        let _turn = self.allowance.turns().acquire().await.map_err(|_| self.unanswered(call.what, "no turn", true))?;
        self.allowance.check().map_err(Failed::for_good)?;
        let sent_at = Instant::now();
        let answer = while_valid(call.right, self.exchange(call.what, request)).await.map_err(Failed::for_good)??;
        debug!(
            status = answer.status.as_u16(),
            request_id = answer.request_id(),
            duration_ms = sent_at.elapsed().as_millis() as u64,
            "{}",
            call.what
        );
        self.judge(call.what, answer, sent_at)
    }

    async fn exchange<F, B, E>(&self, what: &str, request: F) -> std::result::Result<Answer, Failed>
    where
        F: Future<Output = std::result::Result<http::Response<B>, E>> + Send,
        B: Body<Data = Bytes> + Send,
        B::Error: Into<BoxError>,
        E: Into<BoxError>,
    {
        let (head, body) = request.await.map_err(|error| self.network_error(what, &*error.into()))?.into_parts();
        match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() }),
            Err(error) if error.is::<LengthLimitError>() => Err(Failed::for_good(Error::Malformed {
                what: what.to_owned(),
                detail: format!("more than {LARGEST_BODY} bytes"),
            })),
            Err(error) => Err(Failed { unsent: false, ..self.network_error(what, &*error) }),
        }
    }

    fn judge(&self, what: &str, answer: Answer, sent_at: Instant) -> std::result::Result<Answer, Failed> {
        let said = notice(&answer, &self.dialect);
        if answer.status.is_server_error() && said.is_none() {
            let text = format!("status {}: {}", answer.status.as_u16(), answer.message());
            return Err(self.unanswered(what, &text, false));
        }
        self.allowance.note(said.as_ref(), sent_at).map_err(Failed::for_good)?;
        Ok(answer)
    }

    fn network_error(&self, what: &str, error: &(dyn StdError + 'static)) -> Failed {
        let mut cause = error;
        let mut http_error = None;
        loop {
            http_error = http_error.or_else(|| cause.downcast_ref::<reqwest::Error>());
            match cause.source() {
                Some(deeper) => cause = deeper,
                None => break,
            }
        }
        match http_error {
            Some(error) if error.is_connect() => self.unanswered(what, &format!("cannot connect: {cause}"), true),
            Some(error) if error.is_timeout() => Failed::for_good(self.too_slow(what)),
            _ => self.unanswered(what, &cause.to_string(), false),
        }
    }

    fn unanswered(&self, what: &str, text: &str, unsent: bool) -> Failed {
        let error = Error::Transport(format!("{what} at {}: {text}", self.allowance.host()));
        Failed { error, passing: true, unsent }
    }

    fn too_slow(&self, what: &str) -> Error {
        let seconds = self.settings.total_timeout.as_secs_f32();
        Error::Transport(format!("{what} at {}: no complete answer within {seconds} s", self.allowance.host()))
    }

    /// Full jitter: anything up to a ceiling that doubles, so that replicas do not come back in step.
    fn pause(&self, attempt: u32) -> Duration {
        let doubled = self.settings.pause_base.saturating_mul(2_u32.saturating_pow(attempt - 1));
        doubled.min(self.settings.pause_cap).mul_f64(rand::random::<f64>())
    }
}

/// Waits for `write` as long as the right lasts, also when it is renewed meanwhile. Whether a write that is given up
/// has arrived is not known; the next holder reads before it writes.
async fn while_valid<T>(right: Option<&dyn WriteRight>, write: impl Future<Output = T>) -> Result<T> {
    let Some(right) = right else { return Ok(write.await) };
    tokio::pin!(write);
    while right.is_valid() {
        tokio::select! {
            biased;
            done = &mut write => return Ok(done),
            () = sleep_until(right.valid_until()) => {}
        }
    }
    Err(Error::Conflict(format!("the right to write to {} has run out", right.ticket())))
}
