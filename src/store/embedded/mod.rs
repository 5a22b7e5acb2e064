//! The in-process backend, for one box without Redis.
//!
//! `mutexes` holds leases and claim locks, `queue` and `entry` the jobs, `turn` whose turn it is within limits,
//! `withdrawals` what was taken back, `records` what is remembered of runs, `attempts` those that count against a budget,
//! `expiring` what webhooks leave; `backend` puts all of it (`state`) behind one mutex and wakes those who wait. Who
//! calls: `app`, `demo` and tests, through [`EmbeddedStore`].
//!
//! What must stay true: the same semantics as Redis, judged by the same conformance suite; time is
//! `tokio::time::Instant`, so that tests can move it; nothing survives the process, hence silence counts at once.

mod attempts;
mod backend;
mod entry;
mod expiring;
mod mutexes;
mod queue;
mod records;
mod state;
mod turn;
mod waiting;
mod withdrawals;

pub use backend::EmbeddedStore;
