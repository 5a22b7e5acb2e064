//! What a comment says in its author's own words: its lines without code blocks, quotes and hidden text.
//!
//! Pure. Who calls: `parse`. What must stay true: a command that somebody quotes, shows as code or pastes with a log is
//! not given by them; text of any size is read in one pass.

use crate::ticket::PlatformKind;

/// Bytes of a comment that are read. A command stands in the first lines; beyond this somebody pasted a log.
const MOST_BYTES: usize = 64 * 1024;

/// The lines that the author wrote themselves, in the markup of the platform.
pub(in crate::http::webhook) fn spoken_lines(platform: PlatformKind, body: &str) -> Vec<String> {
    let mut end = body.len().min(MOST_BYTES);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    let body = &body[..end];
    match platform {
        PlatformKind::Jira => of_wiki(body),
        // Comments are HTML there, and Markdown since people may choose.
        PlatformKind::AzureDevOps if body.contains('<') => of_html(body),
        PlatformKind::AzureDevOps | PlatformKind::GitHub | PlatformKind::GitLab => of_markdown(body),
    }
}

/// What opens text in Markdown that is not the author's words or not shown, and what closes it.
const BLOCKS: [(&str, &str); 3] = [("<!--", "-->"), ("<pre", "</pre>"), ("<blockquote", "</blockquote>")];

fn of_markdown(body: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    let mut until: Option<&str> = None;
    for line in body.lines() {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        if let Some(open) = fence {
            let closes =
                indent < 4 && fence_of(text).is_some_and(|run| run.starts_with(open) && run == text.trim_end());
            fence = fence.filter(|_| !closes);
            continue;
        }
        if let Some(end) = until {
            until = until.filter(|_| !line.to_lowercase().contains(end));
            continue;
        }
        // Four spaces, or a tab, are code.
        if indent >= 4 || text.starts_with(['\t', '>']) {
            // GitLab quotes everything between two such lines.
            until = (text.trim_end() == ">>>").then_some(">>>");
            continue;
        }
        fence = fence_of(text);
        if fence.is_some() {
            continue;
        }
        let lower = text.to_lowercase();
        let opened = BLOCKS.iter().filter_map(|(open, close)| lower.find(open).map(|at| (at, *close))).min();
        match opened {
            Some((at, close)) => {
                until = (!lower[at..].contains(close)).then_some(close);
                // Lower case may be longer than what was written; a line that is not plain there is left out.
                lines.extend(text.get(..at).filter(|_| lower.len() == text.len()).map(str::to_owned));
            }
            None => lines.push(text.to_owned()),
        }
    }
    lines
}

/// The run of backticks or tildes that opens or closes a fence.
fn fence_of(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run = &text[..text.len() - text.trim_start_matches(mark).len()];
    (run.len() >= 3).then_some(run)
}

/// Jira's markup, which webhooks deliver from Cloud and Data Center alike.
fn of_wiki(body: &str) -> Vec<String> {
    let mut inside: Option<&str> = None;
    let mut lines = Vec::new();
    for line in body.lines() {
        let lower = line.to_lowercase();
        let was_inside = inside.is_some();
        for name in ["{noformat", "{code", "{quote"] {
            for (at, _) in lower.match_indices(name) {
                let is_macro = lower[at + name.len()..].starts_with(['}', ':']);
                match inside {
                    None if is_macro => inside = Some(name),
                    Some(open) if open == name && is_macro => inside = None,
                    _ => {}
                }
            }
        }
        let text = line.trim_start();
        if !was_inside && !lower.trim_start().starts_with("bq.") && !text.starts_with('{') {
            lines.push(text.to_owned());
        }
    }
    lines
}

/// Tags behind which a new line begins.
const BREAKS: [&str; 12] = ["br", "p", "div", "li", "ul", "ol", "tr", "td", "table", "h1", "h2", "h3"];
/// Tags whose text is not the author's words, or code.
const FOREIGN: [&str; 5] = ["pre", "code", "blockquote", "style", "script"];

