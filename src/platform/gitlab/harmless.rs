//! Makes Markdown harmless to GitLab, which reads orders out of comments. Pure.
//!
//! Who calls: the comments. GitLab carries out lines that begin with the name of a quick action, such as `/close`, and
//! notifies everybody who is mentioned. It leaves code alone, but many versions find code with a pattern that knows
//! fences of three backticks only, after they removed every carriage return: in a longer fence, a line of three
//! backticks printed by a step ends the code for them, and the next line is carried out.
//!
//! What must stay true: no line of the result begins with a quick action, inside code or outside; no `@` outside code
//! begins a mention; everything else comes out as it went in, up to the limit, without carriage returns and with every
//! code block closed.

const CUT: &str = "\n\n*(shortened)*";

/// Keeps an `@` from being the start of a name; takes no room on the page.
pub(super) const WORD_JOINER: char = '\u{2060}';

/// The text with all orders in it broken, at most about `limit` characters of it.
pub(super) fn harmless(markdown: &str, limit: usize) -> String {
    let markdown = markdown.replace('\r', "");
    let end = markdown.char_indices().nth(limit).map(|(end, _)| end);
    let (lines, open) = lines_of(&markdown[..end.unwrap_or(markdown.len())]);
    // One line whose backticks do not pair may pair them with another line's: then no code span is believed.
    let spans_are_clear = lines.iter().all(|line| !matches!(line, Line::Text(text) if !is_clear(text)));
    let mut safe = String::with_capacity(markdown.len() + 64);
    for line in lines {
        match line {
            Line::Fence(line) => safe.push_str(line),
            Line::Code(line) => push_code(&mut safe, line),
            Line::Text(line) => push_text(&mut safe, line, spans_are_clear),
        }
    }
    if let Some(fence) = open {
        if !safe.ends_with('\n') {
            safe.push('\n');
        }
        safe.push_str(fence);
    }
    if end.is_some() {
        safe.push_str(CUT);
    }
    safe
}

