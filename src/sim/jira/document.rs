//! Documents: trees of nodes (Atlassian Document Format), in which version 3 of the API takes and gives every text.
//!
//! The board keeps text. A document that came in is kept beside it, so that it goes out as it came in.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::problem::Problem;

/// Longest text in characters: Jira's own figure.
pub(super) const MAX_TEXT_CHARS: usize = 32_767;
/// Documents that are kept; the oldest go first, and then their text is made a document again.
const MAX_KEPT: usize = 10_000;
const INLINE: [&str; 6] = ["text", "hardBreak", "mention", "emoji", "inlineCard", "status"];
const MARKS: [&str; 8] = ["strong", "em", "code", "strike", "underline", "subsup", "textColor", "link"];

/// Documents of comments, by the id of the comment.
#[derive(Debug, Default)]
pub(super) struct Documents {
    kept: Mutex<BTreeMap<u64, Value>>,
}

impl Documents {
    pub(super) fn keep(&self, comment: u64, document: Value) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.pop_first();
        }
        kept.insert(comment, document);
    }

    pub(super) fn get(&self, comment: u64) -> Option<Value> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&comment).cloned()
    }
}

/// A document with this text: a paragraph for each, a break for each further line in it.
pub(super) fn of_text(text: &str) -> Value {
    let paragraph = |text: &str| {
        let mut content = Vec::new();
        for (at, line) in text.lines().enumerate() {
            if at > 0 {
                content.push(json!({ "type": "hardBreak" }));
            }
            if !line.is_empty() {
                content.push(json!({ "type": "text", "text": line }));
            }
        }
        json!({ "type": "paragraph", "content": content })
    };
    let content: Vec<Value> = text.split("\n\n").map(|part| part.trim_matches('\n')).map(paragraph).collect();
    json!({ "type": "doc", "version": 1, "content": content })
}

/// The text of a document, with the marks a person would type.
pub(super) fn to_text(document: &Value) -> String {
    let blocks = children(document).iter().map(|block| match kind(block) {
        "codeBlock" => format!("```\n{}\n```", inline(block)),
        "paragraph" | "heading" => inline(block),
        "expand" => format!("{}\n\n{}", block["attrs"]["title"].as_str().unwrap_or_default(), to_text(block)),
        _ => to_text(block),
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

fn inline(node: &Value) -> String {
    let parts = children(node).iter().map(|part| match kind(part) {
        "hardBreak" => "\n".to_owned(),
        "text" => {
            let text = part["text"].as_str().unwrap_or_default();
            match part["marks"][0]["type"].as_str() {
                Some("strong") => format!("**{text}**"),
                Some("code") => format!("`{text}`"),
                _ => text.to_owned(),
            }
        }
        _ => part["attrs"]["text"].as_str().unwrap_or_default().to_owned(),
    });
    parts.collect()
}

/// Refuses what is no document. Jira's answer to that tells nothing; `detail` is for whoever writes a client.
pub(super) fn check(document: &Value) -> Result<(), Problem> {
    let invalid = |detail: &str| Problem::field("comment", format!("Comment body is not valid! ({detail})"));
    if kind(document) != "doc" || document["version"] != 1 || !document["content"].is_array() {
        return Err(invalid("a doc of version 1 with content is needed"));
    }
    let mut chars = 0;
    for block in children(document) {
        // A fold stands at the top level alone, and is not empty.
        let blocks = match kind(block) {
            "expand" if children(block).is_empty() => return Err(invalid("an empty expand")),
            "expand" => children(block),
            _ => std::slice::from_ref(block),
        };
        blocks.iter().try_for_each(|block| check_block(block, &mut chars)).map_err(invalid)?;
    }
    if chars > MAX_TEXT_CHARS {
        return Err(Problem::field(
            "comment",
            format!(
                "CONTENT_LIMIT_EXCEEDED: The entered text is too long. It exceeds the allowed limit of {MAX_TEXT_CHARS} characters."
            ),
        ));
    }
    Ok(())
}

fn check_block(block: &Value, chars: &mut usize) -> Result<(), &'static str> {
    match kind(block) {
        "paragraph" | "heading" => children(block).iter().try_for_each(|node| check_inline(node, false, chars)),
        "codeBlock" => children(block).iter().try_for_each(|node| check_inline(node, true, chars)),
        "bulletList" | "orderedList" | "listItem" | "blockquote" | "panel" | "rule" => {
            children(block).iter().try_for_each(|block| check_block(block, chars))
        }
        _ => Err("a block of an unknown type"),
    }
}

fn check_inline(node: &Value, in_code: bool, chars: &mut usize) -> Result<(), &'static str> {
    let kind_of_node = kind(node);
    if !INLINE.contains(&kind_of_node) || (in_code && kind_of_node != "text") {
        return Err("an inline node of an unknown type, or in the wrong place");
    }
    if kind_of_node != "text" {
        return Ok(());
    }
    let Some(text) = node["text"].as_str().filter(|text| !text.is_empty()) else {
        return Err("a text node must not be empty");
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err("a control character");
    }
    *chars += text.chars().count();
    let marks: Vec<&str> = node["marks"].as_array().into_iter().flatten().map(kind).collect();
    if marks.iter().any(|mark| !MARKS.contains(mark)) || (in_code && !marks.is_empty()) {
        return Err("a mark of an unknown type, or in a block of code");
    }
    if marks.contains(&"code") && marks.iter().any(|mark| !matches!(*mark, "code" | "link")) {
        return Err("code with another mark");
    }
    Ok(())
}

fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

fn children(node: &Value) -> &[Value] {
    node["content"].as_array().map_or(&[], Vec::as_slice)
}
