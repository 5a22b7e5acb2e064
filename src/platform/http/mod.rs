//! The one retry and rate-limit layer between this program and every platform.
//!
//! Who calls: the composition root makes one [`Http`] and hands it to `platform::open`; each platform takes a
//! `Channel` for its host and token and sends every request through `Channel::send`. A client library goes through
//! it as well: octocrab (and any other) only builds a request and executes it once, as the closure given to `send`.
//! Its own retries are compiled out, its redirects and its cache are not used, and it runs on our `reqwest::Client`,
//! so that timeouts, pool and proxy are ours. What octocrab cannot be given is a say before each attempt; that is why
//! the loop is around it and not inside it.
//!
//! What must stay true:
//! * A request is not sent while its (host, token) is held back; it fails at once with `Error::RateLimited`, and all
//!   trackers that share host and token share the memory.
//! * Reads and idempotent writes are repeated after transport errors and 5xx; any other write only when the connection
//!   was never made. The whole call, repeats and pauses included, ends within [`Settings::total_timeout`].
//! * A write is not sent, and not waited for, once its right has run out.
//! * Redirects are never followed here: a token must not travel to another host.
//! * An answer is read whole, up to a limit, before anybody sees it; a broken body is a failed call.
//!
//! Mutations are not paced. GitHub's advice of a second between writes would double the time of a claim, and a
//! platform that minds answers with a secondary limit, which is obeyed like any other.

mod allowance;
mod answer;
mod call;
mod client;
mod limits;
mod links;
mod settings;

pub use allowance::HeldBack;
pub use client::Http;
pub(in crate::platform) use client::USER_AGENT;
pub use settings::Settings;

pub(in crate::platform) use answer::Answer;
pub(in crate::platform) use call::{Call, Channel, Repeat};
pub(in crate::platform) use limits::Dialect;
pub(in crate::platform) use links::{link_to, next_link};
