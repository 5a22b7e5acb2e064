//! How the lifecycle labels look on platforms whose labels have a colour and a description.
//!
//! Who calls: the platforms that create the labels before they are added for the first time (GitHub, GitLab).

use crate::lifecycle::Lifecycle;

/// Red, green, blue, and a description of at most 100 characters, which is what GitHub takes. Colours: waiting yellow,
/// queued light blue, running blue, done green, failed red.
pub(super) fn appearance(state: Lifecycle) -> ((u8, u8, u8), &'static str) {
    match state {
        Lifecycle::Pending => ((0xfb, 0xca, 0x04), "agent-smith: asks for a run"),
        Lifecycle::Enqueued => ((0xbf, 0xd4, 0xf2), "agent-smith: claimed, waits for a free place to run"),
        Lifecycle::InProgress => ((0x1d, 0x76, 0xdb), "agent-smith: a pipeline runs for this ticket"),
        Lifecycle::Done => ((0x0e, 0x8a, 0x16), "agent-smith: the run succeeded; remove this label to ask for another"),
        Lifecycle::Failed => ((0xd7, 0x3a, 0x4a), "agent-smith: the run failed; remove this label to ask for another"),
    }
}
