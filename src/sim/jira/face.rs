//! What the handlers of the face share.

use std::sync::Arc;

use super::document::Documents;
use super::options::SimOptions;
use super::writes::IssueWrites;
use crate::sim::board::Board;
use crate::sim::faults::Faults;

/// The two versions of the API, which differ in how texts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Texts are wiki markup.
    Two,
    /// Texts are trees of nodes.
    Three,
}

impl Version {
    /// The segment of the path.
    pub(super) fn segment(self) -> &'static str {
        match self {
            Self::Two => "2",
            Self::Three => "3",
        }
    }
}

/// What the handlers share.
#[derive(Debug, Clone)]
pub(super) struct Face {
    pub(super) board: Board,
    pub(super) faults: Faults,
    pub(super) options: Arc<SimOptions>,
    pub(super) version: Version,
    pub(super) writes: Arc<IssueWrites>,
    pub(super) documents: Arc<Documents>,
}
