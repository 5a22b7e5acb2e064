//! Comments, each written once and edited in place.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker, small at its end; a request that
//! may have arrived is not sent again, unless it is an edit, which twice is as good as once; an interim edit mails nobody
//! where the site lets us choose.

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Jira, Request};
use super::deployment::Deployment;
use super::models::{Comment as WrittenComment, CommentPage, parse};
use super::refusal::About;
use super::sayings::said;
use super::{adf, plain_text, wiki};
use crate::job::WriteRight;
use crate::platform::comment::{self, Comment, CommentId, Draft, Found, plain_marker};
use crate::platform::http::{Answer, Repeat};
use crate::platform::markdown::{self, Block, Span};
use crate::platform::{Error, Result};

/// Characters of a comment, tried in turn. Jira takes 32,767 per text; what counts towards that besides the words is not
/// documented, and an administrator of Data Center may have set less.
const LENGTHS: [usize; 4] = [30_000, 15_000, 4_000, 900];

/// Taken off at each try to fit a body, so that the tries end soon.
const MARGIN: usize = 64;

const CUT: &str = "(shortened)";

/// Comments per page when one is looked for.
const PAGE_SIZE: usize = 100;

/// Pages of one search: 10,000 comments, twice what Cloud lets an issue have.
const MOST_PAGES: usize = 100;

impl Jira {
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<Option<CommentId>> {
        let key = self.key(&right.ticket().ticket)?;
        let (blocks, marker) = (markdown::blocks(&comment.body), shown(&comment.marker));
        let draft = IssueComment { jira: self, right, key, blocks, marker, interim: comment.interim };
        comment::put(&draft, comment).await
    }
}

/// A comment on its way to an issue.
struct IssueComment<'a> {
    jira: &'a Jira,
    right: &'a dyn WriteRight,
    key: String,
    blocks: Vec<Block>,
    marker: String,
    interim: bool,
}

/// Source: Jira REST, "Get comments", "Add comment" (413 when the issue has all the comments it may have), "Update
/// comment" (`notifyUsers` needs no right of its own there; Data Center does not know it).
#[async_trait]
impl Draft for IssueComment<'_> {
    /// Newest first, where the site knows how to.
    async fn find(&self) -> Result<Option<Found>> {
        let (jira, key) = (self.jira, &self.key);
        let what = format!("read comments on issue {key} of {}", jira.name);
        let escaped = wiki::escaped(&self.marker);
        let mut start = 0;
        for _ in 0..MOST_PAGES {
            let path = format!("issue/{key}/comment?startAt={start}&maxResults={PAGE_SIZE}&orderBy=-created");
            let answer = jira.ask(|_| Request::get(&what, &path)).await?;
            if answer.status != StatusCode::OK {
                return Err(jira.refusal(&what, About::Issue(key), &answer).await);
            }
            let page: CommentPage = parse(&what, &answer)?;
            let ours = |one: &&WrittenComment| {
                let text = plain_text::of(&one.body);
                text.contains(&self.marker) || text.contains(&escaped)
            };
            // Whatever order they are in: identifiers rise with time.
            let age = |one: &&WrittenComment| (one.id.len(), one.id.clone());
            if let Some(found) = page.comments.iter().filter(ours).min_by_key(age) {
                let is_same = self.is_said_by(&found.body);
                return Ok(Some(Found { id: CommentId::from_answer(&found.id), is_same }));
            }
            // Old servers give all of them at once, whatever they are asked for.
            let is_all = page.start_at != start || page.comments.is_empty();
            start += page.comments.len();
            if is_all || start >= page.total {
                return Ok(None);
            }
        }
        Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") })
    }

    async fn post(&self) -> Result<Option<CommentId>> {
        let what = format!("comment on issue {} of {}", self.key, self.jira.name);
        let answer = self.send_what_fits(&what, None).await?;
        match answer.status {
            // It is written, whatever the answer looks like.
            StatusCode::CREATED => {
                let written = parse::<WrittenComment>(&what, &answer).ok();
                Ok(written.and_then(|written| CommentId::from_answer(&written.id)))
            }
            _ => Err(self.jira.refusal(&what, About::Comments(&self.key), &answer).await),
        }
    }

    async fn edit(&self, id: &CommentId) -> Result<bool> {
        let what = format!("edit a comment on issue {} of {}", self.key, self.jira.name);
        let answer = self.send_what_fits(&what, Some(id)).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.jira.refusal(&what, About::Comments(&self.key), &answer).await),
        }
    }
}

