//! The name of the branch on which a ticket is worked on.
//!
//! Who calls: `checkout`. What must stay true: whatever a ticket is called, the name is one that git and every platform
//! take, of letters, digits and hyphens behind the prefix; the same ticket has the same name for as long as its title
//! stays, and names that begin alike when it is edited.

/// Every branch of ours begins with it, and nothing else is ever pushed.
pub(in crate::pipeline) const PREFIX: &str = "agent-smith/";
/// Characters made of a title: enough to recognise it in a list of branches.
const SLUG: usize = 40;
/// Characters made of a ticket's id. The longest in use are Jira's, such as `PLATFORM-12345`.
const TICKET: usize = 40;

/// `agent-smith/<ticket>-<slug of the title>`.
pub(in crate::pipeline) fn branch_of(ticket: &str, title: &str) -> String {
    let begin = ticket_prefix(ticket);
    let slug = harmless(&title.to_lowercase(), SLUG);
    if slug.is_empty() { begin } else { format!("{begin}-{slug}") }
}

/// What the names of all branches of a ticket begin with, whatever its title.
pub(super) fn ticket_prefix(ticket: &str) -> String {
    let ticket = harmless(ticket, TICKET);
    format!("{PREFIX}{}", if ticket.is_empty() { "ticket" } else { &ticket })
}

/// Whether a branch may be one of this ticket, under another title.
pub(super) fn is_of_ticket(branch: &str, ticket: &str) -> bool {
    let Some(rest) = branch.strip_prefix(&ticket_prefix(ticket)) else { return false };
    rest.is_empty() || (rest.starts_with('-') && harmless(&rest[1..], SLUG) == rest[1..])
}

/// Letters and digits of ASCII, with one hyphen for whatever stands between them.
fn harmless(text: &str, limit: usize) -> String {
    let mut name = String::with_capacity(limit);
    for c in text.chars() {
        if name.len() >= limit {
            break;
        }
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(name.trim_end_matches('-').len());
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_branch_names_its_ticket_and_its_title() {
        assert_eq!(branch_of("42", "It crashes, often!"), "agent-smith/42-it-crashes-often");
        assert_eq!(branch_of("PROJ-7", "Größe & ähnliches"), "agent-smith/PROJ-7-gr-e-hnliches");
        assert_eq!(branch_of("42", "日本語"), "agent-smith/42");
        assert_eq!(
            branch_of("../..", "--upload-pack=x; rm -rf ~ @{u} a..b .lock"),
            "agent-smith/ticket-upload-pack-x-rm-rf-u-a-b-lock"
        );
        assert_eq!(branch_of("1", &"ab ".repeat(40)), "agent-smith/1-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-a");
    }

    #[test]
    fn a_branch_of_another_title_is_known_by_its_beginning() {
        for title in ["It crashes", "日本語", "x"] {
            assert!(is_of_ticket(&branch_of("42", title), "42"), "{title}");
        }
        for other in ["agent-smith/421", "agent-smith/4", "agent-smith/42/x", "agent-smith/42-x;y", "42-x", "main"] {
            assert!(!is_of_ticket(other, "42"), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_ticket_has_a_branch_that_git_takes(ticket in any::<String>(), title in any::<String>()) {
            let branch = branch_of(&ticket, &title);
            let name = branch.strip_prefix(PREFIX).expect("the prefix");
            prop_assert!(!name.is_empty() && name.len() <= TICKET + 1 + SLUG);
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
        }
    }
}
