//! Comments, each written once and edited in place.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker; a request that may have arrived is
//! not sent again, unless it is an edit, which twice is as good as once; what could never be edited is written only if
//! it is a last word.
//!
//! HTML and not Markdown, although new servers take both: every server takes HTML, and escaped text in it is inert. A
//! mention needs an element with an attribute there, in Markdown it needs only a few characters. Source: Microsoft,
//! "Use @mentions" and "Comments - Add".

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::json;

use super::client::{AzureDevOps, Request};
use super::html::{escaped, html};
use super::models::{Comment as WrittenComment, Comments, Updates, parse, said};
use super::refusal::About;
use super::versions::Api;
use crate::job::WriteRight;
use crate::platform::comment::{self, Comment, CommentId, Draft, Found, plain_marker};
use crate::platform::http::{Answer, Repeat};
use crate::platform::{Error, Result};

/// Characters of a comment, markup included. Azure DevOps takes a million; nobody reads more than this.
const LONGEST_TEXT: usize = 65_000;

/// Comments on one page, the most that are given at once.
const PAGE_SIZE: usize = 200;

/// Pages that are searched for a comment, the newest first: 10,000 comments.
const MOST_PAGES: usize = 50;

const CUT: &str = "\n\n(shortened)";

impl AzureDevOps {
    /// A server without the comments API (before 2019 Update 1) gets the comment as the history of the work item, which
    /// is shown as a comment there and can never be edited.
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<Option<CommentId>> {
        let id = self.item_id(&right.ticket().ticket)?;
        let marker = shown(&comment.marker);
        let text = text(&comment.body, &marker);
        // Whatever comes of it, the revision that we know is not the present one any more.
        self.last_seen(id);
        let continues = comment.writing != comment::Writing::New;
        let draft = ItemComment {
            tracker: self,
            right,
            id,
            number: id.to_string(),
            marker,
            text,
            continues,
            interim: comment.interim,
        };
        comment::put(&draft, comment).await
    }

    /// True when the server has no comments API, which is remembered. Such a server says 404 for the route, with
    /// another key than for a work item, or 405 where it can be read and not written.
    fn lacks_comments(&self, answer: &Answer) -> bool {
        let lacks = match answer.status {
            StatusCode::METHOD_NOT_ALLOWED => true,
            StatusCode::NOT_FOUND => said(answer).type_key == "VssResourceNotFoundException",
            _ => false,
        };
        if lacks {
            self.without_comments();
        }
        lacks
    }
}

/// A comment on its way to a work item.
struct ItemComment<'a> {
    tracker: &'a AzureDevOps,
    right: &'a dyn WriteRight,
    id: u64,
    /// The same as text.
    number: String,
    marker: String,
    text: String,
    /// Something was asked before it is written.
    continues: bool,
    interim: bool,
}

/// Source: Microsoft, "Comments - Get Comments", "Comments - Add", "Comments - Update".
#[async_trait]
impl Draft for ItemComment<'_> {
    async fn find(&self) -> Result<Option<Found>> {
        let what = format!("read comments on work item {} of {}", self.id, self.tracker.project);
        let mut next: Option<String> = None;
        for page in 0..MOST_PAGES {
            let size = PAGE_SIZE.to_string();
            let mut query = vec![("$top", size.as_str()), ("order", "desc")];
            query.extend(next.as_deref().map(|token| ("continuationToken", token)));
            let path = self.comments();
            let request = Request { query: &query, api: Api::Comments, ..Request::get(&what, &path) };
            let answer = self.tracker.send(Request { continues: page > 0, ..request }).await?;
            match answer.status {
                StatusCode::OK => {}
                _ if self.tracker.lacks_comments(&answer) => return self.find_in_history().await,
                _ => return Err(self.refusal(&what, &answer).await),
            }
            let page: Comments = parse(&what, &answer)?;
            let ours = |one: &&WrittenComment| one.text.as_deref().is_some_and(|text| text.contains(&self.marker));
            if let Some(found) = page.comments.iter().rfind(ours) {
                let id = CommentId::from_answer(&found.id.to_string());
                return Ok(Some(Found { id, is_same: found.text.as_deref() == Some(&self.text) }));
            }
            match page.continuation.filter(|token| !token.is_empty()) {
                None => return Ok(None),
                token => next = token,
            }
        }
        Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") })
    }

    async fn post(&self) -> Result<Option<CommentId>> {
        let what = format!("comment on work item {} of {}", self.id, self.tracker.project);
        let path = self.comments();
        let request = Request {
            api: Api::Comments,
            repeat: Repeat::OnlyUnsent,
            right: Some(self.right),
            continues: self.continues,
            ..Request::ask(&what, &path, json!({ "text": self.text }))
        };
        let answer = self.tracker.send(request).await?;
        match answer.status {
            // It is written, whatever the answer looks like.
            StatusCode::OK | StatusCode::CREATED => {
                let written = parse::<WrittenComment>(&what, &answer).ok();
                Ok(written.and_then(|written| CommentId::from_answer(&written.id.to_string())))
            }
            _ if self.tracker.lacks_comments(&answer) && self.interim => Ok(None),
            _ if self.tracker.lacks_comments(&answer) => self.write_history(&what).await.map(|()| None),
            _ => Err(self.refusal(&what, &answer).await),
        }
    }

    async fn edit(&self, id: &CommentId) -> Result<bool> {
        let what = format!("edit a comment on work item {} of {}", self.id, self.tracker.project);
        let [project, apis, wit, items, number, comments] = self.comments();
        let path = [project, apis, wit, items, number, comments, id.as_str()];
        let request = Request {
            method: Method::PATCH,
            api: Api::Comments,
            repeat: Repeat::of_edit(self.interim),
            right: Some(self.right),
            continues: self.continues,
            ..Request::ask(&what, &path, json!({ "text": self.text }))
        };
        let answer = self.tracker.send(request).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refusal(&what, &answer).await),
        }
    }
}

