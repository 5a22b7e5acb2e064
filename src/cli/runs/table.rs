//! Runs as a table: one line each, the same on a terminal and in a file but for colours.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::claim::duration_in_words;
use crate::cli::output::{Output, shortened, takes_colour};
use crate::config::Env;
use crate::run_record::{RunRecord, RunState};

/// Characters of a run's id that are shown: its end, because the beginnings of one day are alike.
const ID: usize = 8;
/// Characters of a name.
const NAME: usize = 24;
/// Characters of the last column.
const LAST: usize = 60;

/// A page of runs.
#[derive(Deserialize)]
pub(super) struct Page {
    runs: Vec<RunRecord>,
    next: Option<String>,
}

/// Prints it.
pub(super) fn print(out: &mut Output, page: &Page, env: &Env) {
    if page.runs.is_empty() {
        out.line("no run is remembered that fits");
        return;
    }
    let heading = ["RUN", "STATE", "TICKET", "PIPELINE", "QUEUED", "TOOK", "HOST", "WHAT"].map(str::to_owned);
    let rows: Vec<[String; 8]> = page.runs.iter().map(row).collect();
    let mut widths = [0; 8];
    for row in std::iter::once(&heading).chain(&rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let colour = takes_colour(&std::io::stdout(), env);
    let line = |cells: &[String; 8], state: Option<RunState>| {
        let padded = cells.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
            let padded = format!("{cell:<width$}");
            match state.filter(|_| at == 1 && colour) {
                Some(state) => paint(state, &padded),
                None => padded,
            }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    out.line(line(&heading, None));
    for (run, cells) in page.runs.iter().zip(&rows) {
        out.line(line(cells, Some(run.state)));
    }
    if let Some(next) = &page.next {
        out.line(format_args!("there are more: --before {}", shortened(next, LAST)));
    }
}

fn row(run: &RunRecord) -> [String; 8] {
    let last = run.attempts.last();
    let attempts = if run.attempts.len() > 1 {
        format!(" (attempt {})", last.map_or(0, |one| one.attempt))
    } else {
        String::new()
    };
    let what = match (run.reason.is_empty(), run.title.is_empty()) {
        (true, _) => run.title.clone(),
        (false, true) => run.reason.clone(),
        (false, false) => format!("{}: {}", shortened(&run.title, LAST / 2), run.reason),
    };
    [
        short_id(&run.run_id),
        format!("{}{attempts}", run.state.as_str()),
        format!("{}#{}", shortened(&run.key.project, NAME), shortened(&run.key.ticket, NAME)),
        shortened(&run.pipeline, NAME),
        when(run.queued_utc),
        took(run.started_utc, run.ended_utc),
        shortened(last.map_or("", |last| &last.host), NAME),
        shortened(&what, LAST),
    ]
}

/// The end of an id, by which a run is found again.
pub(super) fn short_id(run_id: &str) -> String {
    let skipped = run_id.chars().count().saturating_sub(ID);
    shortened(&run_id.chars().skip(skipped).collect::<String>(), ID)
}

/// `2026-11-27 14:05:09`, in UTC.
pub(super) fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// From the start to the end, or to now while it runs; empty before it began.
pub(super) fn took(started: Option<DateTime<Utc>>, ended: Option<DateTime<Utc>>) -> String {
    let Some(started) = started else { return String::new() };
    let took = (ended.unwrap_or_else(Utc::now) - started).to_std().unwrap_or(Duration::ZERO);
    duration_in_words(took)
}

/// A word in the colour of a state.
pub(super) fn paint(state: RunState, word: &str) -> String {
    let code = match state {
        RunState::Done => "32",
        RunState::Failed | RunState::BrokenOff => "31",
        RunState::Running => "33",
        RunState::Queued => "36",
        RunState::Cancelled | RunState::Dropped | RunState::HandedBack => "35",
    };
    format!("\u{1b}[{code}m{word}\u{1b}[0m")
}
