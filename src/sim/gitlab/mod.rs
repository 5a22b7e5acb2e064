//! GitLab's face on the board: the issue operations of its REST API, version 4.
//!
//! Served below `/api/v4`, and all of it below a path if wanted, with a page per tracker and ticket where `web_url`
//! points. Used by `agent-smith demo` and tests. What must stay true: whatever GitLab is known to do that a client could
//! get wrong, this does too; the sources are beside the behaviours. Trackers should be added with labels that know upper
//! and lower case, as GitLab's do.
//!
//! ```text
//! guard      what every call passes: credentials in both schemes, limits, scope of the token
//! located    project id or encoded path -> tracker, or 404, 301, 405
//! issues · labels · label_events · notes · project    the operations        orders    quick actions in notes
//! hooks      the deliveries of webhooks       hook_parts    their shapes
//! listing · fields    query parameters, pages by number and by cursor, request bodies
//! face       what all of them share
//! json       the shapes      problem    the errors
//! ```

mod face;
mod fields;
mod guard;
mod hook_parts;
mod hooks;
mod issues;
mod json;
mod label_events;
mod labels;
mod listing;
mod located;
mod merges;
mod notes;
mod orders;
mod problem;
mod project;
mod routes;

pub use face::{Kind, SimOptions};
pub use problem::{address_blocked, retry_later, token_expired};
pub use routes::serve;
