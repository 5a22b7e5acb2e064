//! Simulated platforms: one board model that knows no HTTP, and thin HTTP faces over it.
//!
//! ```text
//! github/ · gitlab/ · azure_devops/ · jira/          one router per platform, its shapes, its errors
//!    -> server · pages · git                       accept loop, faults, request log; pages for people; repositories
//!    -> faults · traffic · quota                   what goes wrong on demand, what was asked, what it cost
//!    -> hooks/                                     deliveries to registered webhooks, and what was answered
//!    -> board/                                     trackers, tickets, labels, comments, history
//! ```
//!
//! Used by `agent-smith demo` and by tests, by nothing else. What must stay true: a face decides nothing that the
//! board could decide; the board is one mutex that is never held across an await; every collection has a bound;
//! everything listens on 127.0.0.1.

pub mod azure_devops;
pub mod board;
mod faults;
pub mod git;
pub mod github;
pub mod gitlab;
pub mod hooks;
pub mod jira;
mod pages;
mod people;
mod quota;
mod server;
mod traffic;

pub use faults::{Fault, Faults, Hold, Match, Times};
pub use quota::QuotaView;
pub use server::SimServer;
pub use traffic::{Counters, Request};
