//! Runs, for operators: what ran, what it printed, stop it, run it again.
//!
//! ```text
//! routes    the routes, and how many requests at once          auth     who may use them
//! find      the run that a name means                          list     which runs a question means
//! log       the log of a run of this machine, while it grows   steer    cancel and retry
//! answer    status, word and reason                            limits   every number of this room
//! ```
//!
//! What must stay true: nobody is answered who is neither an operator nor, where no token is configured, on this machine;
//! every answer but a log is JSON; a run is stopped and started through the claim service like everywhere.

mod answer;
mod auth;
mod find;
mod limits;
mod list;
mod log;
mod routes;
mod steer;

pub(super) use routes::routes;
pub use routes::{Desk, Parts};
