//! `agentsmith.yml`: read, expand, check, complete.
//!
//! Only this room and `cli` read the environment. Who calls: `cli` (validate, schema), `app` (start), the poll cycle
//! (read again). What must stay true: every mistake is reported at once with its place in the file; one bad project
//! leaves the others in force; a broken edit leaves the last good file in force.

mod model;

pub use model::{
    Agent, Config, Credentials, Leader, LifecycleTimes, Pipeline, Place, Polling, Project, Queue, Retry, Source,
    SourceHost, Step, Tracker, Trigger, Webhooks,
};
