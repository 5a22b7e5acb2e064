//! Webhooks: the fast path into the claim service.
//!
//! A delivery is verified, read, and offered to the same claim service that the poll uses.

pub mod event;
pub mod read;
