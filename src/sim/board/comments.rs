//! What becomes of a comment after it was written: it is edited, or a person deletes it.
//!
//! Who calls: the faces, and tests as a person. What must stay true: an edit keeps identifier, author and time; one that
//! changes nothing is no event.

use std::sync::Arc;

use chrono::Utc;

use super::handle::Board;
use super::model::{BoardError, Comment, MAX_COMMENT_CHARS, What};
use super::writes::{Writer, check_text};

impl Board {
    /// Puts a text in the place of a comment's.
    ///
    /// # Errors
    /// When there is no such ticket or [no such comment](BoardError::NoComment), or the text is blank or too long.
    pub fn edit_comment(&self, tracker: &str, number: u64, id: u64, body: &str) -> Result<Arc<Comment>, BoardError> {
        self.write(|writer| writer.edit_comment(tracker, number, id, body))
    }

    /// Deletes a comment.
    ///
    /// # Errors
    /// When there is no such ticket or comment.
    pub fn delete_comment(&self, tracker: &str, number: u64, id: u64) -> Result<(), BoardError> {
        self.write(|writer| {
            let at = writer.comment_at(tracker, number, id)?;
            writer.state.ticket_mut(tracker, number)?.comments.remove(at);
            writer.record(tracker, Some(number), What::CommentDeleted(id));
            Ok(())
        })
    }

    /// How often the comments of a ticket were edited.
    pub fn comment_edits(&self, tracker: &str, number: u64) -> usize {
        self.history_of(tracker, number).iter().filter(|event| matches!(event.what, What::CommentEdited(_))).count()
    }
}

impl Writer<'_> {
    fn edit_comment(&mut self, tracker: &str, number: u64, id: u64, body: &str) -> Result<Arc<Comment>, BoardError> {
        check_text("body", body, MAX_COMMENT_CHARS, true)?;
        let at = self.comment_at(tracker, number, id)?;
        let comments = &mut self.state.ticket_mut(tracker, number)?.comments;
        if comments[at].body == body {
            return Ok(Arc::clone(&comments[at]));
        }
        let edited = Comment { body: body.to_owned(), edited_at: Some(Utc::now()), ..Comment::clone(&comments[at]) };
        let edited = Arc::new(edited);
        comments[at] = Arc::clone(&edited);
        self.record(tracker, Some(number), What::CommentEdited(id));
        Ok(edited)
    }

    fn comment_at(&self, tracker: &str, number: u64, id: u64) -> Result<usize, BoardError> {
        let comments = &self.state.ticket(tracker, number)?.comments;
        comments.iter().position(|comment| comment.id == id).ok_or(BoardError::NoComment(id))
    }
}
