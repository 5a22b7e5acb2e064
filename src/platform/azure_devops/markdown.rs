//! Markdown to HTML, for what our own comments are made of: paragraphs, bold, code spans, fenced code.
//!
//! Pure. Who calls: comments. What must stay true: every character that a person or a program wrote is escaped, so
//! that it is text and nothing else; fences and spans end where CommonMark ends them, however many backticks they have.

/// The HTML of `markdown`.
pub(super) fn html(markdown: &str) -> String {
    let lines: Vec<&str> = markdown.lines().collect();
    let mut html = String::with_capacity(markdown.len() + markdown.len() / 4);
    let mut at = 0;
    while at < lines.len() {
        if let Some(ticks) = fence(lines[at]) {
            let end = lines[at + 1..].iter().position(|line| ends(line, ticks)).map_or(lines.len(), |n| at + 1 + n);
            html.push_str("<pre><code>");
            for line in &lines[at + 1..end] {
                push_escaped(&mut html, line);
                html.push('\n');
            }
            html.push_str("</code></pre>");
            at = end + 1;
        } else if lines[at].trim().is_empty() {
            at += 1;
        } else {
            let is_over = |line: &&str| line.trim().is_empty() || fence(line).is_some();
            let end = lines[at..].iter().position(is_over).map_or(lines.len(), |n| at + n);
            html.push_str("<p>");
            push_inline(&mut html, &lines[at..end].join("\n"));
            html.push_str("</p>");
            at = end;
        }
    }
    html
}

/// The text with nothing in it that means anything in HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    push_escaped(&mut safe, text);
    safe
}

/// Number of backticks, if the line opens a fenced block.
fn fence(line: &str) -> Option<usize> {
    let text = line.trim_start_matches(' ');
    let ticks = text.len() - text.trim_start_matches('`').len();
    let is_fence = line.len() - text.len() <= 3 && ticks >= 3 && !text[ticks..].contains('`');
    is_fence.then_some(ticks)
}

/// True when the line closes a block that `ticks` backticks opened.
fn ends(line: &str, ticks: usize) -> bool {
    let text = line.trim_start_matches(' ');
    let mark = text.trim_end();
    line.len() - text.len() <= 3 && mark.len() >= ticks && mark.bytes().all(|b| b == b'`')
}

/// Code spans and bold; whatever is not closed is text.
fn push_inline(html: &mut String, text: &str) {
    let mut rest = text;
    let mut is_bold = false;
    while let Some(at) = rest.find(['`', '*']) {
        push_escaped(html, &rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('`') {
            rest = push_span(html, rest);
        } else if rest.starts_with("**") && (is_bold || has_bold_end(&rest[2..])) {
            html.push_str(if is_bold { "</strong>" } else { "<strong>" });
            is_bold = !is_bold;
            rest = &rest[2..];
        } else {
            html.push('*');
            rest = &rest[1..];
        }
    }
    push_escaped(html, rest);
    if is_bold {
        html.push_str("</strong>");
    }
}

/// Writes the span that `text` begins with, or its backticks when nothing closes it; returns what follows.
fn push_span<'a>(html: &mut String, text: &'a str) -> &'a str {
    let ticks = text.len() - text.trim_start_matches('`').len();
    let (mark, inside) = text.split_at(ticks);
    let Some(length) = span_length(inside, ticks) else {
        html.push_str(mark);
        return inside;
    };
    let code = inside[..length].replace('\n', " ");
    // One space on both sides is there to keep backticks apart.
    let inner = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' ')).filter(|code| !code.trim().is_empty());
    html.push_str("<code>");
    push_escaped(html, inner.unwrap_or(&code));
    html.push_str("</code>");
    &inside[length + ticks..]
}

/// Bytes up to the next run of exactly `ticks` backticks.
fn span_length(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text[at..].find('`')?;
        let run = text[at..].len() - text[at..].trim_start_matches('`').len();
        if run == ticks {
            return Some(at);
        }
        at += run;
    }
}

/// True when `**` follows outside of code spans.
fn has_bold_end(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*']) {
        rest = &rest[at..];
        if rest.starts_with("**") {
            return true;
        }
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        rest = match ticks {
            0 => &rest[1..],
            _ => span_length(&rest[ticks..], ticks).map_or(&rest[ticks..], |length| &rest[ticks + length + ticks..]),
        };
    }
    false
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
             <p><strong><code>x</code> y</strong> 2 * 3</p>"
        );
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
        fn nothing_written_becomes_markup(text in "(`{0,5}|\\*{0,3}|<a href=x data-vss-mention=y>|&lt;|\"|'|\n{0,3}|[a-z @#]{0,3}){0,25}") {
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
