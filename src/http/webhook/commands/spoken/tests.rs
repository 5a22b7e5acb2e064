//! What counts as the author's own words, as tables for each markup.

use super::*;

fn says(platform: PlatformKind, body: &str, line: &str) -> bool {
    spoken_lines(platform, body).iter().any(|spoken| spoken.trim_end() == line)
}

/// Whether an order that stands where the template says is heard.
fn of(platform: PlatformKind, template: &str) -> bool {
    let order = "/agent-smith cancel";
    says(platform, &template.replace("ORDER", order), order)
}

#[test]
fn code_quotes_and_hidden_text_of_markdown_are_not_the_authors_words() {
    let markdown = [
        "ORDER",
        "please\nORDER\nthanks",
        "   ORDER",
        "> why?\n\nORDER",
        "```\nx\n```\nORDER",
        "<!-- x -->\nORDER",
        "```x``` is code\nORDER",
        "- one\n\nORDER",
        "<!-->\nORDER",
        "the `<code>` and ``<!--`` of `<pre>`\nORDER",
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
        "- ```\n  ORDER\n  ```",
        "1. - ~~~\n  ORDER\n  ~~~",
        "<!-- a --> <!--\nORDER\n-->",
        "<pre>\n</pre> <!--\nORDER\n-->",
        "<code>\nORDER\n</code>",
        "<!-- x --> ORDER",
    ];
    for platform in [PlatformKind::GitHub, PlatformKind::GitLab, PlatformKind::AzureDevOps] {
        for template in markdown.iter().filter(|text| platform != PlatformKind::AzureDevOps || !text.contains('<')) {
            assert!(of(platform, template), "{platform} {template:?}");
        }
        for template in not_markdown.iter().filter(|text| platform != PlatformKind::AzureDevOps || !text.contains('<'))
        {
            assert!(!of(platform, template), "{platform} {template:?}");
        }
    }
    assert!(!of(PlatformKind::GitLab, ">>>\n>>> print(1)\nORDER\n>>>"));
    assert!(!of(PlatformKind::GitLab, ">>>\nORDER\n>>>") && of(PlatformKind::GitLab, ">>>\nx\n>>>\n\nORDER"));
}

#[test]
fn code_and_quotes_of_wiki_markup_are_not_the_authors_words() {
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
        "x {code}\nORDER",
        "{code}\n{code} ORDER",
    ];
    for template in not_wiki {
        assert!(!of(PlatformKind::Jira, template), "{template:?}");
    }
}

#[test]
fn code_quotes_and_hidden_text_of_html_are_not_the_authors_words() {
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
fn what_stands_beside_code_in_its_line_is_spoken_and_the_code_is_not() {
    let left = |platform, body: &str| {
        let lines = spoken_lines(platform, body);
        lines.iter().map(|line| without_inline_code(platform, line)).collect::<Vec<_>>().join("|")
    };
    for (body, heard) in [
        ("Say `go on` here", false),
        ("Say ``go `on` go on`` here", false),
        ("Say <code>go on</code> here", false),
        ("It's a ` tick: go on", true),
        ("`x` go on `y`", true),
    ] {
        assert_eq!(left(PlatformKind::GitHub, body).contains("go on"), heard, "{body}");
    }
    for (body, heard) in [
        ("Say {{go on}} here", false),
        ("Say {code}go on{code} here", false),
        ("They say {quote}go on", false),
        ("Say {{x}} go on {code}y{code}", true),
        ("{code:java}x{code}\n{color:red}x{color}\ngo on", true),
    ] {
        assert_eq!(left(PlatformKind::Jira, body).contains("go on"), heard, "{body}");
    }
}

#[test]
fn a_line_of_any_shape_is_read_in_one_pass() {
    let began = std::time::Instant::now();
    for piece in ["- ", "1. ", "<code></code>", "<!-- ", "`<", "` `` ", "{code}", "{{", "{quote} {", "<pre>`"] {
        let line = piece.repeat(64 * 1024 / piece.len());
        for platform in PlatformKind::ALL {
            let spoken = spoken_lines(platform, &line);
            spoken.iter().for_each(|line| drop(without_inline_code(platform, line)));
        }
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_long_comment_is_read_to_a_point_and_cut_between_characters() {
    let long = format!("{}\n/agent-smith run", "ü".repeat(40_000));
    assert!(!says(PlatformKind::GitHub, &long, "/agent-smith run"));
}
