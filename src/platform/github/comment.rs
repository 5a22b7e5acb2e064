//! Comments, each written once and edited in place.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker, hidden, at its end; a request that
//! may have arrived is not sent again, unless it is an edit, which twice is as good as once.

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{GitHub, Request};
use super::models::{Comment as WrittenComment, parse};
use super::pages::{MOST_PAGES, PAGE_SIZE, next_page};
use super::refusal::About;
use crate::job::WriteRight;
use crate::platform::comment::{self, Comment, CommentId, Draft, Found, hidden_marker};
use crate::platform::http::{Answer, Repeat};
use crate::platform::{Error, Result};

/// GitHub refuses more than 65,536 characters; the rest is room for the note and the marker.
const LONGEST_BODY: usize = 65_000;

const CUT: &str = "\n\n*(shortened)*";

impl GitHub {
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<Option<CommentId>> {
        let ticket = right.ticket().ticket.as_str();
        let marker = hidden_marker(&comment.marker);
        let text = format!("{}\n\n{marker}", shortened(&comment.body));
        let (route, interim) = (self.issue_route(ticket)?, comment.interim);
        comment::put(&IssueComment { github: self, right, ticket, route, marker, text, interim }, comment).await
    }
}

/// A comment on its way to an issue.
struct IssueComment<'a> {
    github: &'a GitHub,
    right: &'a dyn WriteRight,
    ticket: &'a str,
    /// The issue's.
    route: String,
    marker: String,
    text: String,
    interim: bool,
}

impl IssueComment<'_> {
    fn body(&self) -> Option<Value> {
        Some(json!({ "body": self.text }))
    }

    async fn refusal(&self, what: &str, answer: &Answer) -> Error {
        self.github.refusal(what, About::Issue(self.ticket), answer).await
    }
}

/// Source: GitHub REST, "List issue comments" (oldest first), "Create an issue comment", "Update an issue comment".
#[async_trait]
impl Draft for IssueComment<'_> {
    async fn find(&self) -> Result<Option<Found>> {
        let what = format!("read comments on issue {} of {}", self.ticket, self.github.name);
        let mut next = Some(format!("{}/comments?per_page={PAGE_SIZE}", self.route));
        for _ in 0..MOST_PAGES {
            let Some(path) = next else { return Ok(None) };
            let answer = self.github.send(Request::get(&what, &path)).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refusal(&what, &answer).await);
            }
            let comments: Vec<WrittenComment> = parse(&what, &answer)?;
            let ours =
                |one: &&WrittenComment| one.body.as_deref().is_some_and(|b| b.trim_end().ends_with(&self.marker));
            if let Some(found) = comments.iter().find(ours) {
                let id = CommentId::from_answer(&found.id.to_string());
                return Ok(Some(Found { id, is_same: found.body.as_deref() == Some(&self.text) }));
            }
            next = next_page(&what, &self.github.base, &answer)?;
        }
        match next {
            None => Ok(None),
            Some(_) => Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") }),
        }
    }

    async fn post(&self) -> Result<Option<CommentId>> {
        let what = format!("comment on issue {} of {}", self.ticket, self.github.name);
        let route = format!("{}/comments", self.route);
        let request = Request::write(&what, Method::POST, &route, self.right);
        let answer = self.github.send(Request { body: self.body(), repeat: Repeat::OnlyUnsent, ..request }).await?;
        match answer.status {
            // It is written, whatever the answer looks like.
            StatusCode::CREATED => {
                let written = parse::<WrittenComment>(&what, &answer).ok();
                Ok(written.and_then(|written| CommentId::from_answer(&written.id.to_string())))
            }
            _ => Err(self.refusal(&what, &answer).await),
        }
    }

    async fn edit(&self, id: &CommentId) -> Result<bool> {
        let what = format!("edit a comment on issue {} of {}", self.ticket, self.github.name);
        let route = format!("{}/issues/comments/{}", self.github.route, id.as_str());
        let request = Request::write(&what, Method::PATCH, &route, self.right);
        let repeat = Repeat::of_edit(self.interim);
        let answer = self.github.send(Request { body: self.body(), repeat, ..request }).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(false),
            _ => Err(self.refusal(&what, &answer).await),
        }
    }
}

/// A body that GitHub accepts. A code block that the cut leaves open is closed, so that what follows is not code.
fn shortened(body: &str) -> String {
    let Some((end, _)) = body.char_indices().nth(LONGEST_BODY) else { return body.to_owned() };
    let kept = &body[..end];
    match open_fence(kept) {
        Some(fence) => format!("{kept}\n{fence}{CUT}"),
        None => format!("{kept}{CUT}"),
    }
}

/// The code fence that is still open at the end of `text`, at most 100 characters of it.
fn open_fence(text: &str) -> Option<&str> {
    text.lines().fold(None, |open: Option<&str>, line| {
        let line = line.trim();
        let Some(mark) = line.chars().next().filter(|c| matches!(c, '`' | '~')) else { return open };
        let run = &line[..line.len() - line.trim_start_matches(mark).len()];
        match open {
            Some(fence) if fence.starts_with(mark) && run.len() >= fence.len() && run == line => None,
            None if (3..=100).contains(&run.len()) => Some(run),
            same => same,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_is_cut_between_characters_and_its_code_block_is_closed() {
        assert_eq!(shortened("short ü"), "short ü");
        let long = shortened(&"ü".repeat(70_000));
        assert_eq!(long.chars().count(), LONGEST_BODY + CUT.chars().count());
        let code = shortened(&format!("out:\n````text\n```\n{}", "x".repeat(70_000)));
        assert!(code.ends_with("x\n````\n\n*(shortened)*"));
        let closed = shortened(&format!("```\ncode\n```\n{}", "x".repeat(70_000)));
        assert!(closed.ends_with("x\n\n*(shortened)*"));
    }
}
