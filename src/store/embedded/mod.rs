//! The in-process backend, for one box without Redis.
//!
//! `mutexes` holds leases and claim locks, `queue` the jobs, `withdrawals` what was taken back, `records` what is
//! remembered of runs, `expiring` what webhooks
//! leave; `backend` puts them behind one mutex and wakes those who wait. Who calls: `app`, `demo` and tests, through
//! [`EmbeddedStore`].
//!
//! What must stay true: the same semantics as Redis, judged by the same conformance suite; time is
//! `tokio::time::Instant`, so that tests can move it; nothing survives the process, hence silence counts at once.

mod backend;
mod expiring;
mod mutexes;
mod queue;
mod records;
mod waiting;
mod withdrawals;

pub use backend::EmbeddedStore;
