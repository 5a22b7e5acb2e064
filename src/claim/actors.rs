//! Whose word counts: may this account start and stop runs of a project?
//!
//! Who calls: whoever hears an account ask for something on a ticket, such as commands in comments. What must stay true:
//! what cannot be found out is an error and never a yes; a program, and our own account, is listed by name or does not
//! count; the list of the configuration, where there is one, is the whole answer.

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
    let trigger = &project.trigger;
    if trigger.lists(&who.id) {
        return Ok(counts());
    }
    match &trigger.allowed_actors {
        Some(_) if !trigger.lists_anybody() => return Ok(outsider("is not one of allowed_actors")),
        None if who.is_bot => return Ok(outsider("is a program, and not one of allowed_actors")),
        _ => {}
    }
    if is_us(platform, who).await? {
        return Ok(outsider("is our own account, and not named in allowed_actors"));
    }
    let may_write = trigger.lists_anybody() || platform.may_write(who, ticket).await?;
    Ok(if may_write { counts() } else { outsider("may not write to the tracker") })
}

/// True when the token belongs to this account. A token that is no user's is an app's, which writes as a program.
pub(super) async fn is_us(platform: &dyn Platform, who: &Account) -> platform::Result<bool> {
    match platform.me().await {
        // Not the other way round: the other names are what people chose to be called.
        Ok(me) => Ok(!who.id.is_empty() && me.is_called(&who.id)),
        Err(error) if error.is_temporary() => Err(error),
        Err(_) => Ok(who.is_bot),
    }
}
