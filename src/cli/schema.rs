//! `agent-smith schema`: the JSON Schema of `agentsmith.yml`, for editors.

use std::process::ExitCode;

use super::fail;
use super::output::Output;
use crate::config;

pub(super) const EXAMPLES: &str = "\
Example:
  agent-smith schema > agentsmith.schema.json
  and as the first line of agentsmith.yml:
  # yaml-language-server: $schema=./agentsmith.schema.json";

pub(super) fn run() -> ExitCode {
    let text = match serde_json::to_string_pretty(config::schema()) {
        Ok(text) => text,
        Err(error) => return fail(&format!("cannot write the schema: {error}")),
    };
    let mut out = Output::default();
    out.line(text);
    out.end(ExitCode::SUCCESS)
}
