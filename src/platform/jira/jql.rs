//! The queries, as text. Pure.
//!
//! Who calls: the listings. What must stay true: every name is quoted and escaped, so that no label is read as anything
//! but a label; every query is bounded by labels and ordered, which Cloud demands.

use std::collections::BTreeSet;

use crate::lifecycle::Lifecycle;

/// States that discovery leaves out, so that finished tickets never crowd out new ones. Pending is not among them: it
/// asks for a run.
const LEFT_OUT: [Lifecycle; 4] = [Lifecycle::Enqueued, Lifecycle::InProgress, Lifecycle::Done, Lifecycle::Failed];

const OPEN: &str = "statusCategory != Done";
const OLDEST_FIRST: &str = "ORDER BY created ASC";

/// Open tickets with any of these labels and without a lifecycle label that says that somebody is at it.
pub(super) fn discovery(project: Option<&str>, labels: &[String]) -> String {
    let wanted = in_list(labels.iter().flat_map(|label| spellings(label)));
    let left_out = in_list(LEFT_OUT.iter().map(|state| state.label().to_owned()));
    joined(project, &[&format!("labels in {wanted}"), OPEN, &format!("labels not in {left_out}")])
}

/// Tickets whose label shows this state; the open ones alone for Pending, because a closed ticket is never claimed.
pub(super) fn lifecycle(project: Option<&str>, state: Lifecycle) -> String {
    let wanted = format!("labels in {}", in_list(spellings(state.label()).into_iter()));
    match state {
        Lifecycle::Pending => joined(project, &[&wanted, OPEN]),
        _ => joined(project, &[&wanted]),
    }
}

fn joined(project: Option<&str>, clauses: &[&str]) -> String {
    let project = project.map(|key| format!("project = {}", quoted(key)));
    let all: Vec<&str> = project.iter().map(String::as_str).chain(clauses.iter().copied()).collect();
    format!("{} {OLDEST_FIRST}", all.join(" AND "))
}

fn in_list(names: impl Iterator<Item = String>) -> String {
    format!("({})", names.map(|name| quoted(&name)).collect::<Vec<_>>().join(", "))
}

/// The spellings that people use of one label, because Jira keeps `Bug` and `bug` as two: as configured, all small, all
/// capitals, the first letter or the first of each word a capital. Others are found only where Jira itself looks away
/// from case.
fn spellings(label: &str) -> BTreeSet<String> {
    let small = label.to_lowercase();
    let first: String = small.chars().take(1).flat_map(char::to_uppercase).chain(small.chars().skip(1)).collect();
    let mut begins = true;
    let mut words = String::with_capacity(small.len());
    for c in small.chars() {
        match begins {
            true => words.extend(c.to_uppercase()),
            false => words.push(c),
        }
        begins = !c.is_alphanumeric();
    }
    [label.to_owned(), label.to_uppercase(), small, first, words].into()
}

/// A string of JQL. Source: Atlassian, "Search syntax for text fields" and "JQL reserved characters": inside double
/// quotes only the backslash and the quote need a backslash.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_names_everything_and_quotes_it() {
        assert_eq!(
            discovery(Some("PROJ"), &["7".to_owned(), r#"a"\b"#.to_owned()]),
            r#"project = "PROJ" AND labels in ("7", "A\"\\B", "A\"\\b", "a\"\\b") AND statusCategory != Done AND "#
                .to_owned()
                + r#"labels not in ("agent-smith:enqueued", "agent-smith:in-progress", "agent-smith:done", "#
                + r#""agent-smith:failed") ORDER BY created ASC"#
        );
    }

    #[test]
    fn a_lifecycle_listing_of_the_whole_site_is_bounded_by_its_label() {
        let pending = lifecycle(None, Lifecycle::Pending);
        assert!(
            pending.starts_with(r#"labels in ("AGENT-SMITH:PENDING", "Agent-Smith:Pending", "Agent-smith:pending""#)
        );
        assert!(pending.ends_with(") AND statusCategory != Done ORDER BY created ASC"), "{pending}");
        assert!(!lifecycle(None, Lifecycle::Done).contains("statusCategory"), "the reconcilers see closed tickets too");
    }

    #[test]
    fn the_usual_spellings_are_asked_for_once_each() {
        let of = |label: &str| spellings(label).into_iter().collect::<Vec<_>>();
        assert_eq!(of("fix-Bug"), ["FIX-BUG", "Fix-Bug", "Fix-bug", "fix-Bug", "fix-bug"]);
        assert_eq!(of("42"), ["42"]);
        assert_eq!(of("über"), ["ÜBER", "Über", "über"]);
    }
}
