//! Comments, each written once.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker; one that may exist is looked for
//! before it is written; a request that may have arrived is not sent again.
//!
//! HTML and not Markdown, although new servers take both: every server takes HTML, and escaped text in it is inert. A
//! mention needs an element with an attribute there, in Markdown it needs only a few characters. Source: Microsoft,
//! "Use @mentions" and "Comments - Add".

use http::{Method, StatusCode};
use serde_json::json;

use super::client::{AzureDevOps, Request};
use super::html::{escaped, html};
use super::models::{Comments, Updates, parse, said};
use super::refusal::About;
use super::versions::Api;
use crate::job::WriteRight;
use crate::platform::http::{Answer, Repeat};
use crate::platform::{Comment, Error, Result};

/// Characters of a comment, markup included. Azure DevOps takes a million; nobody reads more than this.
const LONGEST_TEXT: usize = 65_000;

/// Comments on one page, the most that are given at once.
const PAGE_SIZE: usize = 200;

/// Pages that are searched for a comment, the newest first: 10,000 comments.
const MOST_PAGES: usize = 50;

const CUT: &str = "\n\n(shortened)";

impl AzureDevOps {
    /// One request; one more per 200 comments when it may exist. A server without the comments API (before 2019 Update
    /// 1) gets it as the history of the work item, which is shown as a comment there.
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<()> {
        let id = self.item_id(&right.ticket().ticket)?;
        let marker = shown(&comment.marker);
        if comment.may_exist && self.has_comment(id, &marker).await? {
            return Ok(());
        }
        let text = text(&comment.body, &marker);
        // Whatever comes of it, the revision that we know is not the present one any more.
        self.last_seen(id);
        let what = format!("comment on work item {id} of {}", self.project);
        let number = id.to_string();
        let path = [self.project.as_str(), "_apis", "wit", "workItems", &number, "comments"];
        let request = Request {
            method: Method::POST,
            api: Api::Comments,
            repeat: Repeat::OnlyUnsent,
            right: Some(right),
            continues: comment.may_exist,
            ..Request::ask(&what, &path, json!({ "text": text }))
        };
        let answer = self.send(request).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(()),
            _ if self.lacks_comments(&answer) => self.write_history(right, id, &what, &text).await,
            _ => Err(self.refusal(&what, About::Item(id), &answer).await),
        }
    }

    /// Source: Microsoft, "Work Items - Update", example "Add a comment".
    async fn write_history(&self, right: &dyn WriteRight, id: u64, what: &str, text: &str) -> Result<()> {
        let number = id.to_string();
        let path = [self.project.as_str(), "_apis", "wit", "workitems", &number];
        let patch = json!([{ "op": "add", "path": "/fields/System.History", "value": text }]);
        let request = Request::patch(what, &path, patch, right);
        let answer = self.send(Request { repeat: Repeat::OnlyUnsent, continues: true, ..request }).await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            _ => Err(self.refusal(what, About::Item(id), &answer).await),
        }
    }

    async fn has_comment(&self, id: u64, marker: &str) -> Result<bool> {
        let (what, number) = (format!("read comments on work item {id} of {}", self.project), id.to_string());
        let path = [self.project.as_str(), "_apis", "wit", "workItems", &number, "comments"];
        let mut next: Option<String> = None;
        for page in 0..MOST_PAGES {
            let size = PAGE_SIZE.to_string();
            let mut query = vec![("$top", size.as_str()), ("order", "desc")];
            query.extend(next.as_deref().map(|token| ("continuationToken", token)));
            let request = Request { query: &query, api: Api::Comments, ..Request::get(&what, &path) };
            let answer = self.send(Request { continues: page > 0, ..request }).await?;
            match answer.status {
                StatusCode::OK => {}
                _ if self.lacks_comments(&answer) => return self.has_history(id, marker).await,
                _ => return Err(self.refusal(&what, About::Item(id), &answer).await),
            }
            let page: Comments = parse(&what, &answer)?;
            if page.comments.iter().any(|comment| comment.text.as_deref().is_some_and(|text| text.contains(marker))) {
                return Ok(true);
            }
            match page.continuation.filter(|token| !token.is_empty()) {
                None => return Ok(false),
                token => next = token,
            }
        }
        Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") })
    }

    /// Source: Microsoft, "Updates - List": what changed, oldest first.
    async fn has_history(&self, id: u64, marker: &str) -> Result<bool> {
        let (what, number) = (format!("read the history of work item {id} of {}", self.project), id.to_string());
        let path = [self.project.as_str(), "_apis", "wit", "workItems", &number, "updates"];
        for page in 0..MOST_PAGES {
            let (size, skip) = (PAGE_SIZE.to_string(), (page * PAGE_SIZE).to_string());
            let query = [("$top", size.as_str()), ("$skip", skip.as_str())];
            let request = Request { query: &query, continues: true, ..Request::get(&what, &path) };
            let answer = self.send(request).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refusal(&what, About::Item(id), &answer).await);
            }
            let updates = parse::<Updates>(&what, &answer)?.value;
            let is_last = updates.len() < PAGE_SIZE;
            let mut texts = updates.into_iter().filter_map(|update| update.fields?.history?.new_value);
            if texts.any(|text| text.contains(marker)) {
                return Ok(true);
            }
            if is_last {
                return Ok(false);
            }
        }
        Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") })
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

/// The marker in text: small, and visible, because an HTML comment does not survive in Azure DevOps. The brackets keep
/// a marker from being found in a longer one.
fn shown(marker: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let marker: String = marker.chars().take(200).map(|c| if plain(c) { c } else { '_' }).collect();
    format!("[agent-smith:{marker}]")
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
