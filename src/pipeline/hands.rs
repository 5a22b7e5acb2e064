//! What a run may reach outside of its workspace.
//!
//! Who calls: the consumer makes them for each run; the steps that write to a platform or fetch source use them. What
//! must stay true: nothing of it is ever in the environment of a step's program.

use std::fmt;
use std::sync::Arc;

use super::writer::Writer;
use crate::config::Source;
use crate::platform::{Forge, Platform};

/// The ticket's tracker, the project's source, and the right to write.
#[derive(Clone)]
pub struct Hands {
    /// Where the ticket is.
    pub platform: Arc<dyn Platform>,
    /// Where the source is, if the project says so.
    pub source: Option<Source>,
    /// Where change requests for the source are opened, if it is on a platform that has them.
    pub forge: Option<Arc<dyn Forge>>,
    /// Asks before each write.
    pub writer: Writer,
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hands").field("source", &self.source).finish_non_exhaustive()
    }
}