impl ItemComment<'_> {
    fn comments(&self) -> [&str; 6] {
        [self.tracker.project.as_str(), "_apis", "wit", "workItems", &self.number, "comments"]
    }

    async fn refusal(&self, what: &str, answer: &Answer) -> Error {
        self.tracker.refusal(what, About::Item(self.id), answer).await
    }

    /// Source: Microsoft, "Work Items - Update", example "Add a comment".
    async fn write_history(&self, what: &str) -> Result<()> {
        let path = [self.tracker.project.as_str(), "_apis", "wit", "workitems", &self.number];
        let patch = json!([{ "op": "add", "path": "/fields/System.History", "value": self.text }]);
        let request = Request::patch(what, &path, patch, self.right);
        let answer = self.tracker.send(Request { repeat: Repeat::OnlyUnsent, continues: true, ..request }).await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            _ => Err(self.refusal(what, &answer).await),
        }
    }

    /// Source: Microsoft, "Updates - List": what changed, oldest first.
    async fn find_in_history(&self) -> Result<Option<Found>> {
        let what = format!("read the history of work item {} of {}", self.id, self.tracker.project);
        let path = [self.tracker.project.as_str(), "_apis", "wit", "workItems", &self.number, "updates"];
        for page in 0..MOST_PAGES {
            let (size, skip) = (PAGE_SIZE.to_string(), (page * PAGE_SIZE).to_string());
            let query = [("$top", size.as_str()), ("$skip", skip.as_str())];
            let request = Request { query: &query, continues: true, ..Request::get(&what, &path) };
            let answer = self.tracker.send(request).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refusal(&what, &answer).await);
            }
            let updates = parse::<Updates>(&what, &answer)?.value;
            let is_last = updates.len() < PAGE_SIZE;
            let mut texts = updates.into_iter().filter_map(|update| update.fields?.history?.new_value);
            if texts.any(|text| text.contains(&self.marker)) {
                return Ok(Some(Found { id: None, is_same: false }));
            }
            if is_last {
                return Ok(None);
            }
        }
        Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") })
    }
}

/// The marker in text: small, and visible, because an HTML comment does not survive in Azure DevOps. The brackets keep
/// a marker from being found in a longer one.
fn shown(marker: &str) -> String {
    format!("[agent-smith:{}]", plain_marker(marker))
}

/// The comment in HTML, shortened until it fits.
fn text(body: &str, marker: &str) -> String {
    let marker = format!("<p><small>{}</small></p>", escaped(marker));
    let room = LONGEST_TEXT - marker.len();
    let mut text = html(body);
    let mut kept = body.chars().count().min(room);
    while text.chars().count() > room {
        // Markup and escapes make it longer than its source; what is left out comes off the source.
        kept = kept * 3 / 4;
        let end = body.char_indices().nth(kept).map_or(body.len(), |(at, _)| at);
        text = html(&body[..end]) + &html(CUT);
    }
    text + &marker
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_plain_text_and_ends_where_it_ends() {
        assert_eq!(shown("run/0191-ab:end"), "[agent-smith:run/0191-ab:end]");
        assert_eq!(shown("x]<b> &"), "[agent-smith:x__b___]");
        assert!(!text("", &shown("run/1:end")).contains(&shown("run/1")));
    }

    #[test]
    fn the_longest_comment_fits_and_says_that_it_was_cut() {
        assert_eq!(text("hi", "[m]"), "<p>hi</p><p><small>[m]</small></p>");
        for body in
            ["ü".repeat(200_000), "<".repeat(60_000), format!("```\n{}", "&\n".repeat(50_000)), "x\n\n".repeat(50_000)]
        {
            let text = text(&body, "[m]");
            assert!(text.chars().count() <= LONGEST_TEXT && text.contains("<p>(shortened)</p>"), "{}", text.len());
            assert!(text.ends_with("<p><small>[m]</small></p>"));
            assert_eq!(text.matches("<pre>").count(), text.matches("</pre>").count());
        }
    }
}
