//! The Redis backend, for any number of replicas. Redis 6.2 or newer, or anything that speaks its protocol (RESP3).
//!
//! One file per structure: `leases` (leases, claim locks, heartbeats), `claims`, `queue` (take and wait), `runs`
//! (everything that acts on a lease), `withdrawals`, `records` (of runs), `view` (what people are told), `deliveries` (webhooks), `housekeeping`. `keys` is the table of keys, `scripts` the Lua that makes each
//! change atomic, `connection` the one shared connection, `announcements` the pub/sub connection that ends waits early.
//! `docs/redis-keys.md` is the operator's view. Who calls: nobody but through [`RedisStore`].
//!
//! What must stay true: a script touches one slot; every script that acts on a lease begins with `fence.lua`; the
//! server's clock decides about leases, never a client's.

mod announcements;
mod backend;
mod claims;
mod codec;
mod connection;
mod deliveries;
mod housekeeping;
mod keys;
mod leases;
mod queue;
mod records;
mod runs;
mod scripts;
mod view;
mod waiting;
mod withdrawals;

pub use backend::RedisStore;
