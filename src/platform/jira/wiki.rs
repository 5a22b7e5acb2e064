//! Comments as Data Center wants them: wiki markup. Pure.
//!
//! Who calls: the comment. What must stay true: whatever is not ours has no effect: no macro, mention, image or formatting
//! comes from text, a link shows where it leads, and nothing in a block of output ends it.
//!
//! Source: Atlassian, "Wiki renderer syntax": `\` takes the meaning from the character behind it, entities are shown as
//! their character, inside `{noformat}` only `{noformat}` means anything.

use super::adf::storable;
use crate::platform::markdown::{Block, Span};

/// The text, with `marker` small below it.
pub(super) fn markup(blocks: &[Block], marker: &str) -> String {
    let mut parts: Vec<String> = blocks.iter().map(block).filter(|part| !part.is_empty()).collect();
    parts.push(format!("{{~}}{}{{~}}", escaped(marker)));
    parts.join("\n\n")
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(spans) => spans.iter().map(span).collect(),
        Block::Code(code) => format!("{{noformat}}\n{}\n{{noformat}}", unbreakable(&storable(code))),
        // Data Center has no markup that folds: what Confluence calls `expand` is shown as text there.
        Block::Fold(title, inside) => {
            let inside = inside.iter().map(self::block).filter(|part| !part.is_empty());
            std::iter::once(format!("{}&#58;", escaped(title))).chain(inside).collect::<Vec<_>>().join("\n\n")
        }
    }
}

/// The braces around a mark let it stand inside a word as well.
fn span(span: &Span) -> String {
    match span {
        Span::Text(plain) => escaped(plain),
        Span::Strong(bold) => format!("{{*}}{}{{*}}", escaped(bold)),
        Span::Code(code) => format!("{{{{{}}}}}", escaped(code)),
        // Nothing in an address means anything here.
        Span::Link(address) => format!("[{address}]"),
        Span::Break => "\n".to_owned(),
    }
}

/// One line without any effect. The colon goes as an entity because addresses are linked by it; the backslash because
/// two of them are a line break; the ampersand because entities begin with it.
pub(super) fn escaped(text: &str) -> String {
    let text = storable(text);
    let mut escaped = String::with_capacity(text.len() * 2);
    for (at, c) in text.char_indices() {
        match c {
            '\\' => escaped.push_str("&#92;"),
            '&' => escaped.push_str("&#38;"),
            ':' => escaped.push_str("&#58;"),
            ';' => escaped.push_str("&#59;"),
            '\n' => escaped.push(' '),
            '.' if begins_a_block(&text[..at]) => escaped.push_str("&#46;"),
            '{' | '}' | '[' | ']' | '(' | ')' | '*' | '_' | '-' | '+' | '^' | '~' | '?' | '!' | '|' | '#' | '@' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// `h1.` to `h6.` and `bq.` at the beginning of a line.
fn begins_a_block(before: &str) -> bool {
    matches!(before.trim_start(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "bq")
}

/// Breaks every `{noformat` with a space of no width, in any case.
fn unbreakable(code: &str) -> String {
    const MACRO: &str = "{noformat";
    let small = code.to_ascii_lowercase();
    let mut safe = String::with_capacity(code.len());
    let mut done = 0;
    for (at, _) in small.match_indices(MACRO) {
        safe.push_str(&code[done..=at]);
        safe.push('\u{200b}');
        done = at + 1;
    }
    safe.push_str(&code[done..]);
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::markdown::blocks;
    use proptest::prelude::*;

    #[test]
    fn every_part_has_its_markup() {
        let made = markup(&blocks("Ran `a-b`: **failed** after 0.4 s.\nh1. [~all]\n\n```\n[x] *y*\n```"), "(m)");
        assert_eq!(
            made,
            "Ran {{a\\-b}}&#58; {*}failed{*} after 0.4 s.\nh1&#46; \\[\\~all\\]\n\n\
             {noformat}\n[x] *y*\n{noformat}\n\n{~}\\(m\\){~}"
        );
    }

    #[test]
    fn a_fold_stands_open_below_its_title() {
        let made =
            markup(&blocks("<details>\n<summary>Last *lines*</summary>\n\n```\n{noformat}\n```\n\n</details>"), "(m)");
        assert_eq!(made, "Last \\*lines\\*&#58;\n\n{noformat}\n{\u{200b}noformat}\n{noformat}\n\n{~}\\(m\\){~}");
    }

    #[test]
    fn output_cannot_end_its_block() {
        let made = markup(&blocks("```\n{noformat}*x*{NoFormat:title=y}{{noformat}\n```"), "(m)");
        assert_eq!(made.to_lowercase().matches("{noformat").count(), 2, "{made}");
        assert!(made.contains("{\u{200b}noformat}*x*{\u{200b}NoFormat:title=y}{{\u{200b}noformat}"), "{made}");
    }

    proptest! {
        /// Without the escapes, nothing that the renderer looks for is left.
        #[test]
        fn text_has_no_effect(text in "[\\\\{}\\[\\]()*_+^~?!|#@&:;a1. -]{0,40}") {
            let escaped = escaped(&text);
            let mut inert = String::new();
            let mut signs = escaped.chars();
            while let Some(c) = signs.next() {
                match c {
                    '\\' => prop_assert!(signs.next().is_some_and(|next| next.is_ascii_punctuation() && next != '\\')),
                    c => inert.push(c),
                }
            }
            for entity in ["&#92;", "&#38;", "&#58;", "&#59;", "&#46;"] {
                inert = inert.replace(entity, "");
            }
            prop_assert!(inert.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '.')), "{}", inert);
        }
    }
}