fn of_html(body: &str) -> Vec<String> {
    let (mut text, mut foreign, mut rest) = (String::new(), 0_usize, body);
    while let Some((before, after)) = rest.split_once('<') {
        push(&mut text, before, foreign);
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, rest)| rest);
            continue;
        }
        let (tag, behind) = after.split_once('>').unwrap_or((after, ""));
        rest = behind;
        let closes = tag.starts_with('/');
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        if FOREIGN.contains(&name.as_str()) {
            foreign = if closes { foreign.saturating_sub(1) } else { foreign + 1 };
            // What follows a code span in its line is not at the start of one.
            text.push('\u{2060}');
        } else if BREAKS.contains(&name.as_str()) {
            text.push('\n');
        }
    }
    push(&mut text, rest, foreign);
    text.lines().map(|line| line.trim_start().to_owned()).collect()
}

fn push(text: &mut String, piece: &str, foreign: usize) {
    if foreign > 0 {
        return;
    }
    let plain = piece.replace(['\n', '\r'], " ");
    let entities = [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    text.push_str(&entities.iter().fold(plain, |plain, (entity, sign)| plain.replace(entity, sign)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(platform: PlatformKind, body: &str, line: &str) -> bool {
        spoken_lines(platform, body).iter().any(|spoken| spoken.trim_end() == line)
    }

    #[test]
    fn code_quotes_and_hidden_text_are_not_the_authors_words() {
        let order = "/agent-smith cancel";
        let of = |platform, template: &str| says(platform, &template.replace("ORDER", order), order);
        let markdown = [
            "ORDER",
            "please\nORDER\nthanks",
            "   ORDER",
            "> why?\n\nORDER",
            "```\nx\n```\nORDER",
            "<!-- x -->\nORDER",
        ];
        let not_markdown = [
            "```\nORDER\n```",
            "~~~~text\n~~~\nORDER\n~~~~",
            "````\n```\nORDER\n````",
            "> ORDER",
            "  >ORDER",
            "    ORDER",
            "\tORDER",
            "<!--\nORDER\n-->",
            "<pre>\nORDER\n</pre>",
            "<BLOCKQUOTE>\nORDER\n</BLOCKQUOTE>",
            "```\nORDER",
            "`ORDER`",
            "see ORDER",
        ];
        for platform in [PlatformKind::GitHub, PlatformKind::GitLab, PlatformKind::AzureDevOps] {
            for template in markdown.iter().filter(|text| platform != PlatformKind::AzureDevOps || !text.contains('<'))
            {
                assert!(of(platform, template), "{platform} {template:?}");
            }
            for template in
                not_markdown.iter().filter(|text| platform != PlatformKind::AzureDevOps || !text.contains('<'))
            {
                assert!(!of(platform, template), "{platform} {template:?}");
            }
        }
        assert!(!of(PlatformKind::GitLab, ">>>\nORDER\n>>>") && of(PlatformKind::GitLab, ">>>\nx\n>>>\n\nORDER"));

        for template in ["ORDER", "  ORDER", "{code}x{code}\nORDER", "{quote}\nx\n{quote}\nORDER", "{codes}\nORDER"] {
            assert!(of(PlatformKind::Jira, template), "{template:?}");
        }
        let not_wiki = [
            "{code}\nORDER\n{code}",
            "{code:java}\nORDER\n{code}",
            "{noformat}\n{code}\nORDER\n{noformat}",
            "{quote}\nORDER\n{quote}",
            "bq. ORDER",
            "{{ORDER}}",
        ];
        for template in not_wiki {
            assert!(!of(PlatformKind::Jira, template), "{template:?}");
        }

        let html =
            ["<div>ORDER</div>", "<p>please</p><p>ORDER</p>", "hello<br/>&nbsp;ORDER", "<pre>x</pre><div>ORDER</div>"];
        for template in html {
            assert!(of(PlatformKind::AzureDevOps, template), "{template:?}");
        }
        let not_html = [
            "<pre>ORDER</pre>",
            "<blockquote><div>ORDER</div></blockquote>",
            "<p>say <code>ORDER</code></p>",
            "<p><code>x</code>ORDER</p>",
            "<!-- <p>ORDER</p> -->",
            "<p>see ORDER</p>",
            "<code>ORDER",
        ];
        for template in not_html {
            assert!(!of(PlatformKind::AzureDevOps, template), "{template:?}");
        }
    }

    #[test]
    fn a_long_comment_is_read_to_a_point_and_cut_between_characters() {
        let long = format!("{}\n/agent-smith run", "ü".repeat(40_000));
        assert!(!says(PlatformKind::GitHub, &long, "/agent-smith run"));
    }
}
