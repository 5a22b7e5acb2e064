//! Every number of this room, each with its reason.

use std::time::Duration;

/// Requests at once, logs that are followed not counted. People and a few scripts; each asks the store once or twice.
pub(super) const AT_ONCE: usize = 16;
/// Logs that are read or followed at once: each holds a connection, of 512, and an open file.
pub(super) const LOGS_AT_ONCE: usize = 32;
/// Runs in one answer unless the question says otherwise: a screen or two.
pub(super) const USUAL_PAGE: usize = 50;
/// The most: with records of the greatest size 3 MB.
pub(super) const LARGEST_PAGE: usize = 200;
/// Runs that are looked through for one answer: all that are over, and as many that wait.
pub(super) const LOOKED_THROUGH: usize = 2_000;
/// Runs asked of the store in one question; a script of it stays within a few milliseconds.
pub(super) const PER_QUESTION: usize = 100;
/// Characters of a shortened run id; fewer would mean another run tomorrow.
pub(super) const SHORTEST_NAME: usize = 4;
/// Bytes of a name: a project, `#` and a ticket.
pub(super) const LONGEST_NAME: usize = 300;
/// Runs that are named when a name means several.
pub(super) const ALTERNATIVES: usize = 5;
/// Bytes of a log that are read in one go.
pub(super) const CHUNK: usize = 64 * 1024;
/// Pause before the end of a log is looked at again: what is printed is seen at once, as people count.
pub(super) const LOG_PAUSE: Duration = Duration::from_millis(200);
/// Pause between two looks at the store, whether the run that is followed is over.
pub(super) const STATE_PAUSE: Duration = Duration::from_secs(1);
/// Refused requests are a line of the log at most this often: whoever reaches the port can cause one.
pub(super) const REFUSALS_LOGGED: Duration = Duration::from_secs(60);
/// For a cancel or a retry, which ask the platform: below the 10 s that an answer may take.
pub(super) const STEERING: Duration = Duration::from_secs(9);
/// What a client that has to come again is told, in seconds.
pub(super) const RETRY_AFTER_SECONDS: u32 = 5;
