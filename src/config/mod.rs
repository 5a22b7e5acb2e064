//! `agentsmith.yml`: read, expand, check, complete.
//!
//! Only this room and `cli` read the environment. Who calls: `cli` (validate, schema), `app` (start), the poll cycle
//! (read again). What must stay true: every mistake is reported at once with its place in the file; one bad project
//! leaves the others in force; a broken edit leaves the last good file in force.
//!
//! ```text
//! text -> tree (places) -> expand (${NAME}) -> structure (against the schema of raw) -> check (meaning) -> model
//! ```

mod check;
mod env;
mod expand;
mod forge;
mod live;
mod load;
mod model;
mod nearest;
mod operator;
mod problem;
mod raw;
mod schema;
mod shared;
mod source;
mod structure;
mod template;
mod tree;
mod webhooks;

pub use check::built_in;
pub use env::{Env, webhook_secret_name};
pub use forge::{Forge, ForgePlace};
pub use live::{Live, Refresh};
pub use load::{Loaded, load, parse, pipelines_of};
pub use model::{
    ANYBODY, Action, Agent, AgentKind, AgentProgram, Budget, ChangeRequest, CodingAgent, Config, Credentials,
    DefaultAgent, KeepWorkspace, Leader, LifecycleTimes, Limits, Pipeline, Place, Polling, Project, Queue, Retry,
    Secrets, Source, SourceHost, Step, Tracker, Trigger,
};
pub use nearest::hint;
pub use operator::{OPERATOR_TOKEN, OperatorToken};
pub use problem::{About, Broken, Problem, Severity};
pub use template::{Condition, MAX_RENDERED, Template};
pub use webhooks::{WebhookSecrets, Webhooks};

/// The JSON Schema of `agentsmith.yml`, draft 2020-12.
pub fn schema() -> &'static serde_json::Value {
    &schema::SCHEMA
}
