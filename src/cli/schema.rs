//! `agent-smith schema`: the JSON Schema of `agentsmith.yml`, for editors.

use std::io::Write;

use crate::config;

/// Prints the schema. Returns the exit code: 0, or 1 when it cannot be written, such as to a closed pipe.
pub fn schema() -> u8 {
    let written = serde_json::to_string_pretty(config::schema())
        .map_err(std::io::Error::from)
        .and_then(|text| writeln!(std::io::stdout().lock(), "{text}"));
    u8::from(written.is_err())
}
