//! The author's own words in HTML, as Azure DevOps stores comments.
//!
//! Pure. Who calls: the module above. What must stay true: a line begins where a reader sees one begin.

use super::NOT_AT_START;

/// Tags behind which a new line begins.
const BREAKS: [&str; 12] = ["br", "p", "div", "li", "ul", "ol", "tr", "td", "table", "h1", "h2", "h3"];
/// Tags whose text is not the author's words, or code.
const FOREIGN: [&str; 5] = ["pre", "code", "blockquote", "style", "script"];

/// The lines that the author wrote themselves.
pub(super) fn lines(body: &str) -> Vec<String> {
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
            text.push(NOT_AT_START);
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
