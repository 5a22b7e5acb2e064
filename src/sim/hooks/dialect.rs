//! What a face tells the sender about its platform's webhooks.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::hook::{Auth, Hook};
use crate::sim::board::Happening;

type Render = dyn Fn(&Happening, &Draft<'_>) -> Vec<Message> + Send + Sync;

/// How a platform speaks.
pub(in crate::sim) struct Dialect {
    /// The deliveries of one happening to one hook.
    pub(in crate::sim) render: Box<Render>,
    /// The headers of one request, besides host, length and content type.
    pub(in crate::sim) headers: fn(&Sending<'_>) -> Vec<(String, String)>,
    /// What the platform does after an answer, `None` without one.
    pub(in crate::sim) next: fn(&After) -> Next,
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialect")
    }
}

/// What the rendering of a delivery is about, besides the happening.
pub(in crate::sim) struct Draft<'a> {
    /// This server without a slash at the end: `http://127.0.0.1:40123`.
    pub(in crate::sim) origin: &'a str,
    pub(in crate::sim) hook: &'a Hook,
    /// The number of the hook on this server, from 1.
    pub(in crate::sim) hook_number: u64,
    /// How many deliveries there were on this server before.
    pub(in crate::sim) sent_before: u64,
}

/// One delivery before it is sent.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Message {
    /// What the platform calls it: the value of its event header, or the type in the body.
    pub(in crate::sim) event: String,
    pub(in crate::sim) body: Value,
}

/// One request.
pub(in crate::sim) struct Sending<'a> {
    /// The delivery, the same each time.
    pub(in crate::sim) id: &'a str,
    pub(in crate::sim) event: &'a str,
    pub(in crate::sim) hook_number: u64,
    pub(in crate::sim) origin: &'a str,
    pub(in crate::sim) auth: &'a Auth,
    /// The bytes as they are sent.
    pub(in crate::sim) body: &'a [u8],
    /// Retries of the platform itself before this one.
    pub(in crate::sim) retries: u32,
}

/// What came of a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) struct After {
    /// The status of the answer; `None` without one in time.
    pub(in crate::sim) status: Option<u16>,
    /// Retries of this delivery so far.
    pub(in crate::sim) retries: u32,
    /// Failures of the hook in a row, this one included.
    pub(in crate::sim) failures_in_a_row: u32,
}

impl After {
    /// True for what every platform counts as received.
    pub(in crate::sim) fn is_good(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// What the platform does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum Next {
    /// Nothing more for this delivery.
    Rest,
    /// It sends it again after this long.
    Retry(Duration),
    /// It sends nothing to this hook any more, until somebody enables it.
    Disable,
}
