//! GitHub's face on the board: the issue operations of its REST API, version 2022-11-28.
//!
//! Served below a prefix (`/api/v3`, as GitHub Enterprise Server does) and at the root (as `api.github.com` does), with
//! a page per tracker and ticket where `html_url` points. Used by `agent-smith demo` and tests. What must stay true:
//! whatever GitHub is known to do that a client could get wrong, this does too; the sources are beside the behaviours.
//!
//! ```text
//! guard      what every call passes: user agent, version, credentials, quota, conditions, ETag
//! located    owner/repository or id in the path -> tracker, or 404, 301, 307
//! issues · labels · comments · events · repository · account    the operations
//! hooks      the deliveries of webhooks
//! listing · body    query parameters, Link headers, request bodies
//! face       what all of them share
//! json       the shapes      problem    the errors
//! ```

mod account;
mod body;
mod comments;
mod events;
mod face;
mod guard;
mod hooks;
mod issues;
mod json;
mod labels;
mod listing;
mod located;
mod problem;
mod pulls;
mod repository;
mod routes;

pub use problem::secondary_limit;
pub use routes::{SimOptions, serve};
