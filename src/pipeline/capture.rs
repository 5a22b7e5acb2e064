//! What becomes of a step's output: the first part and the end of it go to the run's log, the end to the comment.
//!
//! Who calls: `supervise::client` with every chunk, `run` for the tail. What must stay true: memory is bounded whatever
//! a step prints; a log that cannot be written never stops or fails a run.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;
use tracing::warn;

use super::mask::{Mask, MaskedStream};

/// Log bytes kept of one run. A verbose build prints a few megabytes; a person reads none beyond that.
pub(super) const LOG_LIMIT: u64 = 16 * 1024 * 1024;
/// Raw bytes of the end of the output kept in memory. Four times what a comment shows, because colours and progress
/// bars take most of the space in some outputs.
const TAIL_LIMIT: usize = 32 * 1024;

/// Receives everything that the steps of one run print.
#[derive(Debug)]
pub(super) struct Capture {
    log: Option<(PathBuf, File)>,
    written: u64,
    tail: Tail,
    stream: MaskedStream,
    heard: Heard,
}

/// When a step printed something for the last time. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Heard(Arc<Mutex<Instant>>);

impl Heard {
    /// Silence counts from now.
    pub(super) fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When that was.
    pub(super) fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Capture {
    /// Starts with an open log file, or without one. What `mask` knows is never kept.
    pub(super) fn new(log: Option<(PathBuf, std::fs::File)>, mask: Mask) -> Self {
        let log = log.map(|(path, file)| (path, File::from_std(file)));
        let heard = Heard(Arc::new(Mutex::new(Instant::now())));
        Self { log, written: 0, tail: Tail::default(), stream: MaskedStream::new(mask), heard }
    }

    /// The next chunk of output.
    pub(super) async fn take(&mut self, chunk: &[u8]) {
        self.heard.begin();
        let shown = self.stream.push(chunk);
        self.keep(&shown).await;
    }

    /// Tells how long it has been silent.
    pub(super) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// The end of a step: nothing is held back any more. Returns the readable end of its output.
    pub(super) async fn end_step(&mut self) -> String {
        let held = self.stream.flush();
        self.keep(&held).await;
        self.tail.readable()
    }

    async fn keep(&mut self, chunk: &[u8]) {
        self.tail.push(chunk);
        let room = usize::try_from(LOG_LIMIT.saturating_sub(self.written)).unwrap_or(usize::MAX);
        self.written += chunk.len() as u64;
        self.write(&chunk[..chunk.len().min(room)]).await;
    }

    /// A line of our own between the outputs of the steps, always written. Starts a new tail.
    pub(super) async fn begin_step(&mut self, line: &str) {
        self.flush_dropped().await;
        self.tail = Tail::default();
        self.write(format!("[agent-smith] {line}\n").as_bytes()).await;
    }

    /// A line of our own that is in the log and not in the tail.
    pub(super) async fn note(&mut self, line: &str) {
        self.flush_dropped().await;
        let line_break = if self.tail.ends_line() { "" } else { "\n" };
        self.write(format!("{line_break}[agent-smith] {line}\n").as_bytes()).await;
    }

    /// Ends the log with a line of our own. Returns its path.
    pub(super) async fn close(mut self, line: &str) -> Option<PathBuf> {
        self.note(line).await;
        if let Some((_, file)) = &mut self.log {
            let _ = file.flush().await; // a failure was reported by the write before, or only this line is missing
        }
        self.log.map(|(path, _)| path)
    }

    /// When output was left out, says how much, and adds the end of it, which explains most failures.
    async fn flush_dropped(&mut self) {
        let dropped = self.written.saturating_sub(LOG_LIMIT);
        if dropped == 0 {
            return;
        }
        let tail = self.tail.last(usize::try_from(dropped).unwrap_or(usize::MAX)).to_vec();
        let left_out = dropped - tail.len() as u64;
        self.write(format!("\n[agent-smith] {left_out} bytes of output are left out here\n").as_bytes()).await;
        self.write(&tail).await;
        self.write(b"\n").await;
        self.written = LOG_LIMIT;
    }

    async fn write(&mut self, bytes: &[u8]) {
        let Some((path, file)) = &mut self.log else { return };
        if let Err(error) = file.write_all(bytes).await {
            warn!(path = %path.display(), %error, "cannot write the run's log: the run goes on without");
            self.log = None;
        }
    }
}

/// The last bytes of an output.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    fn push(&mut self, chunk: &[u8]) {
        if chunk.len() >= TAIL_LIMIT {
            self.cut |= chunk.len() > TAIL_LIMIT || !self.bytes.is_empty();
            self.bytes.clear();
            self.bytes.extend_from_slice(&chunk[chunk.len() - TAIL_LIMIT..]);
            return;
        }
        self.bytes.extend_from_slice(chunk);
        // Up to twice the limit, so that a byte is moved once and not with every chunk.
        if self.bytes.len() >= 2 * TAIL_LIMIT {
            self.bytes.drain(..self.bytes.len() - TAIL_LIMIT);
            self.cut = true;
        }
    }

    fn last(&self, count: usize) -> &[u8] {
        &self.bytes[self.bytes.len() - count.min(TAIL_LIMIT).min(self.bytes.len())..]
    }

    fn ends_line(&self) -> bool {
        self.bytes.last().is_none_or(|byte| *byte == b'\n')
    }

    /// As text, without what only a terminal understands. A line whose beginning is lost is left out, unless there is
    /// no other: half of a secret would not be recognised.
    fn readable(&self) -> String {
        let bytes = self.last(usize::MAX);
        let cut = self.cut || bytes.len() < self.bytes.len();
        let whole = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(at) if cut && at + 1 < bytes.len() => &bytes[at + 1..],
            _ => bytes,
        };
        readable(&String::from_utf8_lossy(whole))
    }
}

