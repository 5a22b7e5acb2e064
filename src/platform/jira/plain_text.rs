//! The text of a document tree (Atlassian Document Format), for a run to read. Pure.
//!
//! Who calls: reading an issue, and the search for a comment. What must stay true: no word of the author is lost, also
//! in nodes that this version does not know; the depth of a document is bounded by the JSON parser (128).

use chrono::DateTime;
use serde_json::Value;

/// Paragraphs are separated by an empty line; lists, code and quotes look as in Markdown.
pub(super) fn of(document: &Value) -> String {
    match document {
        Value::String(text) => text.clone(),
        _ => blocks(content(document)),
    }
}

fn blocks(nodes: &[Value]) -> String {
    let parts = nodes.iter().map(block).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n\n")
}

fn block(node: &Value) -> String {
    let inside = content(node);
    match kind(node) {
        "paragraph" | "taskItem" | "decisionItem" | "caption" => inline(inside),
        "heading" => {
            let level = attribute(node, "level").as_u64().unwrap_or(1).clamp(1, 6);
            format!("{} {}", "#".repeat(usize::try_from(level).unwrap_or(1)), inline(inside))
        }
        "codeBlock" => fenced(attribute(node, "language").as_str().unwrap_or_default(), &inline(inside)),
        "blockquote" | "panel" => indented(&blocks(inside), "> ", "> "),
        "bulletList" => items(inside, |_, _| "- ".to_owned()),
        "orderedList" => {
            let first = attribute(node, "order").as_u64().unwrap_or(1);
            items(inside, |at, _| format!("{}. ", first.saturating_add(at)))
        }
        "taskList" => items(inside, |_, item| match attribute(item, "state").as_str() {
            Some("DONE") => "- [x] ".to_owned(),
            _ => "- [ ] ".to_owned(),
        }),
        "decisionList" => items(inside, |_, _| "- ".to_owned()),
        "rule" => "---".to_owned(),
        "table" => inside.iter().map(row).collect::<Vec<_>>().join("\n"),
        "expand" | "nestedExpand" => {
            let title = attribute(node, "title").as_str().unwrap_or_default();
            [title.to_owned(), blocks(inside)]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n\n")
        }
        "listItem" | "tableCell" | "tableHeader" | "layoutSection" | "layoutColumn" | "mediaSingle" | "mediaGroup" => {
            blocks(inside)
        }
        // Inline nodes stand alone in documents that other programs wrote.
        _ if inside.iter().any(|node| kind(node) == "text") => inline(inside),
        _ if !inside.is_empty() => blocks(inside),
        _ => leaf(node),
    }
}

fn inline(nodes: &[Value]) -> String {
    nodes.iter().map(|node| if content(node).is_empty() { leaf(node) } else { block(node) }).collect()
}

/// A node without content of its own.
fn leaf(node: &Value) -> String {
    let attribute = |name: &str| attribute(node, name).as_str().unwrap_or_default().to_owned();
    match kind(node) {
        "text" => linked(node),
        "hardBreak" => "\n".to_owned(),
        "inlineCard" | "blockCard" | "embedCard" => attribute("url"),
        "emoji" if attribute("text").is_empty() => attribute("shortName"),
        "mention" if attribute("text").is_empty() => format!("@{}", attribute("id")),
        "media" | "mediaInline" => match attribute("alt") {
            alt if alt.is_empty() => "[attachment]".to_owned(),
            alt => format!("[attachment: {alt}]"),
        },
        "date" => {
            let millis = attribute("timestamp").parse().ok().and_then(DateTime::from_timestamp_millis);
            millis.map(|day| day.format("%Y-%m-%d").to_string()).unwrap_or_default()
        }
        // Mentions, states, emoji and what comes after this version say what they show in `text`.
        _ => attribute("text"),
    }
}

/// The text of a node, with the address of its link unless that is the text.
fn linked(node: &Value) -> String {
    let text = node["text"].as_str().unwrap_or_default();
    let marks = node["marks"].as_array().into_iter().flatten();
    let target = marks.filter(|mark| kind(mark) == "link").find_map(|mark| attribute(mark, "href").as_str());
    match target {
        Some(target) if target != text && !text.is_empty() => format!("{text} ({target})"),
        _ => text.to_owned(),
    }
}

