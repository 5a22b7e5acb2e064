//! The log: one line per event on standard error, as text for people or as JSON for collectors.
//!
//! Set up once by `cli`. `warn` means that something was repaired, `error` that a person should look.

use std::io::{IsTerminal, stderr};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// What is logged when `RUST_LOG` says nothing.
pub const DEFAULT_FILTER: &str = "info";

/// Starts logging. `filter` has the syntax of `RUST_LOG`. A second call changes nothing.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn init(format: Format, filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // A subscriber that is in place already stays: that happens only in tests.
    let _ = match format {
        Format::Text => builder.with_target(false).with_ansi(stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
    Ok(())
}
