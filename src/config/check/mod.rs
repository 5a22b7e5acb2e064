//! What the structure cannot say: names that must exist, labels a platform can carry, times that fit together.
//!
//! Called by `load`, one file per section. Each check takes the section as written, the place of it in the tree and a
//! desk to report to, and returns the section as meant; `None` when it cannot be completed. What must stay true: a
//! value that the structure check has already refused is not reported again.

mod agent;
mod budget;
mod checkout;
mod coding;
mod forge;
mod labels;
mod limits;
mod pipelines;
mod project;
mod source;
mod spot;
mod steps;
mod tracker;
mod trackers;
mod trigger;
mod variables;
mod webhooks;

pub(super) use agent::agent;
pub use pipelines::built_in;
pub(super) use pipelines::{Means, pipeline, presets};
pub(super) use project::{Context, project};
pub(super) use spot::Spot;
pub(super) use trackers::warn_of_overlaps;
pub(super) use webhooks::webhooks;

use super::problem::Desk;
use super::tree::Span;

/// Characters of a project's or pipeline's name. It becomes part of store keys, log lines and paths.
const MAX_NAME: usize = 100;

/// Reports a name that cannot be part of a store key and of a path.
fn check_name(what: &str, name: &str, span: Span, desk: &mut Desk<'_, '_>) {
    if name.is_empty() {
        desk.error(span, format!("a {what} needs a name"));
    } else if name.chars().count() > MAX_NAME {
        desk.error(span, format!("the name of a {what} has at most {MAX_NAME} characters"));
    } else if name.trim() != name {
        desk.error(span, format!("the name of a {what} may not start or end with white space"));
    } else if name.chars().any(char::is_control) {
        desk.error(span, format!("the name of a {what} may not contain control characters"));
    } else if name.contains('/') || name == "." || name == ".." {
        desk.error(span, format!("the name of a {what} may not contain `/` and may not be `.` or `..`"));
    }
}
