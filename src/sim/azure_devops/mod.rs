//! Azure DevOps' face on the board: the work item operations of its REST API, version 7.1, and of older servers.
//!
//! Served at the root (as `dev.azure.com` does) and below a prefix (as Azure DevOps Server does), with a page per project
//! and work item where a person finds them. A tracker of the board named `org/My Project` is the project `My Project`
//! of the organization (or collection) `org`; an open ticket is in the first of two states, a closed one in the second.
//! Used by `agent-smith demo` and tests. What must stay true: whatever Azure DevOps is known to do that a client could
//! get wrong, this does too; the sources are beside the behaviours.
//!
//! ```text
//! guard      what every call passes: credentials, api-version, limits
//! located    organization and project in the path -> tracker, or TF200016
//! query      the operation that runs a query      wiql · eval    the query language, and what it finds
//! items      read, batch      patch    JSON Patch with `test /rev`      tags    one string, many tags
//! comments   comments, and the history they leave      projects    what a project is called now
//! hooks      the deliveries of service hooks
//! face       what all of them share      json    the shapes      problem    the errors
//! ```
//!
//! One thing is unlike the original: numbers are unique in a project and not in the whole organization.

mod comments;
mod eval;
mod face;
mod guard;
mod hooks;
mod items;
mod json;
mod located;
mod patch;
mod problem;
mod projects;
mod pulls;
mod query;
mod routes;
mod tags;
mod updates;
mod wiql;

pub use guard::SignIn;
pub use problem::blocked;
pub use routes::{SimOptions, serve};
