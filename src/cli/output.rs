//! Standard output for commands that print: line by line, and calm about a reader that has seen enough.
//!
//! `println!` panics when the reader of a pipe has gone (`agent-smith poll | head -1`) and keeps lines back when it does
//! not write to a terminal. What must stay true: a line is out when [`Output::line`] returns, a reader that is gone is
//! no failure, and anything else that keeps a line from being written is one.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use super::fail;
use crate::config::Env;

/// Standard output.
#[derive(Debug, Default)]
pub(super) struct Output {
    lost: Option<io::Error>,
}

impl Output {
    /// Writes a line, or nothing once a line could not be written.
    pub(super) fn line(&mut self, line: impl Display) {
        if self.lost.is_some() {
            return;
        }
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            self.lost = Some(error);
        }
    }

    /// True when nobody reads any more.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// How the command ends that would otherwise end with `exit`: a full disk is a failure.
    pub(super) fn end(self, exit: ExitCode) -> ExitCode {
        match self.lost {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                fail(&format!("cannot write to standard output: {error}"))
            }
            _ => exit,
        }
    }
}

/// Whether a stream takes colours: terminals do, unless `NO_COLOR` says otherwise.
pub(super) fn takes_colour(stream: &impl IsTerminal, env: &Env) -> bool {
    stream.is_terminal() && env.trimmed("NO_COLOR").is_none()
}

/// Other people's text on one line of our own: no control characters, and no more than so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let mut characters = text.chars().filter(|character| !character.is_control());
    let mut short: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        short.pop();
        short.push('\u{2026}');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_with_a_mark_and_cannot_command_the_terminal() {
        assert_eq!(shortened("Footer", 6), "Footer");
        assert_eq!(shortened("Footers", 6), "Foote\u{2026}");
        assert_eq!(shortened("\u{1b}[2Ja\r\nb", 10), "[2Jab");
    }
}
