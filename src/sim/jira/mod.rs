//! Jira's face on the board: the issue operations of its REST API, version 3 as Cloud has it, version 2 as Data Center.
//!
//! A tracker on the board is a project, its name the project's key; a ticket's key is `KEY-number`. Served below a
//! context path (none by default), with pages where Jira has them (`/browse/KEY-1`). Used by `agent-smith demo` and
//! tests. What must stay true: whatever Jira is known to do that a client could get wrong, this does too.
//!
//! ```text
//! guard      what every call passes: credentials (a wrong token makes a stranger, not an error), quota, XSRF
//! located    key in the path -> project and issue, or 404; a moved issue answers under its new key
//! search · issues · comments · changelog · account    the operations
//! hooks      the deliveries of webhooks
//! jql        the part of the query language that is needed, and its refusals
//! document   trees of nodes (ADF): checked, made from text, read as text
//! writes     how often one issue may be written
//! face       what all of them share
//! json       the shapes      problem    the errors
//! ```

mod account;
mod changelog;
mod comments;
mod document;
mod face;
mod guard;
mod hooks;
mod issues;
mod jql;
mod json;
mod located;
mod options;
mod problem;
mod routes;
mod search;
mod transitions;
mod writes;

pub use options::{Deployment, SimOptions};
pub use problem::rate_limit;
pub use routes::serve;