/// A line with its end.
enum Line<'a> {
    Fence(&'a str),
    Code(&'a str),
    Text(&'a str),
}

/// What each line is, and the fence that is still open at the end.
fn lines_of(markdown: &str) -> (Vec<Line<'_>>, Option<&str>) {
    let mut open: Option<&str> = None;
    let mut line_of = |line| match (open, fence_of(line)) {
        (Some(opening), Some((closing, true))) if closing.starts_with(opening) => {
            open = None;
            Line::Fence(line)
        }
        (Some(_), _) => Line::Code(line),
        (None, Some((opening, _))) => {
            open = Some(opening);
            Line::Fence(line)
        }
        (None, None) => Line::Text(line),
    };
    let lines = markdown.split_inclusive('\n').map(&mut line_of).collect();
    (lines, open)
}

/// The run of at least three backticks or tildes that a line begins with, and whether nothing follows. By the rules of
/// CommonMark: indented by three at most; behind backticks that open a block there are no more backticks.
fn fence_of(line: &str) -> Option<(&str, bool)> {
    let inner = line.trim_start_matches(' ');
    let mark = inner.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = inner.trim_start_matches(mark);
    let run = &inner[..inner.len() - rest.len()];
    let is_fence = line.len() - inner.len() <= 3 && run.len() >= 3 && !(mark == '`' && rest.contains('`'));
    is_fence.then_some((run, rest.trim().is_empty()))
}

/// A line of code gets a space in front if it looks like a quick action. Paths such as `/usr/bin/x` do not.
fn push_code(safe: &mut String, line: &str) {
    let word =
        line.strip_prefix('/').and_then(|rest| rest.split_whitespace().next().filter(|word| rest.starts_with(word)));
    if word.is_some_and(|word| word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')) {
        safe.push(' ');
    }
    safe.push_str(line);
}

/// A line of text: a slash in front is escaped, an `@` outside code spans is kept from being a mention.
fn push_text(safe: &mut String, line: &str, spans_are_clear: bool) {
    let mut rest = line.trim_start();
    safe.push_str(&line[..line.len() - rest.len()]);
    if rest.starts_with('/') {
        safe.push('\\');
    }
    while let Some(at) = rest.find(['`', '@']) {
        let (before, from) = rest.split_at(at);
        safe.push_str(before);
        let taken = match code_span(from).filter(|_| spans_are_clear) {
            Some(span) => span.len(),
            None => ticks(from).max(1),
        };
        safe.push_str(&from[..taken]);
        if from.starts_with('@') {
            safe.push(WORD_JOINER);
        }
        rest = &from[taken..];
    }
    safe.push_str(rest);
}

/// True when all backticks of a line pair within it, and none may be escaped.
fn is_clear(line: &str) -> bool {
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let Some(span) = code_span(&rest[at..]) else { return false };
        rest = &rest[at + span.len()..];
    }
    !line.contains("\\`")
}

/// The code span that `text` begins with: a run of backticks up to the next run of the same length.
fn code_span(text: &str) -> Option<&str> {
    let run = ticks(text);
    let mut at = run;
    loop {
        at += text[at..].find('`').filter(|_| run > 0)?;
        let closing = ticks(&text[at..]);
        at += closing;
        if closing == run {
            return Some(&text[..at]);
        }
    }
}

/// How many backticks `text` begins with.
fn ticks(text: &str) -> usize {
    text.len() - text.trim_start_matches('`').len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> String {
        harmless(text, 10_000)
    }

    #[test]
    fn what_reports_consist_of_is_left_alone() {
        let report = "agent-smith ran pipeline `fix-bug`: **failed** after 1 s.\n\nStep 1 of 1 (`` a`b @all ``) exited.\n\n\
                      ````text\n```\n/usr/bin/x: not found\n/ a\n@all\n````\n\nHost `box`, attempt 1.";
        assert_eq!(all(report), report);
    }

    #[test]
    fn quick_actions_are_broken_inside_code_and_outside() {
        assert_eq!(all("````text\n```\n/close\n/label ~x\n````"), "````text\n```\n /close\n /label ~x\n````");
        assert_eq!(all("/close\n  /due tomorrow"), "\\/close\n  \\/due tomorrow");
        assert_eq!(all("```\n\r/close\n```"), "```\n /close\n```");
        assert_eq!(all("see a/close"), "see a/close");
    }

    #[test]
    fn mentions_are_broken_outside_code_only() {
        assert_eq!(all("ask @all, `@all` and ``x` @all``"), "ask @\u{2060}all, `@all` and ``x` @all``");
        assert_eq!(all("```\n@all\n```\n@all"), "```\n@all\n```\n@\u{2060}all");
        assert_eq!(all("``@all`"), "``@\u{2060}all`");
        assert_eq!(all("`a\n` @all `b`"), "`a\n` @\u{2060}all `b`", "pairs with the line before");
        assert_eq!(all("\\`@all`"), "\\`@\u{2060}all`", "an escaped backtick opens nothing");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_its_code_block_is_closed() {
        assert_eq!(harmless("short ü", 7), "short ü");
        assert_eq!(harmless(&"ü".repeat(20), 5), format!("üüüüü{CUT}"));
        assert_eq!(harmless("````text\n```\nabcdef\n````", 18), format!("````text\n```\nabcde\n````{CUT}"));
        assert_eq!(all("```\nx"), "```\nx\n```");
        assert_eq!(harmless("```\nx\n```\nabcdef", 13), format!("```\nx\n```\nabc{CUT}"));
    }

    proptest! {
        /// Whatever comes, no line begins with a quick action.
        #[test]
        fn no_line_begins_with_an_action(text in "(/close|/label ~a|`{1,5}|~~~|@all|\n|\r|[a ]){0,40}") {
            let safe = all(&text);
            for word in safe.split('\n').filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next()) {
                prop_assert!(!matches!(word, "/close" | "/label"), "{word:?} in {safe:?}");
            }
            let same = safe.replace(['\u{2060}', '\\', ' '], "");
            prop_assert!(same.starts_with(&text.replace([' ', '\r'], "")), "{safe:?}");
        }
    }
}
