//! What goes wrong on demand, and what was asked: the handle that tests hold on a simulated platform.
//!
//! Knows no platform. Faults are matched on the method and a part of the path, in the order they were set; the first
//! that matches and is not used up applies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::quota::{Quota, QuotaView};
use super::traffic::{Counters, Request, Traffic};

/// Longest latency; a request that should never be answered is [`Fault::Hang`].
const MAX_LATENCY: Duration = Duration::from_secs(60);
/// Rules in force at once; a test has a handful.
const MAX_RULES: usize = 1_000;

/// Which requests a fault is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    method: Option<String>,
    part: String,
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests with this method whose path and query, as they were sent, contain `part`.
    pub fn new(method: &str, part: &str) -> Self {
        Self { method: Some(method.to_owned()), part: part.to_owned() }
    }

    /// Requests of any method whose path and query, as they were sent, contain `part`.
    pub fn path(part: &str) -> Self {
        Self { method: None, part: part.to_owned() }
    }

    fn matches(&self, method: &str, path_and_query: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && path_and_query.contains(&self.part)
    }
}

/// How often a fault applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// For the next so many matching requests.
    Next(u32),
    /// Until [`Faults::clear`].
    Always,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The platform answers this without looking at the request.
    Answer {
        /// Status.
        status: u16,
        /// Headers besides the content type.
        headers: Vec<(String, String)>,
        /// Such as `application/json`.
        content_type: String,
        /// Sent as it is.
        body: String,
    },
    /// The connection closes; the request was not looked at.
    Close,
    /// The request is carried out, then the connection closes without an answer.
    LoseAnswer,
    /// The request is carried out, then this is answered in place of the truth; 502 is the usual one.
    CarryOutThen(u16),
    /// No answer while the client waits; the request is not looked at. Ends when the server stops.
    Hang,
    /// 200 with a JSON content type and a body that is not JSON.
    Garbage,
    /// The request is carried out; half of the answer's body arrives, then the connection closes.
    Truncate,
    /// The request is carried out after this long, on top of the general latency.
    Delay(Duration),
}

impl Fault {
    /// A status with the short JSON message that platforms give.
    pub fn status(status: u16) -> Self {
        let body = format!(r#"{{"message":"simulated failure","status":"{status}"}}"#);
        Self::Answer { status, headers: Vec::new(), content_type: "application/json".to_owned(), body }
    }

    /// A status with an HTML page, as proxies in front of platforms answer.
    pub fn html_page(status: u16) -> Self {
        let body = format!("<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status}</h1></body>");
        Self::Answer { status, headers: Vec::new(), content_type: "text/html; charset=utf-8".to_owned(), body }
    }

    /// The same answer with one more header. Does nothing to a fault that is not an answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.into()));
        }
        self
    }
}

/// The handle on what a simulated platform does wrong and what it was asked. A clone is the same handle.
#[derive(Debug, Clone)]
pub struct Faults {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rules: Mutex<Rules>,
    traffic: Arc<Traffic>,
    quota: Option<Quota>,
}

#[derive(Debug, Default)]
struct Rules {
    latency: Duration,
    faults: Vec<(Match, Times, Fault)>,
    holds: Vec<(Match, Arc<Gate>)>,
}

#[derive(Debug)]
pub(super) struct Gate {
    waiting: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

/// Set.
impl Faults {
    pub(super) fn new(quota: Option<Quota>) -> Self {
        Self { inner: Arc::new(Inner { rules: Mutex::default(), traffic: Arc::default(), quota }) }
    }

    /// Every request is carried out this much later, 60 s at most.
    pub fn latency(&self, latency: Duration) {
        self.rules().latency = latency.min(MAX_LATENCY);
    }

    /// From now on `fault` applies to matching requests. Beyond 1,000 rules in force the oldest one goes.
    pub fn fail(&self, which: Match, times: Times, fault: Fault) {
        let mut rules = self.rules();
        if rules.faults.len() == MAX_RULES {
            rules.faults.remove(0);
        }
        rules.faults.push((which, times, fault));
    }

    /// Holds matching requests at the door, before anything is carried out, until the result is dropped.
    pub fn hold(&self, which: Match) -> Hold {
        let gate = Arc::new(Gate { waiting: watch::Sender::new(0), open: watch::Sender::new(false) });
        self.rules().holds.push((which, Arc::clone(&gate)));
        Hold { faults: self.clone(), gate }
    }

