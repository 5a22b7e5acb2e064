//! Comments, each written once and without effect.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker, hidden; one that may exist is
//! looked for before it is written; a request that may have arrived is not sent again; nothing in the text is an order
//! to GitLab.

use gitlab::api::common::SortOrder;
use gitlab::api::projects::issues::notes::{CreateIssueNote, IssueNotes, NoteOrderBy};
use serde::de::IgnoredAny;

use super::client::GitLab;
use super::harmless::harmless;
use super::models::Note;
use super::pages::Paging;
use super::refusal::About;
use super::session::Session;
use crate::job::WriteRight;
use crate::platform::http::Repeat;
use crate::platform::{Comment, Result};

/// GitLab refuses more than 1,000,000 characters; the rest is room for the marker and what makes a text harmless.
const LONGEST_BODY: usize = 900_000;

impl GitLab {
    /// Source: GitLab REST, "Create new issue note" and "List project issue notes".
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<()> {
        let ticket = right.ticket().ticket.as_str();
        let number = self.number(ticket)?;
        let marker = hidden(&comment.marker);
        if comment.may_exist && self.has_comment(ticket, number, &marker).await? {
            return Ok(());
        }
        let what = format!("comment on issue {ticket} of {}", self.path);
        let writing = Session::writing(self, &what, About::Issue(ticket), right);
        let session = Session { repeat: Repeat::OnlyUnsent, ..writing };
        let body = format!("{}\n\n{marker}", harmless(&comment.body, LONGEST_BODY));
        let mut note = CreateIssueNote::builder();
        note.project(self.path.as_str()).issue(number).body(body);
        session.ask::<IgnoredAny, _, _>(note.build()).await.map(drop)
    }

    /// Newest first, because what is looked for was written a moment ago.
    async fn has_comment(&self, ticket: &str, number: u64, marker: &str) -> Result<bool> {
        let what = format!("read comments on issue {ticket} of {}", self.path);
        let session = Session::reading(self, &what, About::Issue(ticket));
        let mut notes = IssueNotes::builder();
        notes.project(self.path.as_str()).issue(number);
        notes.order_by(NoteOrderBy::CreatedAt).sort(SortOrder::Descending);
        let mut found = false;
        let visit = |page: Vec<Note>| {
            found = page.iter().any(|note| note.body.contains(marker));
            !found
        };
        session.walk(&session.built(notes.build())?, Paging::Counted, visit).await?;
        Ok(found)
    }
}

/// The marker as an HTML comment, which GitLab keeps and does not show. Nothing in it can end the comment.
fn hidden(marker: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let marker: String = marker.chars().take(200).map(|c| if plain(c) { c } else { '_' }).collect();
    format!("<!-- agent-smith:{marker} -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_cannot_end_its_comment() {
        assert_eq!(hidden("run/0191-ab:end"), "<!-- agent-smith:run/0191-ab:end -->");
        assert_eq!(hidden("x --> <b>").matches("-->").count(), 1);
    }
}
