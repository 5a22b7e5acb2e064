//! The author's own words in Markdown, of GitHub, GitLab and Azure DevOps.
//!
//! Pure. Who calls: the module above. What must stay true: where it is in doubt whether text is code, hidden or quoted, it
//! is taken for that.

use std::ops::Range;

use super::NOT_AT_START;

/// What opens text in Markdown that is not the author's words or not shown, and what closes it.
const BLOCKS: [(&str, &str); 4] =
    [("<!--", "-->"), ("<pre", "</pre>"), ("<code", "</code>"), ("<blockquote", "</blockquote>")];

/// The lines that the author wrote themselves.
pub(super) fn lines(body: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    // GitLab quotes everything between two lines of three angle brackets.
    let mut quoted = false;
    let mut until: Option<&str> = None;
    for line in body.lines() {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        if let Some(open) = fence {
            let closes =
                indent < 4 && fence_of(text).is_some_and(|run| run.starts_with(open) && run == text.trim_end());
            fence = fence.filter(|_| !closes);
            continue;
        }
        if until.is_none() {
            let turns = text.trim_end() == ">>>";
            // Four spaces, or a tab, are code.
            if turns || quoted || indent >= 4 || text.starts_with(['\t', '>']) {
                quoted ^= turns;
                continue;
            }
            fence = opened_fence(behind_list_marks(text));
            if fence.is_some() {
                continue;
            }
        }
        lines.push(outside_blocks(text, &mut until));
    }
    lines
}

/// What stands outside of [`BLOCKS`]; `until` is what ends the one that is open, before and after. What follows a block in
/// its line is not at the start of one.
fn outside_blocks(text: &str, until: &mut Option<&'static str>) -> String {
    // Only letters of ASCII are compared, so that places are the same in both.
    let lower = text.to_ascii_lowercase();
    let code = code_within(text);
    let (mut spoken, mut at) = (String::new(), 0);
    loop {
        if let Some(end) = *until {
            spoken.push(NOT_AT_START);
            let Some(closed) = lower[at..].find(end) else { return spoken };
            (at, *until) = (at + closed + end.len(), None);
        }
        let Some((from, close)) = next_block(&lower, at, &code) else {
            spoken.push_str(&text[at..]);
            return spoken;
        };
        spoken.push_str(&text[at..from]);
        // Behind the bracket: `<!-->` is a comment too.
        (at, *until) = (from + 1, Some(close));
    }
}

/// Where the next of [`BLOCKS`] begins from `at` on, and what ends it. A tag that is shown as code opens nothing.
fn next_block(lower: &str, at: usize, code: &[Range<usize>]) -> Option<(usize, &'static str)> {
    let opens = lower[at..].match_indices('<').map(|(from, _)| at + from);
    let is_code = |from: &usize| {
        let behind = code.partition_point(|span| span.end <= *from);
        code.get(behind).is_some_and(|span| span.contains(from))
    };
    opens.filter(|from| !is_code(from)).find_map(|from| {
        let block = BLOCKS.iter().find(|(open, _)| lower[from..].starts_with(open));
        block.map(|(_, close)| (from, *close))
    })
}

/// The text of a line behind the marks of the list items that it begins.
fn behind_list_marks(mut text: &str) -> &str {
    loop {
        let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let behind = match digits.len() < text.len() {
            true => digits.strip_prefix(['.', ')']),
            false => text.strip_prefix(['-', '*', '+']),
        };
        match behind.filter(|rest| rest.starts_with([' ', '\t'])) {
            Some(rest) => text = rest.trim_start(),
            None => return text,
        }
    }
}

/// The run that opens a fence. Behind backticks more of them in the line make it code within a line.
fn opened_fence(text: &str) -> Option<&str> {
    fence_of(text).filter(|run| run.starts_with('~') || !text[run.len()..].contains('`'))
}

/// The run of backticks or tildes that opens or closes a fence.
fn fence_of(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run = &text[..text.len() - text.trim_start_matches(mark).len()];
    (run.len() >= 3).then_some(run)
}

/// A line without what is code within it.
pub(super) fn without_code(line: &str) -> String {
    let (mut text, mut at) = (String::new(), 0);
    for code in code_within(line) {
        text.push_str(&line[at..code.start]);
        at = code.end;
    }
    text + &line[at..]
}

/// What is code within a line: from a run of backticks to the next one that is as long.
fn code_within(line: &str) -> Vec<Range<usize>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while let Some(run) = next_ticks(line, at) {
        let is_end = |other: &Range<usize>| other.len() == run.len();
        let mut later = std::iter::successors(next_ticks(line, run.end), |other| next_ticks(line, other.end));
        let end = later.find(is_end).map(|other| other.end);
        all.extend(end.map(|end| run.start..end));
        at = end.unwrap_or(run.end);
    }
    all
}

/// The next run of backticks.
fn next_ticks(line: &str, at: usize) -> Option<Range<usize>> {
    let start = at + line[at..].find('`')?;
    let behind = line[start..].trim_start_matches('`');
    Some(start..line.len() - behind.len())
}
