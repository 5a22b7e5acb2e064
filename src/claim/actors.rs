//! Whose word counts: may this account start and stop runs of a project?
//!
//! Who calls: whoever hears an account ask for something on a ticket, such as commands in comments. What must stay true:
//! what cannot be found out is an error and never a yes; a program is listed by name or does not count; the list of the
//! configuration, where there is one, is the whole answer.

use crate::config::Project;
use crate::job::Entitled;
use crate::platform::{self, Platform};
use crate::ticket::Account;

/// What was found out about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its word counts.
    Entitled(Entitled),
    /// It does not: the reason in words.
    Outsider(String),
}

/// Finds out whether this account may give orders about a ticket.
///
/// # Errors
/// When the platform could not be asked, or does not tell; the text names the cure.
pub async fn standing(
    project: &Project,
    platform: &dyn Platform,
    ticket: &str,
    who: &Account,
) -> platform::Result<Standing> {
    let counts = || Standing::Entitled(Entitled::found(who.clone()));
    let outsider = |why: &str| Standing::Outsider(format!("{} {why}", who.shown()));
    if let Some(allowed) = &project.trigger.allowed_actors {
        // By the identifier alone: the other names are what people chose to be called.
        let is_listed = allowed.iter().any(|name| name.eq_ignore_ascii_case(&who.id));
        return Ok(if is_listed { counts() } else { outsider("is not one of allowed_actors") });
    }
    if who.is_bot {
        return Ok(outsider("is a program, and not one of allowed_actors"));
    }
    Ok(if platform.may_write(who, ticket).await? { counts() } else { outsider("may not write to the tracker") })
}