    /// No latency and no faults any more. Holds stay until they are dropped, the quota stays as it is.
    pub fn clear(&self) {
        let mut rules = self.rules();
        rules.latency = Duration::ZERO;
        rules.faults.clear();
    }

    /// Nothing remains of the quota for `reset_in`; the platform answers `refusal_status`, 403 or 429. Without effect
    /// on a platform that was started without a quota.
    pub fn exhaust_quota(&self, reset_in: Duration, refusal_status: u16) {
        if let Some(quota) = &self.inner.quota {
            quota.exhaust(reset_in, refusal_status);
        }
    }

    /// The quota is full again.
    pub fn refill_quota(&self) {
        if let Some(quota) = &self.inner.quota {
            quota.refill();
        }
    }
}

/// Look.
impl Faults {
    /// The last 100,000 finished requests in the order they ended.
    pub fn requests(&self) -> Vec<Request> {
        self.inner.traffic.requests()
    }

    /// Empties the log of requests; the counters go on.
    pub fn forget_requests(&self) {
        self.inner.traffic.forget();
    }

    /// Sums since the server started.
    pub fn counters(&self) -> Counters {
        self.inner.traffic.counters()
    }

    /// The quota now; `None` on a platform that was started without one.
    pub fn quota(&self) -> Option<QuotaView> {
        self.inner.quota.as_ref().map(Quota::view)
    }
}

/// For the server and the faces.
impl Faults {
    pub(super) fn traffic(&self) -> &Arc<Traffic> {
        &self.inner.traffic
    }

    pub(super) fn spend_quota(&self) {
        if let Some(quota) = &self.inner.quota {
            quota.spend();
            self.inner.traffic.count_quota();
        }
    }

    /// Waits out holds and latency, then says what is to go wrong with this request.
    pub(super) async fn meet(&self, method: &str, path_and_query: &str) -> Option<Fault> {
        let held = {
            let rules = self.rules();
            let gate = rules.holds.iter().find(|(which, _)| which.matches(method, path_and_query));
            gate.map(|(_, gate)| Arc::clone(gate))
        };
        if let Some(gate) = held {
            gate.pass().await;
        }
        let (latency, fault) = self.take(method, path_and_query);
        let delay = latency + if let Some(Fault::Delay(delay)) = &fault { *delay } else { Duration::ZERO };
        if !delay.is_zero() {
            tokio::time::sleep(delay.min(MAX_LATENCY)).await;
        }
        fault
    }

    fn take(&self, method: &str, path_and_query: &str) -> (Duration, Option<Fault>) {
        let mut rules = self.rules();
        let latency = rules.latency;
        let Some(at) = rules
            .faults
            .iter()
            .position(|(which, times, _)| *times != Times::Next(0) && which.matches(method, path_and_query))
        else {
            return (latency, None);
        };
        let (_, times, fault) = &mut rules.faults[at];
        let fault = fault.clone();
        if let Times::Next(left) = times {
            *left -= 1;
            if *left == 0 {
                rules.faults.remove(at);
            }
        }
        (latency, Some(fault))
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.inner.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    async fn pass(&self) {
        struct Waiting<'a>(&'a Gate);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.waiting.send_modify(|waiting| *waiting -= 1);
            }
        }
        let mut open = self.open.subscribe();
        self.waiting.send_modify(|waiting| *waiting += 1);
        let _waiting = Waiting(self);
        // An error means that the gate is gone, which is as open as can be.
        let _ = open.wait_for(|open| *open).await;
    }
}

/// Matching requests wait at the door while this lives.
#[derive(Debug)]
#[must_use = "dropping it lets the requests pass"]
pub struct Hold {
    faults: Faults,
    gate: Arc<Gate>,
}

impl Hold {
    /// True as soon as `count` requests wait at once; false when that takes longer than `bound`.
    pub async fn reached(&self, count: usize, bound: Duration) -> bool {
        let mut waiting = self.gate.waiting.subscribe();
        tokio::time::timeout(bound, waiting.wait_for(|waiting| *waiting >= count)).await.is_ok_and(|seen| seen.is_ok())
    }

    /// Those that wait now go on waiting; whoever comes from now on passes.
    pub fn let_others_pass(&self) {
        self.faults.rules().holds.retain(|(_, gate)| !Arc::ptr_eq(gate, &self.gate));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.let_others_pass();
        self.gate.open.send_replace(true);
    }
}