impl IssueComment<'_> {
    /// Sends it as long as it may be. A refusal because of its length proves that it was not carried out.
    async fn send_what_fits(&self, what: &str, there: Option<&CommentId>) -> Result<Answer> {
        let mut answer = self.send(what, there, LENGTHS[0]).await?;
        for length in LENGTHS.into_iter().skip(1) {
            if !is_too_long(&answer) {
                break;
            }
            answer = self.send(what, there, length).await?;
        }
        Ok(answer)
    }

    async fn send(&self, what: &str, there: Option<&CommentId>, length: usize) -> Result<Answer> {
        let request = |deployment| {
            let comments = format!("issue/{}/comment", self.key);
            let (method, path, repeat) = match there {
                None => (Method::POST, comments, Repeat::OnlyUnsent),
                Some(id) => {
                    let quiet = if self.interim && deployment == Deployment::Cloud { "?notifyUsers=false" } else { "" };
                    (Method::PUT, format!("{comments}/{}{quiet}", id.as_str()), Repeat::of_edit(self.interim))
                }
            };
            let body = Some(json!({ "body": body(deployment, &self.blocks, &self.marker, length) }));
            Request { what, method, path, body, repeat, right: Some(self.right) }
        };
        self.jira.write(&self.key, self.right, request).await
    }

    /// A text is wiki markup, a tree is a document.
    fn is_said_by(&self, written: &Value) -> bool {
        let deployment = if written.is_string() { Deployment::DataCenter } else { Deployment::Cloud };
        *written == body(deployment, &self.blocks, &self.marker, LENGTHS[0])
    }
}

/// The marker as a person may see it. Neither of Jira's formats can hide text.
fn shown(marker: &str) -> String {
    format!("(agent-smith:{})", plain_marker(marker))
}

/// The body in the format of the site, cut so that its text has at most `length` characters.
fn body(deployment: Deployment, blocks: &[Block], marker: &str, length: usize) -> Value {
    let mut kept = length;
    loop {
        let (mut shorter, is_cut) = markdown::shortened(blocks, kept);
        if is_cut {
            shorter.push(Block::Paragraph(vec![Span::Text(CUT.to_owned())]));
        }
        let made = match deployment {
            Deployment::Cloud => adf::document(&shorter, marker),
            Deployment::DataCenter => Value::String(wiki::markup(&shorter, marker)),
        };
        // Escapes may double a text, many small parts multiply it. An empty comment always fits.
        let size = plain_text::of(&made).chars().count();
        if kept == 0 || size <= length {
            return made;
        }
        kept = (kept * length / size).saturating_sub(MARGIN);
    }
}

fn is_too_long(answer: &Answer) -> bool {
    let text = said(answer).to_lowercase();
    answer.status == StatusCode::BAD_REQUEST
        && ["content_limit", "too long", "character limit", "exceeds"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_plain_and_ends_where_it_ends() {
        assert_eq!(shown("run/0191-ab:end"), "(agent-smith:run/0191-ab:end)");
        assert_eq!(shown("a) [~b] {c}"), "(agent-smith:a____b___c_)");
    }

    #[test]
    fn a_body_fits_whatever_is_in_it() {
        for text in ["x".repeat(70_000), "{*[".repeat(30_000), "a `b` **c**\n\n".repeat(9_000), String::new()] {
            for text in [text.clone(), format!("start\n\n```\n{text}\n```\n\nend")] {
                let blocks = markdown::blocks(&text);
                for deployment in [Deployment::Cloud, Deployment::DataCenter] {
                    for length in LENGTHS {
                        let made = plain_text::of(&body(deployment, &blocks, "(agent-smith:m)", length));
                        assert!(made.chars().count() <= length, "{deployment:?} {length}: {}", made.chars().count());
                        assert!(made.contains("smith"), "the marker is never cut");
                        let is_long = text.chars().count() > length;
                        assert_eq!(made.contains("shortened"), is_long, "{deployment:?} {length}");
                    }
                }
            }
        }
    }
}
