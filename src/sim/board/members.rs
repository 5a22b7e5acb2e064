//! Who may do what in a tracker, and reactions to comments.
//!
//! Who calls: the faces, and tests as a person who sets the stage. What must stay true: somebody without a role is an
//! outsider; a reaction is nobody's change of the ticket.

use super::handle::Board;
use super::model::{BoardError, What};

/// Reactions to the comments of one tracker; a test needs a handful.
const MAX_REACTIONS: usize = 100_000;

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Reader,
    /// Label and close, and not push: triage on GitHub, Planner on GitLab.
    Labeller,
    /// Push: write on GitHub, Developer on GitLab, Edit Issues on Jira.
    Writer,
    /// Everything.
    Admin,
}

/// A reaction to a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The comment's id.
    pub comment: u64,
    /// Who reacted.
    pub by: String,
    /// The platform's name of it, such as `eyes`.
    pub content: String,
}

impl Board {
    /// Gives `login` a role in the tracker, in place of the one before.
    ///
    /// # Errors
    /// When there is no such tracker.
    pub fn set_role(&self, tracker: &str, login: &str, role: Role) -> Result<(), BoardError> {
        self.lock().tracker_mut(tracker)?.members.insert(login.to_lowercase(), role);
        Ok(())
    }

    /// The role of `login`; `None` for an outsider.
    pub fn role(&self, tracker: &str, login: &str) -> Option<Role> {
        self.lock().tracker(tracker).ok()?.members.get(&login.to_lowercase()).copied()
    }

    /// The members of a tracker with their roles.
    pub fn members(&self, tracker: &str) -> Vec<(String, Role)> {
        let state = self.lock();
        let members = state.tracker(tracker).map(|tracker| tracker.members.clone()).unwrap_or_default();
        members.into_iter().collect()
    }

    /// Reacts to a comment. False: this very reaction is there already.
    ///
    /// # Errors
    /// When no ticket of the tracker has such a comment, or there are too many reactions.
    pub fn react(&self, tracker: &str, comment: u64, content: &str) -> Result<bool, BoardError> {
        self.write(|writer| {
            let by = writer.actor.to_owned();
            let tracked = writer.state.tracker_mut(tracker)?;
            if !tracked.records().any(|ticket| ticket.comments.iter().any(|one| one.id == comment)) {
                return Err(BoardError::NoTicket { tracker: tracker.to_owned(), number: comment });
            }
            let reaction = Reaction { comment, by, content: content.to_owned() };
            if tracked.reactions.contains(&reaction) {
                return Ok(false);
            }
            if tracked.reactions.len() >= MAX_REACTIONS {
                return Err(BoardError::Full(format!("{MAX_REACTIONS} reactions")));
            }
            tracked.reactions.push(reaction);
            writer.record(tracker, None, What::Reacted(comment));
            Ok(true)
        })
    }

    /// The reactions to a comment, in order.
    pub fn reactions(&self, tracker: &str, comment: u64) -> Vec<Reaction> {
        let state = self.lock();
        let Ok(tracker) = state.tracker(tracker) else { return Vec::new() };
        tracker.reactions.iter().filter(|reaction| reaction.comment == comment).cloned().collect()
    }
}
