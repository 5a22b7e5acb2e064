//! Trigger labels that a platform can carry and find again.
//!
//! Called by the check of a project. What must stay true: a label that passes can be put on a ticket by a person and
//! asked for in one query; everything else would be a trigger that silently never fires.

use crate::lifecycle;
use crate::ticket::PlatformKind;

/// Longest label in characters, by platform. GitHub, GitLab and Azure DevOps document theirs; Jira keeps labels in a
/// column of 255.
fn max_len(platform: PlatformKind) -> usize {
    match platform {
        PlatformKind::GitHub => 50,
        PlatformKind::AzureDevOps => 400,
        PlatformKind::GitLab | PlatformKind::Jira => 255,
    }
}

/// Why `label` cannot be a trigger label on `platform`; `None` when it can.
pub(super) fn why_not(label: &str, platform: PlatformKind) -> Option<String> {
    let name = platform.display_name();
    let is_word = |word: &str| label.eq_ignore_ascii_case(word);
    let reason = if label.trim().is_empty() {
        "a trigger label may not be empty".to_owned()
    } else if label.to_lowercase().starts_with(lifecycle::PREFIX) {
        format!("labels that start with `{}` show the state of a run and cannot start one", lifecycle::PREFIX)
    } else if label.chars().any(char::is_control) {
        "a label may not contain control characters".to_owned()
    } else if label.trim() != label {
        "a label may not start or end with white space: the platform removes it".to_owned()
    } else if platform == PlatformKind::Jira && label.contains(char::is_whitespace) {
        "a label in Jira cannot contain spaces; use `-` or `_`".to_owned()
    } else if platform != PlatformKind::Jira && label.contains(',') {
        format!("a label with a comma cannot be asked for on {name}: the comma separates labels")
    } else if platform == PlatformKind::AzureDevOps && label.contains(';') {
        "a tag in Azure DevOps cannot contain `;`: it separates tags".to_owned()
    } else if platform == PlatformKind::AzureDevOps && label.starts_with('@') {
        "a tag in Azure DevOps that starts with `@` is read as a macro in queries".to_owned()
    } else if platform == PlatformKind::GitLab && (is_word("None") || is_word("Any")) {
        "GitLab reads `None` and `Any` as \"no label\" and \"any label\"; choose another name".to_owned()
    } else if label.chars().count() > max_len(platform) {
        format!("a label on {name} has at most {} characters, this one {}", max_len(platform), label.chars().count())
    } else {
        return None;
    };
    Some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PlatformKind::{AzureDevOps, GitHub, GitLab, Jira};

    #[test]
    fn each_platform_has_its_own_limits() {
        for (label, refused_by) in [
            ("agent-smith", &[][..]),
            ("type: bug", &[Jira]),
            ("a,b", &[GitHub, GitLab, AzureDevOps]),
            ("a;b", &[AzureDevOps]),
            ("@me", &[AzureDevOps]),
            ("a@b", &[]),
            ("NONE", &[GitLab]),
            ("any", &[GitLab]),
            ("anyway", &[]),
            ("", &PlatformKind::ALL[..]),
            ("  ", &PlatformKind::ALL),
            (" x", &PlatformKind::ALL),
            ("a\tb", &PlatformKind::ALL),
            ("agent-smith:done", &PlatformKind::ALL),
            ("Agent-Smith:Anything", &PlatformKind::ALL),
            (&"ü".repeat(50), &[]),
            (&"ü".repeat(51), &[GitHub]),
            (&"x".repeat(256), &[GitHub, GitLab, Jira]),
            (&"x".repeat(401), &PlatformKind::ALL),
        ] {
            for platform in PlatformKind::ALL {
                let reason = why_not(label, platform);
                assert_eq!(reason.is_some(), refused_by.contains(&platform), "{label:?} on {platform}: {reason:?}");
            }
        }
    }
}
