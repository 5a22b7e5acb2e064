//! Comments, each written once.
//!
//! Who calls: `Platform::comment`. What must stay true: a comment carries its marker, small at its end; one that may
//! exist is looked for before it is written; a request that may have arrived is not sent again.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::{Jira, Request};
use super::deployment::Deployment;
use super::models::{CommentPage, parse};
use super::refusal::About;
use super::sayings::said;
use super::{adf, plain_text, wiki};
use crate::job::WriteRight;
use crate::platform::http::{Answer, Repeat};
use crate::platform::markdown::{self, Block, Span};
use crate::platform::{Comment, Error, Result};

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
    /// Source: Jira REST, "Add comment" (413 when the issue has all the comments it may have) and "Get comments".
    pub(super) async fn write_comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<()> {
        let key = self.key(&right.ticket().ticket)?;
        let marker = shown(&comment.marker);
        if comment.may_exist && self.has_comment(&key, &marker).await? {
            return Ok(());
        }
        let what = format!("comment on issue {key} of {}", self.name);
        let blocks = markdown::blocks(&comment.body);
        let mut answer = self.post_comment(right, (&key, &what), &blocks, &marker, LENGTHS[0]).await?;
        for length in LENGTHS.into_iter().skip(1) {
            if !is_too_long(&answer) {
                break;
            }
            answer = self.post_comment(right, (&key, &what), &blocks, &marker, length).await?;
        }
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refusal(&what, About::Comments(&key), &answer).await),
        }
    }

    async fn post_comment(
        &self,
        right: &dyn WriteRight,
        (key, what): (&str, &str),
        blocks: &[Block],
        marker: &str,
        length: usize,
    ) -> Result<Answer> {
        self.write(key, right, |deployment| Request {
            what,
            method: Method::POST,
            path: format!("issue/{key}/comment"),
            body: Some(json!({ "body": body(deployment, blocks, marker, length) })),
            repeat: Repeat::OnlyUnsent,
            right: Some(right),
        })
        .await
    }

    /// Newest first, where the site knows how to.
    async fn has_comment(&self, key: &str, marker: &str) -> Result<bool> {
        let what = format!("read comments on issue {key} of {}", self.name);
        let escaped = wiki::escaped(marker);
        let mut start = 0;
        for _ in 0..MOST_PAGES {
            let path = format!("issue/{key}/comment?startAt={start}&maxResults={PAGE_SIZE}&orderBy=-created");
            let answer = self.ask(|_| Request::get(&what, &path)).await?;
            if answer.status != StatusCode::OK {
                return Err(self.refusal(&what, About::Issue(key), &answer).await);
            }
            let page: CommentPage = parse(&what, &answer)?;
            let texts = page.comments.iter().map(|comment| plain_text::of(&comment.body));
            if texts.into_iter().any(|text| text.contains(marker) || text.contains(&escaped)) {
                return Ok(true);
            }
            // Old servers give all of them at once, whatever they are asked for.
            let is_all = page.start_at != start || page.comments.is_empty();
            start += page.comments.len();
            if is_all || start >= page.total {
                return Ok(false);
            }
        }
        Err(Error::Malformed { what, detail: format!("more than {MOST_PAGES} pages") })
    }
}

/// The marker as a person may see it. Neither of Jira's formats can hide text.
fn shown(marker: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let marker: String = marker.chars().take(200).map(|c| if plain(c) { c } else { '_' }).collect();
    format!("(agent-smith:{marker})")
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
