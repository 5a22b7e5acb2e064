//! The numbers both backends keep to.
//!
//! Who calls: the backends. What must stay true: nothing the store holds grows without bound.

use std::time::Duration;

use super::Error;
use crate::job::RunResult;

/// Live jobs at a time. Far above any backlog a person would let stand; beyond it something floods us and must be seen
/// before it fills the memory.
pub(super) const MAX_LIVE_JOBS: usize = 100_000;

/// Withdrawals that are remembered. Each is a ticket that somebody stopped and that still carries its trigger label; a
/// person who keeps more of them than this has forgotten the oldest, which may then run again.
pub(super) const MAX_WITHDRAWALS: usize = 10_000;

/// Tickets of which the embedded store remembers how their last run ended: a month of more runs than one box carries out
/// would fill some ten megabytes.
pub(super) const MAX_LAST_RUNS: usize = 20_000;

/// Records of runs that are over, the newest: two weeks of three runs an hour, 16 MB at the very most.
pub const MAX_ENDED_RUNS: usize = 1_000;

/// How long a run that is over is remembered: as long as anybody asks what became of a ticket.
pub const RUNS_REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Bytes of a recorded comment. No platform shows more than about as many characters in one comment.
pub(super) const MAX_COMMENT_BYTES: usize = 64 * 1024;

/// Deliveries that one process remembers, and tickets that webhooks offered: three days of one box, at some 500 bytes
/// each. In Redis they end by themselves.
pub(super) const MAX_DELIVERIES: usize = 20_000;

/// Tickets for which the embedded store counts attempts. Only pipelines with a budget count them, for a day each.
pub(super) const MAX_COUNTED: usize = 20_000;

/// Jobs of one project looked at for one whose pipeline has room. Whoever has more in a row that wait for one pipeline
/// gets the others a little later.
pub(super) const LOOK_AHEAD: usize = 50;

/// What is put in place of the text that was cut off.
const CUT_MARK: &str = "\n\n… (shortened)";

/// The refusal of a claim that would exceed [`MAX_LIVE_JOBS`].
pub(super) fn queue_is_full() -> Error {
    Error::Full(format!(
        "the queue holds {MAX_LIVE_JOBS} live jobs and takes no more; let consumers work it off, or find out what floods it"
    ))
}

/// `result` with its comment cut to [`MAX_COMMENT_BYTES`], at the border of a character.
pub(super) fn bounded(result: &RunResult) -> RunResult {
    let mut bounded = result.clone();
    if bounded.comment.len() > MAX_COMMENT_BYTES {
        let mut end = MAX_COMMENT_BYTES - CUT_MARK.len();
        while !bounded.comment.is_char_boundary(end) {
            end -= 1;
        }
        bounded.comment.truncate(end);
        bounded.comment.push_str(CUT_MARK);
    }
    bounded
}
