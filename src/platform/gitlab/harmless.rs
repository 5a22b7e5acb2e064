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
const WORD_JOINER: char = '\u{2060}';

/// The text with all orders in it broken, at most about `limit` characters of it.
pub(super) fn harmless(markdown: &str, limit: usize) -> String {
    let markdown = markdown.replace('\r', "");
    let end = markdown.char_indices().nth(limit).map(|(end, _)| end);
    let kept = &markdown[..end.unwrap_or(markdown.len())];
    let mut safe = String::with_capacity(kept.len() + 64);
    let mut open: Option<&str> = None;
    for line in kept.split_inclusive('\n') {
        let fence = fence_of(line);
        match (open, fence) {
            (Some(opening), Some((closing, true))) if closing.starts_with(opening) => {
                open = None;
                safe.push_str(line);
            }
            (Some(_), _) => push_code(&mut safe, line),
            (None, Some((opening, _))) => {
                open = Some(opening);
                safe.push_str(line);
            }
            (None, None) => push_text(&mut safe, line),
        }
    }
    if end.is_some() {
        if let Some(fence) = open {
            safe.push('\n');
            safe.push_str(fence);
        }
        safe.push_str(CUT);
    }
    safe
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
fn push_text(safe: &mut String, line: &str) {
    let inner = line.trim_start();
    safe.push_str(&line[..line.len() - inner.len()]);
    if inner.starts_with('/') {
        safe.push('\\');
    }
    let mut rest = inner;
    while let Some(at) = rest.find(['`', '@']) {
        let (before, from) = rest.split_at(at);
        safe.push_str(before);
        let taken = match code_span(from) {
            Some(span) => {
                safe.push_str(span);
                span.len()
            }
            None => {
                let run = from.len() - from.trim_start_matches('`').len();
                let taken = run.max(1);
                safe.push_str(&from[..taken]);
                if run == 0 {
                    safe.push(WORD_JOINER);
                }
                taken
            }
        };
        rest = &from[taken..];
    }
    safe.push_str(rest);
}

/// The code span that `text` begins with: a run of backticks up to the next run of the same length.
fn code_span(text: &str) -> Option<&str> {
    let run = text.len() - text.trim_start_matches('`').len();
    let mut at = run;
    while run > 0 {
        at += text[at..].find('`')?;
        let closing = text[at..].len() - text[at..].trim_start_matches('`').len();
        at += closing;
        if closing == run {
            return Some(&text[..at]);
        }
    }
    None
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
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_its_code_block_is_closed() {
        assert_eq!(harmless("short ü", 7), "short ü");
        assert_eq!(harmless(&"ü".repeat(20), 5), format!("üüüüü{CUT}"));
        assert_eq!(harmless("````text\n```\nabcdef\n````", 18), format!("````text\n```\nabcde\n````{CUT}"));
        assert_eq!(harmless("```\nx\n```\nabcdef", 13), format!("```\nx\n```\nabc{CUT}"));
    }

    proptest! {
        /// Whatever comes, no line begins with a quick action.
        #[test]
        fn no_line_begins_with_an_action(text in "(/close|/label ~a|`{1,5}|~~~|@all|\n|\r|[a ]){0,40}") {
            let safe = all(&text);
            for line in safe.split('\n') {
                prop_assert!(!line.starts_with("/close") && !line.starts_with("/label"), "{line:?} in {safe:?}");
            }
            prop_assert_eq!(safe.replace(['\u{2060}', '\\', ' '], ""), text.replace(['\\', ' ', '\r'], ""));
        }
    }
}
