//! The log: one line per event on standard error, as text for people or as JSON for collectors.
//!
//! Set up once by `cli`. `warn` means that something was repaired, `error` that a person should look. What must stay
//! true: one event is one line, whatever foreign text is in it.

use std::fmt::{self, Write};
use std::io::stderr;

use clap::ValueEnum;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: time, level, sentence, fields; coloured on a terminal.
    Text,
    /// For collectors: one JSON object per line.
    Json,
}

/// What is logged when `RUST_LOG` says nothing.
pub const DEFAULT_FILTER: &str = "info";

/// Starts logging. `filter` has the syntax of `RUST_LOG`; `colour` concerns text only. A second call changes nothing.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn init(format: Format, filter: &str, colour: bool) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(filter)?;
    // A log that nobody can read any more (a closed pipe) is no reason to panic over the complaint about it.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(false)
        .log_internal_errors(false);
    // A subscriber that is in place already stays: that happens only in tests.
    let _ = match format {
        Format::Text => builder.event_format(Line { colour }).try_init(),
        Format::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_timer(Milliseconds)
            .try_init(),
    };
    Ok(())
}

struct Milliseconds;

impl FormatTime for Milliseconds {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        w.write_str(&clock::utc_now())
    }
}

/// The sentence comes first and what it belongs to last, so that a person reads sentences below each other.
struct Line {
    colour: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let mut text = String::new();
        context.field_format().format_fields(Writer::new(&mut text), event)?;
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                write!(text, " {fields}")?;
            }
        }
        let (dim, plain) = if self.colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        write!(out, "{dim}{}{plain} {}", clock::utc_now(), level(*metadata.level(), self.colour))?;
        let ours = metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
        if !ours || *metadata.level() > Level::INFO {
            write!(out, "{dim}{}:{plain} ", metadata.target())?;
        }
        writeln!(out, "{}", one_line(&text))
    }
}

/// Five characters and a space.
fn level(level: Level, colour: bool) -> String {
    let code = match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    };
    if colour { format!("\x1b[{code}m{level:>5}\x1b[0m ") } else { format!("{level:>5} ") }
}

/// Other people's text can neither begin a line of its own nor speak to the terminal.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_with_the_sentence_first() {
        let written = Shared::default();
        let into = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || into.clone())
            .event_format(Line { colour: false })
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _job = tracing::info_span!("job", ticket.id = "7", project = "api").entered();
            tracing::warn!(error = %"no\nsuch \x1b[31mticket", "could not look");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line = text.strip_suffix('\n').unwrap();
        let sentence = line.split_once("Z ").unwrap().1;
        let expected = r#" WARN could not look error=no\nsuch \u{1b}[31mticket ticket.id="7" project="api""#;
        assert_eq!(sentence, expected);
    }
}
