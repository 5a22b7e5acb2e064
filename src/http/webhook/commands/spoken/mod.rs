//! What a comment says in its author's own words: its lines without code blocks, quotes and hidden text.
//!
//! Pure. Who calls: `parse`, and whoever looks for a keyword; there is a file for each markup. What must stay true: a
//! command that somebody quotes, shows as code or pastes with a log is not given by them; text of any size is read in
//! one pass.

use crate::ticket::PlatformKind;

mod html;
mod markdown;
mod wiki;

/// Bytes of a comment that are read. A command stands in the first lines; beyond this somebody pasted a log.
const MOST_BYTES: usize = 64 * 1024;
/// Stands where something was left out of a line: an invisible sign that is no white space.
const NOT_AT_START: char = '\u{2060}';

/// The lines that the author wrote themselves, in the markup of the platform.
pub(in crate::http::webhook) fn spoken_lines(platform: PlatformKind, body: &str) -> Vec<String> {
    let mut end = body.len().min(MOST_BYTES);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    let body = &body[..end];
    match platform {
        PlatformKind::Jira => wiki::lines(body),
        // Comments are HTML there, and Markdown since people may choose.
        PlatformKind::AzureDevOps if body.contains('<') => html::lines(body),
        PlatformKind::AzureDevOps | PlatformKind::GitHub | PlatformKind::GitLab => markdown::lines(body),
    }
}

/// A line without what is code within it.
pub(in crate::http::webhook) fn without_inline_code(platform: PlatformKind, line: &str) -> String {
    match platform {
        PlatformKind::Jira => wiki::without_code(line),
        PlatformKind::AzureDevOps | PlatformKind::GitHub | PlatformKind::GitLab => markdown::without_code(line),
    }
}

#[cfg(test)]
mod tests;
