//! Reads the Markdown of our comments: paragraphs, bold, code spans, code fences, addresses, folds. Pure.
//!
//! Who calls: the platforms that write comments in a format of their own (Azure DevOps: HTML; Jira: documents, wiki). What must stay true: fences and code spans end
//! where CommonMark says and nowhere else, whatever is in them; nothing in a fence ends the fold around it; anything that
//! is not one of the six is plain text.

use std::str::Lines;

/// A part of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// Text that flows.
    Paragraph(Vec<Span>),
    /// Text as it stands, without a line break at the end.
    Code(String),
    /// Paragraphs and code that a person unfolds, below a title. Not empty, no fold in it.
    Fold(String, Vec<Block>),
}

/// The lines of a fold, each by itself: the first and the last, and the one below the first around the title.
const FOLD: [&str; 4] = ["<details>", "</details>", "<summary>", "</summary>"];

/// A part of a paragraph. Texts are not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// Plain.
    Text(String),
    /// Bold.
    Strong(String),
    /// As it stands, on one line.
    Code(String),
    /// An address, which is shown as it is.
    Link(String),
    /// A new line.
    Break,
}

/// The parts of `text`, in order.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    while let Some(line) = lines.next() {
        if let Some((title, inside)) = fold(line, &mut lines) {
            end_paragraph(&mut paragraph, &mut found);
            found.push(Block::Fold(title, inside));
        } else {
            push_line(line, &mut lines, &mut paragraph, &mut found);
        }
    }
    end_paragraph(&mut paragraph, &mut found);
    found
}

/// The fold that `line` begins, if it is one: with a title, something inside, and an end. `lines` is then behind it.
fn fold(line: &str, lines: &mut Lines<'_>) -> Option<(String, Vec<Block>)> {
    if line != FOLD[0] {
        return None;
    }
    let mut ahead = lines.clone();
    let title = ahead.next()?.strip_prefix(FOLD[2])?.strip_suffix(FOLD[3])?.to_owned();
    let mut inside = Vec::new();
    let mut paragraph: Vec<&str> = Vec::new();
    loop {
        match ahead.next()? {
            end if end == FOLD[1] => break,
            line => push_line(line, &mut ahead, &mut paragraph, &mut inside),
        }
    }
    end_paragraph(&mut paragraph, &mut inside);
    let whole = !title.trim().is_empty() && !inside.is_empty();
    whole.then(|| {
        *lines = ahead;
        (title, inside)
    })
}

/// A line that belongs to a paragraph, ends it, or opens a fence, of which it takes everything.
fn push_line<'a>(line: &'a str, lines: &mut Lines<'a>, paragraph: &mut Vec<&'a str>, found: &mut Vec<Block>) {
    let fence = Fence::opened_by(line);
    if fence.is_some() || line.trim().is_empty() {
        end_paragraph(paragraph, found);
    } else {
        paragraph.push(line);
    }
    if let Some(fence) = fence {
        let code: Vec<&str> = lines.by_ref().take_while(|line| !fence.is_closed_by(line)).collect();
        found.push(Block::Code(code.join("\n")));
    }
}

fn end_paragraph(lines: &mut Vec<&str>, blocks: &mut Vec<Block>) {
    if !lines.is_empty() {
        blocks.push(Block::Paragraph(spans(&lines.join("\n"))));
        lines.clear();
    }
}

/// The line that opens a block of code.
struct Fence {
    mark: char,
    length: usize,
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let (mark, length, rest) = Self::run(line)?;
        // A line that goes on with backticks is a code span.
        (length >= 3 && (mark == '~' || !rest.contains('`'))).then_some(Self { mark, length })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        Self::run(line)
            .is_some_and(|(mark, length, rest)| mark == self.mark && length >= self.length && rest.trim().is_empty())
    }

    /// The run of marks at the beginning of a line that is not indented by four, and what follows it.
    fn run(line: &str) -> Option<(char, usize, &str)> {
        let text = line.trim_start_matches(' ');
        let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let rest = text.trim_start_matches(mark);
        (line.len() - text.len() < 4).then_some((mark, text.len() - rest.len(), rest))
    }
}

/// The parts of a paragraph.
fn spans(text: &str) -> Vec<Span> {
    let pieces = pieces(text);
    let marks: usize = pieces.iter().map(|(is_code, text)| if *is_code { 0 } else { text.matches("**").count() }).sum();
    // An odd mark at the end opens nothing.
    let mut marks_left = marks - marks % 2;
    let mut is_strong = false;
    let mut spans = Vec::new();
    for (is_code, piece) in pieces {
        if is_code {
            spans.push(Span::Code(piece));
            continue;
        }
        for (at, part) in piece.split("**").enumerate() {
            if at > 0 && marks_left > 0 {
                is_strong = !is_strong;
                marks_left -= 1;
            } else if at > 0 {
                push_text("**", false, &mut spans);
            }
            push_text(part, is_strong, &mut spans);
        }
    }
    spans
}

