//! The text of the file, and how a line of it is shown below a message.
//!
//! Called by everything that reports a mistake. What must stay true: a line that is shown holds no secret. A file is
//! not meant to hold one, and a mistake in it is most likely just there.

use std::ops::Range;

use super::tree::{Node, Span, Value};

/// Characters of a line that are shown; a terminal is rarely wider.
const MAX_SHOWN: usize = 120;
/// Beginnings of well-known tokens, for those that stand where nobody expects them.
const TOKEN_BEGINNINGS: [&str; 8] = ["ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "gldt-", "ATATT"];

/// Name and text of the file.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    lines: Vec<&'a str>,
    hidden: Vec<Span>,
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { name, lines: text.split('\n').collect(), hidden: Vec::new() }
    }

    /// Finds the values that must not be shown: those of keys that sound secret, and all below `secrets`.
    pub(super) fn hide_secrets_of(&mut self, root: &Node) {
        hide(root, false, &mut self.hidden);
    }

    /// The line of `span` with a caret below, secrets and control characters replaced. Empty when there is no line.
    pub(super) fn snippet(&self, span: Span) -> String {
        let index = (span.line as usize).saturating_sub(1);
        let Some(line) = self.lines.get(index).map(|line| line.trim_end()).filter(|line| !line.is_empty()) else {
            return String::new();
        };
        let mut shown: Vec<char> = line.chars().collect();
        let mut hidden = secret_ranges(&shown);
        hidden.extend(self.hidden.iter().filter(|span| span.line as usize == index + 1).map(|span| {
            let start = (span.column as usize).saturating_sub(1);
            start..start.saturating_add(span.len as usize)
        }));
        for range in hidden {
            let end = range.end.min(shown.len());
            shown[range.start.min(end)..end].fill('*');
        }
        let column = (span.column as usize).saturating_sub(1).min(shown.len());
        let first = if shown.len() > MAX_SHOWN { column.saturating_sub(MAX_SHOWN / 2) } else { 0 };
        let last = shown.len().min(first + MAX_SHOWN);
        let text: String = shown[first..last].iter().map(|c| if c.is_control() { ' ' } else { *c }).collect();
        let carets = (span.len.max(1) as usize).min((last - column).max(1));
        let number = span.line;
        let margin = " ".repeat(number.to_string().len());
        format!("{number} | {text}\n{margin} | {}{}", " ".repeat(column - first), "^".repeat(carets))
    }
}

fn hide(node: &Node, all: bool, hidden: &mut Vec<Span>) {
    match &node.value {
        Value::Section(entries) => {
            for entry in entries {
                hide(&entry.node, all || entry.key == "secrets" || sounds_secret(&entry.key), hidden);
            }
        }
        Value::List(nodes) => nodes.iter().for_each(|node| hide(node, all, hidden)),
        Value::Text(text) if all && !is_harmless(&text.written) => hidden.push(node.span),
        Value::Integer(_) | Value::Float(_) if all => hidden.push(node.span),
        _ => {}
    }
}

/// True for keys whose values are likely to be secrets.
pub(super) fn sounds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let parts = ["token", "secret", "passw", "credential", "apikey", "api_key", "private"];
    key == "auth" || parts.iter().any(|part| key.contains(part))
}

/// True for a value of a secret key that may be shown: the word that stands for the environment, or a reference.
fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    value.eq_ignore_ascii_case("token") || (value.starts_with("${") && value.find('}') == Some(value.len() - 1))
}

/// What can be told from one line alone, for files that could not be parsed.
fn secret_ranges(line: &[char]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for (at, _) in line.iter().enumerate().filter(|(_, c)| **c == ':') {
        ranges.extend(value_of_secret_key(line, at));
        if line[at..].starts_with(&[':', '/', '/']) {
            let rest = &line[at + 3..];
            let end = rest.iter().position(|c| "/ \t\"'?#".contains(*c)).unwrap_or(rest.len());
            if let Some(sign) = rest[..end].iter().rposition(|c| *c == '@') {
                ranges.push(at + 3..at + 3 + sign);
            }
        }
    }
    let starts = |at: usize, word: &str| word.chars().eq(line[at..].iter().copied().take(word.len()));
    for at in (0..line.len()).filter(|at| TOKEN_BEGINNINGS.iter().any(|word| starts(*at, word))) {
        let is_part = |c: &char| c.is_ascii_alphanumeric() || "_-=".contains(*c);
        let len = line[at..].iter().position(|c| !is_part(c)).unwrap_or(line.len() - at);
        ranges.push(at..at + len);
    }
    ranges
}

fn value_of_secret_key(line: &[char], colon: usize) -> Option<Range<usize>> {
    let is_part = |c: &char| c.is_alphanumeric() || "_-\"'".contains(*c);
    let before = line[..colon].iter().rposition(|c| !is_part(c)).map_or(0, |at| at + 1);
    let key: String = line[before..colon].iter().filter(|c| !"\"'".contains(**c)).collect();
    if !sounds_secret(&key) || !line.get(colon + 1).is_none_or(|c| c.is_whitespace() || "\"'".contains(*c)) {
        return None;
    }
    let start = colon + 1 + line[colon + 1..].iter().position(|c| !c.is_whitespace())?;
    let len = match line[start] {
        quote @ ('"' | '\'') => line[start + 1..].iter().position(|c| *c == quote).map(|at| at + 2),
        '$' if line.get(start + 1) == Some(&'{') => {
            let close = line[start..].iter().position(|c| *c == '}').map_or(line.len(), |at| start + at + 1);
            let rest = line[close..].iter().position(|c| ",}#".contains(*c) || c.is_whitespace());
            rest.map(|at| close + at - start)
        }
        _ => line[start..].iter().position(|c| ",}#".contains(*c)),
    };
    let end = len.map_or(line.len(), |len| start + len);
    let value: String = line[start..end].iter().collect();
    (!is_harmless(value.trim().trim_matches(['"', '\'']))).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let source = Source::new("f", line);
        let snippet = source.snippet(Span { line: 1, column: 1, len: 1 });
        snippet.lines().next().expect("two lines").trim_start_matches("1 | ").to_owned()
    }

    #[test]
    fn secrets_in_a_line_are_masked_and_the_rest_is_not() {
        assert_eq!(shown("auth: token"), "auth: token");
        assert_eq!(shown("auth: hunter2"), "auth: *******");
        assert_eq!(shown("{ type: x, auth: 'hun, ter', url: y }"), "{ type: x, auth: **********, url: y }");
        assert_eq!(shown("github_token: ${GITHUB_TOKEN}"), "github_token: ${GITHUB_TOKEN}");
        assert_eq!(shown("{ my_token: ${A}hunter2 }"), "{ my_token: *********** }");
        assert_eq!(shown("url: https://me:pw@host/x"), "url: https://*****@host/x");
        assert_eq!(shown("project: ghp_0123456789abcdef"), "project: ********************");
        assert_eq!(shown("password: \"unclosed"), "password: *********");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let line = format!("{}HERE{}", "x".repeat(500), "y".repeat(500));
        let snippet = Source::new("f", &line).snippet(Span { line: 1, column: 501, len: 4 });
        let lines: Vec<&str> = snippet.lines().collect();
        assert!(lines[0].len() < 140, "{snippet}");
        let caret = lines[1].find("^^^^").expect("a caret");
        assert_eq!(&lines[0][caret..caret + 4], "HERE");
    }
}