/// Removes escape sequences, control characters and marks that reorder text; keeps of a line that was written over
/// with carriage returns what a terminal would show last.
pub fn readable(text: &str) -> String {
    let plain = without_escapes(text);
    let lines = plain.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        line.rsplit('\r').next().unwrap_or(line)
    });
    let mut shown = lines.collect::<Vec<_>>().join("\n");
    shown.retain(|c| matches!(c, '\n' | '\t') || !(c.is_control() || reorders_text(c)));
    shown
}

fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', '\u{90}', '\u{9b}', '\u{9d}']) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let opener = match c {
            '\u{1b}' => rest.next_if(|next| *next != '\n'),
            '\u{9b}' => Some('['),
            '\u{9d}' | '\u{90}' => Some(']'),
            other => {
                plain.push(other);
                continue;
            }
        };
        match opener {
            // Parameters and intermediates, then one final character.
            Some('[') => {
                while rest.next_if(|next| matches!(next, '\u{20}'..='\u{3f}')).is_some() {}
                rest.next_if(|next| matches!(next, '\u{40}'..='\u{7e}'));
            }
            // A string, up to its terminator. The end of the line ends it too, or one stray escape would hide all.
            Some(']' | 'P' | 'X' | '^' | '_') => {
                while let Some(next) = rest.next_if(|next| *next != '\n') {
                    if matches!(next, '\u{7}' | '\u{9c}') || (next == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            // Intermediates, then one final character, as when a character set is chosen.
            Some('\u{20}'..='\u{2f}') => {
                while rest.next_if(|next| matches!(next, '\u{20}'..='\u{2f}')).is_some() {}
                rest.next_if(|next| matches!(next, '\u{30}'..='\u{7e}'));
            }
            _ => {}
        }
    }
    Cow::Owned(plain)
}

fn reorders_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Opens a log for writing, in a directory that exists.
pub(super) fn create_log(path: &Path) -> Option<(PathBuf, std::fs::File)> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    match file {
        Ok(file) => Some((path.to_owned(), file)),
        Err(error) => {
            warn!(path = %path.display(), %error, "cannot open the run's log: the run goes on without");
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_can_read_is_left() {
        let cases = [
            ("plain\n", "plain\n"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text\u{1b}]8;;http://x\u{1b}\\link", "textlink"),
            ("\u{1b}(Bx\u{1b}=y\u{9b}2Kz", "xyz"),
            ("stray \u{1b}]never closed\nnext", "stray \nnext"),
            ("1%\r50%\r100%\r\nok\r\n", "100%\nok\n"),
            ("a\0b\u{8}c\td", "abc\td"),
            ("\u{202e}gpj.exe\u{2066}", "gpj.exe"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
        ];
        for (raw, expected) in cases {
            assert_eq!(readable(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_tail_keeps_the_end_in_whole_lines() {
        let mut tail = Tail::default();
        tail.push(b"first\n");
        assert_eq!(tail.readable(), "first\n");
        for number in 0..20_000 {
            tail.push(format!("line {number}\n").as_bytes());
            assert!(tail.bytes.len() <= 2 * TAIL_LIMIT);
        }
        let text = tail.readable();
        assert!(text.starts_with("line ") && text.ends_with("line 19999\n"), "{:?}", &text[..20]);
        tail.push(&vec![b'x'; 3 * TAIL_LIMIT]);
        assert_eq!(tail.readable(), "x".repeat(TAIL_LIMIT));
    }

    #[tokio::test]
    async fn a_log_keeps_the_beginning_and_the_end_and_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let mut capture = Capture::new(create_log(&path), Mask::default());
        capture.begin_step("step 1").await;
        capture.take(b"the beginning\n").await;
        let chunk = vec![b'.'; 1024 * 1024];
        for _ in 0..20 {
            capture.take(&chunk).await;
        }
        capture.take(b"\nthe end").await;
        let tail = capture.end_step().await;
        let log = capture.close("over").await;
        assert_eq!(log.as_deref(), Some(path.as_path()));
        assert!(tail.ends_with("\nthe end") || tail == "the end", "{:?}", tail.len());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("[agent-smith] step 1\nthe beginning\n"));
        assert!(text.ends_with("\nthe end\n\n[agent-smith] over\n"), "{:?}", &text[text.len() - 60..]);
        assert!(text.len() as u64 <= LOG_LIMIT + TAIL_LIMIT as u64 + 200);
        let total = "the beginning\n".len() + 20 * chunk.len() + "\nthe end".len();
        let left_out = total as u64 - LOG_LIMIT - TAIL_LIMIT as u64;
        assert!(text.contains(&format!("[agent-smith] {left_out} bytes of output are left out here\n")));
    }
}
