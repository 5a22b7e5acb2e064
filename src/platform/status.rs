//! What becomes of the wish to move a ticket in its platform's own workflow.
//!
//! Who calls: `Platform::set_status` gives it; the step and the end of a run read it.

use std::fmt;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusChange {
    /// It was moved.
    Moved,
    /// It was there already.
    AlreadyThere,
    /// The platform does not allow it as things stand.
    Impossible {
        /// Why.
        reason: String,
        /// The statuses that it could be moved to, where the platform tells.
        possible: Vec<String>,
    },
}

/// Statuses that are named to a person. A workflow has a handful.
const MOST_NAMED: usize = 20;

/// In words, for a log or an error.
impl fmt::Display for StatusChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved => f.write_str("moved"),
            Self::AlreadyThere => f.write_str("it was there already"),
            Self::Impossible { reason, possible } if possible.is_empty() => f.write_str(reason),
            Self::Impossible { reason, possible } => {
                let named: Vec<&str> = possible.iter().take(MOST_NAMED).map(String::as_str).collect();
                write!(f, "{reason}; possible: {}", named.join(", "))
            }
        }
    }
}

/// What GitHub and GitLab call a status: true for open. They know no others.
pub(super) fn is_open_word(status: &str) -> Option<bool> {
    match status.trim().to_lowercase().as_str() {
        "open" | "opened" => Some(true),
        "closed" => Some(false),
        _ => None,
    }
}

/// For a word that a platform of two statuses does not know.
pub(super) fn two_words(status: &str, platform: &str) -> StatusChange {
    let reason = format!("a ticket on {platform} has no status `{}`", status.chars().take(60).collect::<String>());
    StatusChange::Impossible { reason, possible: vec!["open".to_owned(), "closed".to_owned()] }
}
