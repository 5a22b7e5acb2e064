//! Webhooks: the fast path into the claim service.
//!
//! ```text
//! route     which platform sent it, what its head must say, the body     sender    telling the platforms apart
//! verify    whether it may be believed, and for which projects           proof     signatures and secrets themselves
//! read      bytes to an event, one file per platform                     event     what an event is
//! handle    what is asked of whom, once                                  wishes    what an event asks for (pure)
//! grant     offers to the claim service, withdrawals                     turns     claims of one project in order
//! commands  `/agent-smith …` in comments
//! tracker   which configured tracker the payload names                   delivery  each delivery acted on once
//! answer    status, word and reason                                      limits    every number of this room
//! ```
//!
//! A delivery is verified, read, and offered to the same claim service that the poll uses. What must stay true: nothing
//! of a body is believed before its signature was checked, and afterwards it says where to look and never what is true;
//! every answer is one of 200, 202, 400, 401, 413 and 503, within the 10 s that senders wait; what is lost here is found
//! by the next poll.

mod answer;
mod body;
pub mod commands;
mod delivery;
pub mod event;
mod grant;
mod handle;
mod limits;
mod proof;
pub mod read;
mod receiver;
mod route;
mod sender;
mod tracker;
mod turns;
mod verify;
mod wishes;

pub use receiver::{Parts, Receiver, Stored, state};
pub(super) use route::routes;
