//! Foreign text in a change request or a commit's message: shown, and nothing more.
//!
//! Pure. Who calls: the steps that make one. What must stay true: no text of a ticket mentions anybody, closes or links
//! another ticket, carries out a quick action, hides anything or has markup; what a step said keeps its markup and does
//! none of the rest. Platforms look for mentions and references after Markdown is read, so that a backslash does not
//! keep them away: a character of no width between does.

use super::capture::readable;

/// Takes no room on a page.
const JOINER: char = '\u{2060}';
/// What means something in Markdown.
const MARKUP: &str = "\\`*_{}[]()<>#+-.!|~&$=^:\"'";
/// Characters of a title. The shortest limit of a platform is 255, and a draft's title is longer by a word.
const TITLE: usize = 200;

/// One line for a title; what is left of nothing is this ticket's number.
pub(super) fn title(text: &str, ticket: &str) -> String {
    let line = line(text, TITLE);
    if line.trim().is_empty() { format!("Work on {ticket}") } else { line }
}

/// One line of so many characters, which may be empty.
pub(super) fn line(text: &str, limit: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    unlinked(&line).chars().take(limit).collect()
}

/// Text of a ticket: no character of it means anything.
pub(super) fn text(text: &str) -> String {
    let text: String = readable(text).chars().filter(|c| !is_hidden(*c)).collect();
    let lines = text.lines().map(|line| {
        let mut safe = String::with_capacity(line.len() * 2);
        let line = unlinked(line.trim()).replace("://", &format!(":{JOINER}//"));
        if line.starts_with('/') {
            safe.push('\\');
        }
        for c in line.chars() {
            if MARKUP.contains(c) {
                safe.push('\\');
            }
            safe.push(c);
        }
        safe
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a step said, in Markdown: it keeps its shape.
pub(super) fn markdown(text: &str) -> String {
    let text: String = readable(text).chars().filter(|c| !is_hidden(*c)).collect();
    let lines = text.lines().map(|line| {
        let safe = unlinked(line).replace("<!--", &format!("<{JOINER}!--"));
        match safe.trim_start().starts_with('/') {
            true => format!("{JOINER}{}", safe.trim_start()),
            false => safe,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Without mentions (`@name`), references (`#12`, `!12`) and keys such as `GH-12`.
fn unlinked(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    let mut signs = line.chars().peekable();
    let mut before = ' ';
    while let Some(c) = signs.next() {
        safe.push(c);
        let next = signs.peek().copied().unwrap_or(' ');
        let links = match c {
            '@' => !next.is_whitespace(),
            '#' | '!' => next.is_ascii_digit(),
            '-' => next.is_ascii_digit() && before.is_ascii_alphabetic(),
            _ => false,
        };
        if links {
            safe.push(JOINER);
        }
        before = c;
    }
    safe
}

/// Marks of direction and of no width, by which a text can read otherwise than it is.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_of_a_ticket_means_nothing() {
        assert_eq!(text("/close @all\n  # big <!-- x"), "\\/close @\u{2060}all\n\\# big \\<\\!\\-\\- x");
        assert_eq!(text("fixes GH-1 #2"), "fixes GH\\-\u{2060}1 \\#\u{2060}2");
        assert!(!text("closes https://h/o/r/issues/1").contains("://"));
        assert_eq!(title("a\r\n @b #1\u{202e}", "7"), "a @\u{2060}b #\u{2060}1");
        assert_eq!(title(" \n", "7"), "Work on 7");
        assert_eq!(title(&"x".repeat(400), "7").len(), TITLE);
    }

    #[test]
    fn what_a_step_said_keeps_its_shape() {
        let said = markdown("## Done\n- `a` for @me, see #3\n/close\n<!-- agent-smith run 1 -->");
        assert_eq!(
            said,
            "## Done\n- `a` for @\u{2060}me, see #\u{2060}3\n\u{2060}/close\n<\u{2060}!-- agent-smith run 1 -->"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_mentioned_or_hidden(foreign in "(@[a-z]|#[0-9]|/close|<!--|-->|\n| |`|GH-[0-9]|[a-z]){0,40}") {
            for safe in [text(&foreign), markdown(&foreign), title(&foreign, "1")] {
                let signs: Vec<char> = safe.chars().collect();
                for pair in signs.windows(2) {
                    prop_assert!(pair[0] != '@' || !pair[1].is_alphanumeric(), "{safe}");
                    prop_assert!(pair[0] != '#' || !pair[1].is_ascii_digit(), "{safe}");
                }
            }
            for safe in [text(&foreign), markdown(&foreign)] {
                prop_assert!(!safe.contains("<!--"));
                prop_assert!(safe.lines().all(|line| !line.trim_start().starts_with('/')));
            }
        }
    }
}
