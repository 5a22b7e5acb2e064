//! Webhooks of the simulated platforms: every write to a ticket becomes the deliveries that the platform would send.
//!
//! ```text
//! board      tells every write
//! face       what the platform says of it, under which headers, signed how, and what it does after a failure
//! handle     what tests and the demo hold
//! sender     renders, queues, sends, tries again          post   one request
//! record     what was sent and what was answered          hook   where to, and with which secret
//! ```
//!
//! Used by tests and by the demo through [`super::SimServer::hooks`]. What must stay true: the JSON and the signatures are
//! made here and in the faces, with nothing shared with the side that reads and verifies them; nothing is sent before a
//! hook is registered; a delivery has the same identifier and the same body each time it is sent.

mod dialect;
mod handle;
mod hook;
mod post;
mod record;
mod sender;
mod sign;

pub(super) use dialect::{Dialect, Draft, Message, Next, Sending};
pub use handle::Hooks;
pub use hook::{Auth, Hook};
pub use record::{Answer, Delivery};
pub(super) use sign::{gitlab_signature, hmac_sha256_hex};
