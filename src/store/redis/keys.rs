//! Every Redis key and channel, in one table. `docs/redis-keys.md` shows the same with types and life times.
//!
//! Who calls: the files beside this one. What must stay true: names are public and stable; the keys of the queue share
//! the slot of [`JOBS`] through their hash tag, so that one script touches one slot of a Redis Cluster.

use std::fmt::Display;

use crate::store::LeaseName;
use crate::ticket::{PlatformKind, TicketKey};

/// Hash: ticket → `claiming`, `queued` or `running`. The one place that says which jobs live and in which state.
pub(super) const JOBS: &str = "agentsmith:queue:jobs";
/// List: projects that have queued jobs, the next one first.
const RING: &str = "{agentsmith:queue:jobs}:ring";
/// Sorted set: ticket by the time its claim was recorded.
const CLAIMING: &str = "{agentsmith:queue:jobs}:claiming";
/// Sorted set: ticket by the end of its lease.
const RUNNING: &str = "{agentsmith:queue:jobs}:running";
/// Sorted set: ticket by the time it becomes visible.
const DELAYED: &str = "{agentsmith:queue:jobs}:delayed";
/// List: entries that could not be read, newest first.
const SET_ASIDE: &str = "{agentsmith:queue:jobs}:set-aside";
/// String: the last epoch given out. Never expires.
const EPOCH: &str = "{agentsmith:queue:jobs}:epoch";
/// String: `<milliseconds of birth>-<random>`, one life of the data. Never expires.
const GENERATION: &str = "{agentsmith:queue:jobs}:generation";
/// Hash: ticket → a withdrawal that is remembered.
pub(super) const WITHDRAWN: &str = "{agentsmith:queue:jobs}:withdrawn";

/// Sorted set by name: the runs that have a record.
const RUNS: &str = "{agentsmith:queue:jobs}:runs";
/// Sorted set: run by its end.
const ENDED_RUNS: &str = "{agentsmith:queue:jobs}:ended-runs";

/// String with TTL: somebody found only jobs that a limit holds back, and waits for a slot.
const HELD_BACK: &str = "{agentsmith:queue:jobs}:held-back";

/// `KEYS` of every queue script, in the order `queue.lua` names them. The scripts add `{JOBS}:job:<ticket>` (hash, the
/// job), `{JOBS}:project:<project>` (list, its queue), `{JOBS}:last:<ticket>` and `{JOBS}:run:<run id>` (hash, its record).
pub(super) const QUEUE: [&str; 12] =
    [JOBS, RING, CLAIMING, RUNNING, DELAYED, SET_ASIDE, EPOCH, GENERATION, WITHDRAWN, RUNS, ENDED_RUNS, HELD_BACK];

/// Channel: a job became visible or was delayed. The scripts spell it out.
pub(super) const JOBS_CHANNEL: &str = "agentsmith:announce:jobs";
/// Channel: a lease was given up.
pub(super) const LEASES_CHANNEL: &str = "agentsmith:announce:leases";
/// Channel: a run was asked to stop. The script spells it out.
pub(super) const STOPS_CHANNEL: &str = "agentsmith:announce:stops";

/// String, one second: written to find out whether Redis takes writes.
pub(super) const PROBE: &str = "agentsmith:probe";

/// String with TTL: who leads.
pub(super) fn leader(name: LeaseName) -> String {
    format!("agentsmith:leader:{}", name.as_str())
}

/// String with TTL: the mutex around a claim.
pub(super) fn claim_lock(ticket: &TicketKey) -> String {
    format!("agentsmith:claim-lock:{ticket}")
}

/// String with TTL: a running job's sign of life.
pub(super) fn heartbeat(ticket: impl Display) -> String {
    format!("agentsmith:heartbeat:{ticket}")
}

/// String with TTL: who is at work on a delivery, or how it was answered.
pub(super) fn delivery(id: &str) -> String {
    format!("agentsmith:delivery:{id}")
}

/// String with TTL: a webhook offered this ticket.
pub(super) fn offered(ticket: &TicketKey) -> String {
    format!("agentsmith:offered:{ticket}")
}

/// String with TTL: a webhook offered a ticket of this project.
pub(super) fn last_offer(platform: PlatformKind, project: &str) -> String {
    format!("agentsmith:last-offer:{platform}:{project}")
}
