//! Comments, each written once.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker, hidden; one that may exist is
//! looked for before it is written; a request that may have arrived is not sent again.

use http::{Method, StatusCode};
use serde_json::json;

use super::client::{GitHub, Request};
use super::models::{Comment as WrittenComment, parse};
use super::pages::{MOST_PAGES, PAGE_SIZE, next_page};
use super::refusal::About;
use crate::job::WriteRight;
use crate::platform::http::Repeat;
use crate::platform::{Comment, Error, Result};

/// GitHub refuses more than 65,536 characters; the rest is room for the note and the marker.
const LONGEST_BODY: usize = 65_000;

const CUT: &str = "\n\n*(shortened)*";

impl GitHub {
    /// Source: GitHub REST, "Create an issue comment" and "List issue comments" (oldest first).
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<()> {
        let ticket = right.ticket().ticket.as_str();
        let route = format!("{}/comments", self.issue_route(ticket)?);
        let marker = hidden(&comment.marker);
        if comment.may_exist && self.has_comment(ticket, &route, &marker).await? {
            return Ok(());
        }
        let what = format!("comment on issue {ticket} of {}", self.name);
        let body = Some(json!({ "body": format!("{}\n\n{marker}", shortened(&comment.body)) }));
        let request =
            Request { body, repeat: Repeat::OnlyUnsent, ..Request::write(&what, Method::POST, &route, right) };
        let answer = self.send(request).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refusal(&what, About::Issue(ticket), &answer).await),
        }
    }

    async fn has_comment(&self, ticket: &str, route: &str, marker: &str) -> Result<bool> {
        let what = format!("read comments on issue {ticket} of {}", self.name);
        let mut next = Some(format!("{route}?per_page={PAGE_SIZE}"));
        for _ in 0..MOST_PAGES {
            let Some(path) = next else { return Ok(false) };
            let answer = self.send(Request::get(&what, &path)).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refusal(&what, About::Issue(ticket), &answer).await);
            }
            let comments: Vec<WrittenComment> = parse(&what, &answer)?;
            if comments.iter().any(|comment| comment.body.as_deref().is_some_and(|body| body.contains(marker))) {
                return Ok(true);
            }
            next = next_page(&what, &self.base, &answer)?;
        }
        match next {
            None => Ok(false),
            Some(_) => Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") }),
        }
    }
}

/// The marker as an HTML comment, which GitHub keeps and does not show. Nothing in it can end the comment.
fn hidden(marker: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let marker: String = marker.chars().take(200).map(|c| if plain(c) { c } else { '_' }).collect();
    format!("<!-- agent-smith:{marker} -->")
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
    fn a_marker_cannot_end_its_comment() {
        assert_eq!(hidden("run/0191-ab:end"), "<!-- agent-smith:run/0191-ab:end -->");
        assert_eq!(hidden("x --> <b>").matches("-->").count(), 1);
    }

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
