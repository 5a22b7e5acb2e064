//! Comments, each written once, edited in place, and without effect.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker, hidden, at its end; a request that
//! may have arrived is not sent again, unless it is an edit, which twice is as good as once; nothing in the text is an
//! order to GitLab, which reads orders out of edited comments too.

use async_trait::async_trait;
use gitlab::api::common::SortOrder;
use gitlab::api::projects::issues::notes::{CreateIssueNote, EditIssueNote, IssueNotes, NoteOrderBy};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::client::GitLab;
use super::harmless::harmless;
use super::models::Note;
use super::pages::Paging;
use super::refusal::About;
use super::session::Session;
use crate::job::WriteRight;
use crate::platform::comment::{self, Comment, CommentId, Draft, Found, hidden_marker};
use crate::platform::http::Repeat;
use crate::platform::{Error, Result};

/// GitLab refuses more than 1,000,000 characters; the rest is room for the marker and what makes a text harmless.
const LONGEST_BODY: usize = 900_000;

impl GitLab {
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<Option<CommentId>> {
        let ticket = right.ticket().ticket.as_str();
        let marker = hidden_marker(&comment.marker);
        let text = format!("{}\n\n{marker}", harmless(&comment.body, LONGEST_BODY));
        let (number, interim) = (self.number(ticket)?, comment.interim);
        comment::put(&IssueNote { gitlab: self, right, ticket, number, marker, text, interim }, comment).await
    }
}

/// A note on its way to an issue.
struct IssueNote<'a> {
    gitlab: &'a GitLab,
    right: &'a dyn WriteRight,
    ticket: &'a str,
    number: u64,
    marker: String,
    text: String,
    interim: bool,
}

impl IssueNote<'_> {
    fn writing<'b>(&'b self, what: &'b str, repeat: Repeat) -> Session<'b> {
        let session = Session::writing(self.gitlab, what, About::Issue(self.ticket), self.right);
        Session { repeat, ..session }
    }
}

/// Source: GitLab REST, "List project issue notes", "Create new issue note", "Modify existing issue note".
#[async_trait]
impl Draft for IssueNote<'_> {
    /// Newest first, because what is looked for was written a moment ago.
    async fn find(&self) -> Result<Option<Found>> {
        let what = format!("read comments on issue {} of {}", self.ticket, self.gitlab.path);
        let session = Session::reading(self.gitlab, &what, About::Issue(self.ticket));
        let mut notes = IssueNotes::builder();
        notes.project(self.gitlab.path.as_str()).issue(self.number);
        notes.order_by(NoteOrderBy::CreatedAt).sort(SortOrder::Descending);
        let mut found = None;
        let visit = |page: Vec<Note>| {
            found = page.into_iter().rfind(|note| note.body.trim_end().ends_with(&self.marker));
            found.is_none()
        };
        session.walk(&session.built(notes.build())?, Paging::Counted, visit).await?;
        Ok(found
            .map(|note| Found { id: CommentId::from_answer(&note.id.to_string()), is_same: note.body == self.text }))
    }

    async fn post(&self) -> Result<Option<CommentId>> {
        let what = format!("comment on issue {} of {}", self.ticket, self.gitlab.path);
        let mut note = CreateIssueNote::builder();
        note.project(self.gitlab.path.as_str()).issue(self.number).body(self.text.as_str());
        // It is written, whatever the answer looks like.
        let written: Value = self.writing(&what, Repeat::OnlyUnsent).ask(note.build()).await?;
        Ok(CommentId::from_answer(&written["id"].to_string()))
    }

    async fn edit(&self, id: &CommentId) -> Result<bool> {
        let what = format!("edit a comment on issue {} of {}", self.ticket, self.gitlab.path);
        let Ok(number) = id.as_str().parse() else { return Ok(false) };
        let mut note = EditIssueNote::builder();
        note.project(self.gitlab.path.as_str()).issue(self.number).note(number).body(self.text.as_str());
        let session = self.writing(&what, Repeat::of_edit(self.interim));
        match session.ask::<IgnoredAny, _, _>(note.build()).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