fn push_text(text: &str, is_strong: bool, spans: &mut Vec<Span>) {
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            spans.push(Span::Break);
        }
        match (line.is_empty(), is_strong) {
            (true, _) => {}
            (false, true) => spans.push(Span::Strong(line.to_owned())),
            (false, false) => push_links(line, spans),
        }
    }
}

/// Plain text with addresses in it, which stand between `<` and `>`.
fn push_links(line: &str, spans: &mut Vec<Span>) {
    let (mut rest, mut plain) = (line, String::new());
    while let Some(at) = rest.find('<') {
        let after = &rest[at + 1..];
        let address = after.split_once('>').map(|(address, _)| address).filter(|address| is_address(address));
        match address {
            Some(address) => {
                plain.push_str(&rest[..at]);
                spans.extend((!plain.is_empty()).then(|| Span::Text(std::mem::take(&mut plain))));
                spans.push(Span::Link(address.to_owned()));
                rest = &after[address.len() + 1..];
            }
            None => {
                plain.push_str(&rest[..=at]);
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    spans.extend((!plain.is_empty()).then_some(Span::Text(plain)));
}

/// Of signs alone that mean nothing in any format.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#&=%+".contains(c))
    })
}

/// Code spans (true) and what is between them. A run of backticks is ended by the next run of the same length; without
/// one it is text.
fn pieces(text: &str) -> Vec<(bool, String)> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let after = rest[at..].trim_start_matches('`');
        let length = rest.len() - at - after.len();
        plain.push_str(&rest[..at]);
        match end_of_code(after, length) {
            Some(end) => {
                pieces.push((false, std::mem::take(&mut plain)));
                pieces.push((true, trimmed(&after[..end])));
                rest = &after[end + length..];
            }
            None => {
                plain.push_str(&rest[at..at + length]);
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    pieces.push((false, plain));
    pieces.retain(|(_, text)| !text.is_empty());
    pieces
}

/// Where a run of exactly `length` backticks begins.
fn end_of_code(text: &str, length: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        if run == length {
            return Some(start);
        }
        at = start + run;
    }
    None
}

/// One space at each end belongs to the marks, if there is anything else.
fn trimmed(code: &str) -> String {
    let line = code.replace('\n', " ");
    let inner = line.strip_prefix(' ').and_then(|inner| inner.strip_suffix(' '));
    inner.filter(|_| !line.trim().is_empty()).map_or(line.clone(), str::to_owned)
}

/// The beginning of `blocks` with at most `limit` characters of text; whether that left something out.
pub(super) fn shortened(blocks: &[Block], limit: usize) -> (Vec<Block>, bool) {
    let mut left = limit;
    let (kept, is_whole) = shortened_blocks(blocks, &mut left);
    (kept, !is_whole)
}

fn shortened_blocks(blocks: &[Block], left: &mut usize) -> (Vec<Block>, bool) {
    let mut kept = Vec::new();
    for block in blocks {
        let (part, is_whole) = match block {
            Block::Code(text) => {
                let (text, is_whole) = taken(text, left);
                (Block::Code(text), is_whole)
            }
            Block::Paragraph(spans) => {
                let (spans, is_whole) = shortened_spans(spans, left);
                (Block::Paragraph(spans), is_whole)
            }
            // A title says nothing without what is below it.
            Block::Fold(title, _) if title.chars().count() >= *left => return (kept, false),
            Block::Fold(title, inside) => {
                let (title, _) = taken(title, left);
                let (inside, is_whole) = shortened_blocks(inside, left);
                (Block::Fold(title, inside), is_whole)
            }
        };
        kept.push(part);
        if !is_whole {
            return (kept, false);
        }
    }
    (kept, true)
}

fn shortened_spans(spans: &[Span], left: &mut usize) -> (Vec<Span>, bool) {
    let mut kept = Vec::new();
    for span in spans {
        let (text, wrap): (&str, fn(String) -> Span) = match span {
            Span::Text(text) => (text, Span::Text),
            Span::Strong(text) => (text, Span::Strong),
            Span::Code(text) => (text, Span::Code),
            // Half an address leads nowhere.
            Span::Link(text) if text.chars().count() > *left => (text, Span::Text),
            Span::Link(text) => (text, Span::Link),
            Span::Break => {
                kept.push(Span::Break);
                continue;
            }
        };
        let (text, is_whole) = taken(text, left);
        if !text.is_empty() {
            kept.push(wrap(text));
        }
        if !is_whole {
            return (kept, false);
        }
    }
    (kept, true)
}

fn taken(text: &str, left: &mut usize) -> (String, bool) {
    match text.char_indices().nth(*left) {
        Some((end, _)) => {
            *left = 0;
            (text[..end].to_owned(), false)
        }
        None => {
            *left -= text.chars().count();
            (text.to_owned(), true)
        }
    }
}

#[cfg(test)]
mod tests;
