//! Markdown to HTML, for what our own comments are made of.
//!
//! Pure. Who calls: comments. What must stay true: every character that a person or a program wrote is escaped, so
//! that it is text and nothing else.

use crate::platform::markdown::{Block, Span, blocks};

/// The HTML of `markdown`.
pub(super) fn html(markdown: &str) -> String {
    let mut html = String::with_capacity(markdown.len() + markdown.len() / 4);
    blocks(markdown).iter().for_each(|block| push_block(&mut html, block));
    html
}

fn push_block(html: &mut String, block: &Block) {
    match block {
        Block::Code(code) => {
            html.push_str("<pre><code>");
            push_escaped(html, code);
            html.push_str("\n</code></pre>");
        }
        Block::Paragraph(spans) => {
            html.push_str("<p>");
            spans.iter().for_each(|span| push_span(html, span));
            html.push_str("</p>");
        }
        // Which elements survive in a comment is not documented; one that folds may be taken away with what is in it.
        Block::Fold(title, inside) => {
            html.push_str("<p>");
            push_escaped(html, title);
            html.push_str(":</p>");
            inside.iter().for_each(|block| push_block(html, block));
        }
    }
}

fn push_span(html: &mut String, span: &Span) {
    if let Span::Link(address) = span {
        html.push_str("<a href=\"");
        push_escaped(html, address);
        html.push_str("\">");
        push_escaped(html, address);
        html.push_str("</a>");
        return;
    }
    let (open, text, close) = match span {
        Span::Text(text) | Span::Link(text) => ("", text.as_str(), ""),
        Span::Strong(text) => ("<strong>", text.as_str(), "</strong>"),
        Span::Code(text) => ("<code>", text.as_str(), "</code>"),
        Span::Break => ("", "\n", ""),
    };
    html.push_str(open);
    push_escaped(html, text);
    html.push_str(close);
}

/// The text with nothing in it that means anything in HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    push_escaped(&mut safe, text);
    safe
}

fn push_escaped(html: &mut String, text: &str) {
    for sign in text.chars() {
        match sign {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(sign),
            sign if sign.is_control() => {}
            sign => html.push(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_report_keeps_its_shape() {
        let markdown = "agent-smith ran pipeline `fix-bug`: **failed** after 1 s.\n\nStep 1 of 2 (`` a`b ``) exited.\n\n\
                        Last lines of the output:\n\n````text\n```\n<b> & @all #12\n\n  indented\n````\n\n**`x` y** 2 * 3";
        assert_eq!(
            html(markdown),
            "<p>agent-smith ran pipeline <code>fix-bug</code>: <strong>failed</strong> after 1 s.</p>\
             <p>Step 1 of 2 (<code>a`b</code>) exited.</p><p>Last lines of the output:</p>\
             <pre><code>```\n&lt;b&gt; &amp; @all #12\n\n  indented\n</code></pre>\
             <p><code>x</code><strong> y</strong> 2 * 3</p>"
        );
    }

    #[test]
    fn a_fold_stands_open_below_its_title() {
        let markdown =
            "<details>\n<summary>Last <b> lines</summary>\n\n````text\n</details>\n````\n\n</details>\n\nend";
        assert_eq!(html(markdown), "<p>Last &lt;b&gt; lines:</p><pre><code>&lt;/details&gt;\n</code></pre><p>end</p>");
    }

    #[test]
    fn what_is_not_closed_is_text_and_an_open_fence_runs_to_the_end() {
        assert_eq!(html("a ``b` **c"), "<p>a ``b` **c</p>");
        assert_eq!(html("`**` **x"), "<p><code>**</code> **x</p>");
        assert_eq!(html("**a `b** c`"), "<p>**a <code>b** c</code></p>");
        assert_eq!(html("```\nx"), "<pre><code>x\n</code></pre>");
        assert_eq!(html("a\nb\n```\n`` ` ``\n```\nc"), "<p>a\nb</p><pre><code>`` ` ``\n</code></pre><p>c</p>");
        assert_eq!(html("` `` `"), "<p><code>``</code></p>");
        assert_eq!(html("a\u{7}\u{0}b"), "<p>ab</p>");
        assert_eq!(html(""), "");
    }

    proptest! {
        /// Whatever is written, the only tags are ours, each closed.
        #[test]
        fn nothing_written_becomes_markup(text in "(`{0,5}|\n<details>\n<summary>t</summary>\n|\n</details>\n|\\*{0,3}|<a href=x data-vss-mention=y>|&lt;|\"|'|\n{0,3}|[a-z @#]{0,3}){0,25}") {
            let html = html(&text);
            let mut bare = html.clone();
            for tag in ["p", "pre", "code", "strong"] {
                let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
                prop_assert_eq!(html.matches(&open).count(), html.matches(&close).count());
                bare = bare.replace(&open, "").replace(&close, "");
            }
            prop_assert!(!bare.contains(['<', '>', '"', '\'']), "{}", bare);
        }

        /// A fence longer than any run inside gives back exactly what is inside.
        #[test]
        fn fenced_output_comes_out_as_it_went_in(inside in "(`{0,6}|~~~|[a-z*]{0,3}|\n){0,20}") {
            let inside = inside.trim_matches('\n');
            let fence = "`".repeat(200);
            let html = html(&format!("{fence}text\n{inside}\n{fence}"));
            prop_assert_eq!(html, format!("<pre><code>{inside}\n</code></pre>"));
        }
    }
}
