//! Comments as Cloud wants them: a tree of nodes (Atlassian Document Format). Pure.
//!
//! Who calls: the comment. What must stay true: text is only ever text here, so that nothing in it mentions or formats, and a
//! link shows where it leads; no text node is empty; code carries no other mark, as the format demands.
//!
//! Source: Atlassian, "Atlassian Document Format": nodes `doc`, `paragraph`, `codeBlock`, `expand` (at the
//! top level, not empty), `hardBreak`, `text`; marks
//! `strong`, `code`, `subsup`, `link`.

use serde_json::{Value, json};

use crate::platform::markdown::{Block, Span};

/// The document, with `marker` small below it.
pub(super) fn document(blocks: &[Block], marker: &str) -> Value {
    let mut content: Vec<Value> = blocks.iter().filter_map(block).collect();
    content.push(paragraph(vec![text(marker, Some(json!({ "type": "subsup", "attrs": { "type": "sub" } })))]));
    json!({ "type": "doc", "version": 1, "content": content })
}

fn block(block: &Block) -> Option<Value> {
    match block {
        Block::Paragraph(spans) => {
            let content: Vec<Value> = spans.iter().map(span).collect();
            (!content.is_empty()).then(|| paragraph(content))
        }
        Block::Code(code) => {
            let content: Vec<Value> = (!code.is_empty()).then(|| text(code, None)).into_iter().collect();
            Some(json!({ "type": "codeBlock", "attrs": { "language": "text" }, "content": content }))
        }
        Block::Fold(title, inside) => {
            let content: Vec<Value> = inside.iter().filter_map(self::block).collect();
            (!content.is_empty())
                .then(|| json!({ "type": "expand", "attrs": { "title": storable(title) }, "content": content }))
        }
    }
}

fn span(span: &Span) -> Value {
    match span {
        Span::Text(plain) => text(plain, None),
        Span::Strong(bold) => text(bold, Some(json!({ "type": "strong" }))),
        Span::Code(code) => text(code, Some(json!({ "type": "code" }))),
        Span::Link(address) => text(address, Some(json!({ "type": "link", "attrs": { "href": address } }))),
        Span::Break => json!({ "type": "hardBreak" }),
    }
}

fn paragraph(content: Vec<Value>) -> Value {
    json!({ "type": "paragraph", "content": content })
}

fn text(text: &str, mark: Option<Value>) -> Value {
    let mut node = json!({ "type": "text", "text": storable(text) });
    if let Some(mark) = mark {
        node["marks"] = json!([mark]);
    }
    node
}

/// Control characters make Jira refuse the whole text.
pub(super) fn storable(text: &str) -> String {
    let is_kept = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars().map(|c| if is_kept(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::markdown::blocks;

    #[test]
    fn every_part_is_its_own_node() {
        let made = document(&blocks("a **b** `c`\nd\n\n```\ne\u{1b}\nf\n```\n\n```\n```"), "(m)");
        let expected = json!({ "type": "doc", "version": 1, "content": [
            { "type": "paragraph", "content": [
                { "type": "text", "text": "a " },
                { "type": "text", "text": "b", "marks": [{ "type": "strong" }] },
                { "type": "text", "text": " " },
                { "type": "text", "text": "c", "marks": [{ "type": "code" }] },
                { "type": "hardBreak" },
                { "type": "text", "text": "d" },
            ]},
            { "type": "codeBlock", "attrs": { "language": "text" }, "content": [
                { "type": "text", "text": "e\u{fffd}\nf" },
            ]},
            { "type": "codeBlock", "attrs": { "language": "text" }, "content": [] },
            { "type": "paragraph", "content": [
                { "type": "text", "text": "(m)", "marks": [{ "type": "subsup", "attrs": { "type": "sub" } }] },
            ]},
        ]});
        assert_eq!(made, expected);
    }

    #[test]
    fn a_fold_is_a_node_whose_title_is_an_attribute() {
        let made =
            document(&blocks("<details>\n<summary>Last\u{1b} lines</summary>\n\n```\ne\n```\n\n</details>"), "(m)");
        assert_eq!(
            made["content"][0],
            json!({ "type": "expand", "attrs": { "title": "Last\u{fffd} lines" }, "content": [
                { "type": "codeBlock", "attrs": { "language": "text" }, "content": [{ "type": "text", "text": "e" }] },
            ]})
        );
    }
}
