//! What a simulated platform was asked: a log of requests and a few counters.
//!
//! The server writes it, tests and the demo read it through [`super::Faults`]. Every request that reached the server
//! is in it exactly once, also one that got no answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

/// Requests remembered; the oldest go first. A load test of an hour at 25 requests a second fits.
const MAX_REQUESTS: usize = 100_000;
/// Longest path and query that is remembered, in bytes; longer than any a client of ours sends.
const MAX_PATH_BYTES: usize = 2_048;

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// As it was sent, percent-encoding included.
    pub path_and_query: String,
    /// It carried `If-None-Match` or another condition.
    pub conditional: bool,
    /// The status of the answer; `None` when the connection ended without one.
    pub status: Option<u16>,
    /// When it arrived.
    pub at: DateTime<Utc>,
}

/// Sums over everything since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests that arrived.
    pub total: u64,
    /// Requests that counted against the quota.
    pub quota_spent: u64,
    /// Requests being worked on now.
    pub in_flight: u64,
    /// The most that were ever worked on at once.
    pub max_concurrent: u64,
}

#[derive(Debug, Default)]
pub(super) struct Traffic {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    log: VecDeque<Request>,
    counters: Counters,
}

impl Traffic {
    /// Notes the arrival; the log line is written when the guard is finished or dropped.
    pub(super) fn arrived(self: &Arc<Self>, method: &str, path_and_query: &str, conditional: bool) -> InFlight {
        let mut inner = self.lock();
        inner.counters.total += 1;
        inner.counters.in_flight += 1;
        inner.counters.max_concurrent = inner.counters.max_concurrent.max(inner.counters.in_flight);
        let mut path_and_query = path_and_query.to_owned();
        let end = (0..=MAX_PATH_BYTES.min(path_and_query.len())).rev().find(|at| path_and_query.is_char_boundary(*at));
        path_and_query.truncate(end.unwrap_or(0));
        let request = Request { method: method.to_owned(), path_and_query, conditional, status: None, at: Utc::now() };
        InFlight { traffic: Arc::clone(self), request: Some(request) }
    }

    pub(super) fn count_quota(&self) {
        self.lock().counters.quota_spent += 1;
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.lock().log.iter().cloned().collect()
    }

    pub(super) fn forget(&self) {
        self.lock().log.clear();
    }

    pub(super) fn counters(&self) -> Counters {
        self.lock().counters
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being worked on.
#[derive(Debug)]
pub(super) struct InFlight {
    traffic: Arc<Traffic>,
    request: Option<Request>,
}

impl InFlight {
    pub(super) fn answered(mut self, status: u16) {
        if let Some(request) = &mut self.request {
            request.status = Some(status);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut inner = self.traffic.lock();
        inner.counters.in_flight -= 1;
        if inner.log.len() == MAX_REQUESTS {
            inner.log.pop_front();
        }
        inner.log.extend(self.request.take());
    }
}
