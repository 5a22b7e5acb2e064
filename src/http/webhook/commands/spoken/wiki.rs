//! The author's own words in Jira's markup, which webhooks deliver from Cloud and Data Center alike.
//!
//! Pure. Who calls: the module above. What must stay true: a macro that is not closed hides everything behind it.

use super::NOT_AT_START;

/// What begins and ends code and quotes in Jira's markup.
const MACROS: [&str; 3] = ["{noformat", "{code", "{quote"];

/// The lines that the author wrote themselves.
pub(super) fn lines(body: &str) -> Vec<String> {
    let mut inside: Option<&str> = None;
    let mut lines = Vec::new();
    for line in body.lines() {
        let text = outside_macros(line.trim_start(), &mut inside);
        let is_quote = text.get(..3).is_some_and(|mark| mark.eq_ignore_ascii_case("bq."));
        if !is_quote && !text.starts_with('{') {
            lines.push(text);
        }
    }
    lines
}

/// What stands outside of the macros for code and quotes; `inside` is the one that is open, before and after.
fn outside_macros(text: &str, inside: &mut Option<&'static str>) -> String {
    let lower = text.to_ascii_lowercase();
    let mut spoken = String::new();
    let mut at = 0;
    if inside.is_some() {
        spoken.push(NOT_AT_START);
    }
    for (from, _) in lower.match_indices('{') {
        let named = |name: &&&str| lower[from..].strip_prefix(**name).is_some_and(|rest| rest.starts_with(['}', ':']));
        let Some(name) = MACROS.iter().find(named).copied() else { continue };
        match *inside {
            None => {
                spoken.push_str(&text[at..from]);
                spoken.push(NOT_AT_START);
                *inside = Some(name);
            }
            Some(open) if open == name => {
                at = text[from..].find('}').map_or(text.len(), |end| from + end + 1);
                *inside = None;
            }
            Some(_) => {}
        }
    }
    if inside.is_none() {
        spoken.push_str(&text[at..]);
    }
    spoken
}

/// A line without what is code within it.
pub(super) fn without_code(line: &str) -> String {
    let mut parts = line.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once("}}").map_or(part, |(_, rest)| rest))
}
