//! What the handlers of the face share.

use std::sync::Arc;

use crate::sim::board::Board;
use crate::sim::faults::Faults;
use crate::sim::git::Repositories;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(super) struct Face {
    pub(super) board: Board,
    pub(super) faults: Faults,
    pub(super) token: Arc<str>,
    pub(super) login: Arc<str>,
    pub(super) prefix: Arc<str>,
    pub(super) repositories: Option<Repositories>,
}