fn items(nodes: &[Value], mark: impl Fn(u64, &Value) -> String) -> String {
    let lines = (0_u64..).zip(nodes).map(|(at, item)| {
        if matches!(kind(item), "taskList" | "decisionList" | "bulletList" | "orderedList") {
            return indented(&block(item), "  ", "  ");
        }
        let mark = mark(at, item);
        // A list inside an item belongs to it and needs no empty line.
        let text = block(item).replace("\n\n", "\n");
        indented(&text, &mark, &" ".repeat(mark.len()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn row(node: &Value) -> String {
    let cells = content(node).iter().map(|cell| block(cell).split_whitespace().collect::<Vec<_>>().join(" "));
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{code}\n{fence}")
}

fn indented(text: &str, first: &str, further: &str) -> String {
    let lines = text.lines().enumerate().map(|(at, line)| format!("{}{line}", if at == 0 { first } else { further }));
    lines.collect::<Vec<_>>().join("\n")
}

fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

fn content(node: &Value) -> &[Value] {
    node["content"].as_array().map_or(&[], Vec::as_slice)
}

fn attribute<'a>(node: &'a Value, name: &str) -> &'a Value {
    &node["attrs"][name]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(text: &str) -> Value {
        json!({ "type": "text", "text": text })
    }

    fn node(kind: &str, content: &[Value]) -> Value {
        json!({ "type": kind, "content": content })
    }

    fn paragraph(words: &str) -> Value {
        node("paragraph", &[text(words)])
    }

    #[test]
    fn paragraphs_breaks_and_marks() {
        let link =
            json!({ "type": "text", "text": "here", "marks": [{ "type": "link", "attrs": { "href": "http://x/" } }] });
        let bare = json!({ "type": "text", "text": "http://x/", "marks": [{ "type": "link", "attrs": { "href": "http://x/" } }] });
        let first = node("paragraph", &[text("a"), json!({ "type": "hardBreak" }), text("b "), link, text(", "), bare]);
        let document = node("doc", &[first, node("paragraph", &[]), paragraph("c")]);
        assert_eq!(of(&document), "a\nb here (http://x/), http://x/\n\nc");
    }

    #[test]
    fn structure_looks_as_in_markdown() {
        let inner = node("bulletList", &[node("listItem", &[paragraph("deep")])]);
        let list = json!({ "type": "orderedList", "attrs": { "order": 9 }, "content": [
            node("listItem", &[paragraph("one"), inner]), node("listItem", &[paragraph("two")]),
        ]});
        let heading = json!({ "type": "heading", "attrs": { "level": 2 }, "content": [text("Title")] });
        let code = json!({ "type": "codeBlock", "attrs": { "language": "sh" }, "content": [text("a ```` b\n\nc")] });
        let task = json!({ "type": "taskItem", "attrs": { "state": "DONE" }, "content": [text("did")] });
        let cells = node("tableRow", &[node("tableHeader", &[paragraph("h1")]), node("tableCell", &[paragraph("c1")])]);
        let document = node(
            "doc",
            &[
                heading,
                list,
                code,
                node("blockquote", &[paragraph("q"), paragraph("r")]),
                json!({ "type": "rule" }),
                node("taskList", &[task, node("taskItem", &[text("do")])]),
                node("table", &[cells]),
            ],
        );
        assert_eq!(
            of(&document),
            "## Title\n\n9. one\n   - deep\n10. two\n\n`````sh\na ```` b\n\nc\n`````\n\n> q\n> \n> r\n\n---\n\n\
             - [x] did\n- [ ] do\n\n| h1 | c1 |"
        );
    }

    #[test]
    fn what_is_shown_and_not_typed_is_there_too() {
        let attributes = |kind: &str, attributes: Value| json!({ "type": kind, "attrs": attributes });
        let line = node(
            "paragraph",
            &[
                attributes("mention", json!({ "id": "1", "text": "@Jane" })),
                text(" "),
                attributes("emoji", json!({ "shortName": ":smile:" })),
                text(" "),
                attributes("date", json!({ "timestamp": "1000000000000" })),
                text(" "),
                attributes("status", json!({ "text": "OPEN" })),
                text(" "),
                attributes("inlineCard", json!({ "url": "https://x/1" })),
            ],
        );
        let media = node("mediaSingle", &[attributes("media", json!({ "alt": "shot.png" }))]);
        let unknown = node("somethingNew", &[paragraph("kept"), node("newer", &[text("as well")])]);
        let expected = "@Jane :smile: 2001-09-09 OPEN https://x/1\n\n[attachment: shot.png]\n\nkept\n\nas well";
        assert_eq!(of(&node("doc", &[line, media, unknown])), expected);
        assert_eq!(of(&Value::Null), "");
        assert_eq!(of(&json!("plain")), "plain");
    }
}
