//! Comments: what one is, and the one way in which every platform writes, finds again and edits it.
//!
//! Who calls: whoever tells a ticket something; the platforms, each of which says how the three requests look there. What
//! must stay true: a comment is found again by its marker; what is there is edited and never written a second time;
//! what a person deleted does not come back from whoever knew where it was, unless as a last word.

use async_trait::async_trait;

use super::{Error, Result};

/// A comment on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Identifies the comment for ever. It is hidden in the text, so that the same comment is not written twice.
    pub marker: String,
    /// Markdown; each platform turns it into its own format.
    pub body: String,
    /// Whether it may be on the ticket already.
    pub writing: Writing,
    /// Where it is, if that is known: then nobody looks for it.
    pub known: Option<CommentId>,
    /// Something else will be put in its place. It tells nobody where a platform lets us choose, it is not written anew
    /// after somebody deleted it, nor where it could never be edited.
    pub interim: bool,
}

impl Comment {
    /// A comment that is surely not on the ticket yet, and that stays.
    pub fn new(marker: impl Into<String>, body: impl Into<String>) -> Self {
        let (marker, body) = (marker.into(), body.into());
        Self { marker, body, writing: Writing::New, known: None, interim: false }
    }

    /// The same that may be there already, or may not be written at all.
    #[must_use]
    pub fn writing(self, writing: Writing) -> Self {
        Self { writing, ..self }
    }

    /// The same where it is known to be.
    #[must_use]
    pub fn at(self, known: Option<CommentId>) -> Self {
        Self { known, ..self }
    }

    /// The same until something else is put in its place.
    #[must_use]
    pub fn interim(self) -> Self {
        Self { interim: true, ..self }
    }
}

/// Whether a comment may be on its ticket already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Surely not: it is written without a look.
    New,
    /// It may be: it is looked for; edited if it is there, written if not.
    NewOrEdit,
    /// Only what is there is edited; nothing is written.
    EditOnly,
}

/// What the platform calls a comment, in the address of the comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentId(String);

impl CommentId {
    /// Every platform counts its comments; whatever else an answer holds has no place in an address.
    pub(super) fn from_answer(id: &str) -> Option<Self> {
        let is_number = (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self(id.to_owned()))
    }

    /// For the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The comment that carries the marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it is; `None` where the server cannot edit what was written.
    pub(super) id: Option<CommentId>,
    /// It says already what it is to say.
    pub(super) is_same: bool,
}

/// How one comment is handled on one platform.
#[async_trait]
pub(super) trait Draft: Sync {
    /// Looks for the marker. Of several comments with it the oldest is ours, because a run's identifier is known to
    /// nobody before we have written it.
    async fn find(&self) -> Result<Option<Found>>;

    /// Writes the comment. `None`: it is there, and where is not known; or it is not, because it is an interim one that
    /// could never be edited.
    async fn post(&self) -> Result<Option<CommentId>>;

    /// Puts the text in the place of what is there. False: nothing is there any more.
    async fn edit(&self, id: &CommentId) -> Result<bool>;
}

/// Writes or edits. Where the comment is then; `None` when nothing that could be edited is there.
pub(super) async fn put(draft: &dyn Draft, comment: &Comment) -> Result<Option<CommentId>> {
    let there = match (&comment.known, comment.writing) {
        (Some(id), _) => Some(Found { id: Some(id.clone()), is_same: false }),
        (None, Writing::New) => None,
        (None, Writing::NewOrEdit | Writing::EditOnly) => draft.find().await?,
    };
    match there {
        None => {}
        Some(Found { id, is_same: true } | Found { id: id @ None, .. }) => return Ok(id),
        Some(Found { id: Some(id), .. }) => match draft.edit(&id).await {
            Ok(true) => return Ok(Some(id)),
            // It was deleted.
            Ok(false) if comment.interim => return Ok(None),
            Ok(false) => {}
            // Whoever may write is not always allowed to edit, and a person may have quoted the marker.
            Err(Error::Unauthorized { .. } | Error::Refused { .. })
                if !comment.interim && comment.writing != Writing::EditOnly => {}
            Err(error) => return Err(error),
        },
    }
    match comment.writing {
        Writing::EditOnly => Ok(None),
        Writing::New | Writing::NewOrEdit => draft.post().await,
    }
}

/// A marker of signs that mean nothing in any format, so that nothing in it can end what it stands in.
pub(super) fn plain_marker(marker: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    marker.chars().take(200).map(|c| if plain(c) { c } else { '_' }).collect()
}

/// The marker as an HTML comment, which Markdown keeps and does not show.
pub(super) fn hidden_marker(marker: &str) -> String {
    format!("<!-- agent-smith:{} -->", plain_marker(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_cannot_end_its_comment() {
        assert_eq!(hidden_marker("run/0191-ab:end"), "<!-- agent-smith:run/0191-ab:end -->");
        assert_eq!(hidden_marker("x --> <b>").matches("-->").count(), 1);
    }

    #[test]
    fn what_has_no_place_in_an_address_is_no_identifier() {
        assert_eq!(CommentId::from_answer("10042").map(|id| id.as_str().to_owned()), Some("10042".to_owned()));
        for id in ["", "a", "1/2", "../1", "123456789012345678901"] {
            assert_eq!(CommentId::from_answer(id), None, "{id}");
        }
    }
}
