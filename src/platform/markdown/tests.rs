//! What is read out of a comment, and what is left of it when it is cut.

use super::*;
use proptest::prelude::*;

fn text(text: &str) -> Span {
    Span::Text(text.to_owned())
}

fn code(text: &str) -> Span {
    Span::Code(text.to_owned())
}

fn strong(text: &str) -> Span {
    Span::Strong(text.to_owned())
}

#[test]
fn a_comment_is_read_as_it_is_meant() {
    let comment = "Ran `fix-bug`: **failed** after 2 s.\nSecond line.\n\nLast lines:\n\n````text\n```\n/close\n\
                   ````\n\nHost `` a`b ``.";
    assert_eq!(
        blocks(comment),
        [
            Block::Paragraph(vec![
                text("Ran "),
                code("fix-bug"),
                text(": "),
                strong("failed"),
                text(" after 2 s."),
                Span::Break,
                text("Second line."),
            ]),
            Block::Paragraph(vec![text("Last lines:")]),
            Block::Code("```\n/close".to_owned()),
            Block::Paragraph(vec![text("Host "), code("a`b"), text(".")]),
        ]
    );
}

#[test]
fn what_is_not_closed_is_text_or_goes_on_to_the_end() {
    assert_eq!(spans("a `b"), [text("a `b")]);
    assert_eq!(spans("a ``b`c` d"), [text("a ``b"), code("c"), text(" d")]);
    assert_eq!(spans("**a** **b"), [strong("a"), text(" "), text("**"), text("b")]);
    assert_eq!(spans("**2 of `x`** y"), [strong("2 of "), code("x"), text(" y")]);
    assert_eq!(spans("`**`"), [code("**")]);
    assert_eq!(spans("` `"), [code(" ")]);
    assert_eq!(blocks("```\na\n\nb"), [Block::Code("a\n\nb".to_owned())]);
    assert_eq!(blocks("``` a`b"), [Block::Paragraph(vec![text("``` a`b")])]);
    assert_eq!(blocks("~~~\n```\n~~~"), [Block::Code("```".to_owned())]);
    assert_eq!(blocks("\n\n"), []);
}

#[test]
fn a_fold_is_one_part_and_ends_at_its_own_end() {
    let written = "before\n\n<details>\n<summary>Last *lines*</summary>\n\ntext\n\n````text\n</details>\n```\n<details>\n\
                   ````\n\n</details>\n\nafter";
    let paragraph = |words: &str| Block::Paragraph(vec![text(words)]);
    let inside = vec![paragraph("text"), Block::Code("</details>\n```\n<details>".to_owned())];
    let all = [paragraph("before"), Block::Fold("Last *lines*".to_owned(), inside), paragraph("after")];
    assert_eq!(blocks(written), all);
    assert_eq!(shortened(&all, 1_000), (all.to_vec(), false));
    let (kept, cut) = shortened(&all, "before".len() + "Last *lines*".len() + 2);
    assert!(cut);
    assert_eq!(kept[1], Block::Fold("Last *lines*".to_owned(), vec![paragraph("te")]));
    assert_eq!(shortened(&all, 8), (vec![paragraph("before")], true), "no title without anything below it");
}

#[test]
fn what_is_no_whole_fold_is_text() {
    let lines = |words: &[&str]| {
        let spans = words.iter().flat_map(|word| [Span::Break, text(word)]).skip(1);
        Block::Paragraph(spans.collect())
    };
    assert_eq!(blocks("<details>\nno title\n</details>"), [lines(&["<details>", "no title", "</details>"])]);
    let open = "<details>\n<summary>a</summary>\n\n```\n</details>";
    assert_eq!(blocks(open), [lines(&["<details>", "<summary>a</summary>"]), Block::Code("</details>".to_owned())]);
    let empty = "<details>\n<summary>a</summary>\n\n</details>";
    assert_eq!(blocks(empty)[0], lines(&["<details>", "<summary>a</summary>"]));
    assert_eq!(blocks(" <details>"), [Block::Paragraph(vec![text(" <details>")])]);
}

#[test]
fn an_address_between_brackets_is_a_link() {
    let link = |url: &str| Span::Link(url.to_owned());
    assert_eq!(spans("a <https://h:1/x?y=1#z> <b"), [text("a "), link("https://h:1/x?y=1#z"), text(" <b")]);
    assert_eq!(spans("<<http://h>>"), [text("<"), link("http://h"), text(">")]);
    for plain in ["<javascript:x>", "<https://>", "<https://a b>", "<https://a|b>", "<https://a\"b>", "https://h"] {
        assert_eq!(spans(plain), [text(plain)]);
    }
    let (kept, _) = shortened(&blocks("<https://host/long>"), 10);
    assert_eq!(kept, [Block::Paragraph(vec![text("https://ho")])]);
}

#[test]
fn a_cut_keeps_the_beginning() {
    let all = blocks("one `two`\n\n```\nthree\n```\n\nfour");
    assert_eq!(shortened(&all, 16), (all.clone(), false));
    let (kept, cut) = shortened(&all, 9);
    assert!(cut);
    let first = Block::Paragraph(vec![text("one "), code("two")]);
    assert_eq!(kept, [first, Block::Code("th".to_owned())]);
}

proptest! {
    /// Whatever stands between fences that are long enough is one block of code, unchanged.
    #[test]
    fn nothing_leaves_its_fence(output in "(`{0,5}|~~~|@all|\n|\\*\\*|[a-z ]{0,3}){0,30}") {
        let output = output.trim_matches('\n').to_owned();
        let longest = output.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let found = blocks(&format!("before\n\n{fence}text\n{output}\n{fence}\n\nafter"));
        let code = Block::Code(output);
        prop_assert_eq!(
            found,
            [Block::Paragraph(vec![text("before")]), code, Block::Paragraph(vec![text("after")])]
        );
    }

    /// No character of the text is lost but marks, and a cut is never longer than asked for.
    #[test]
    fn cuts_stay_within_their_limit(
        comment in "([`*a \n~]|\n<details>\n<summary>t</summary>\n|\n</details>\n){0,60}",
        limit in 0_usize..40,
    ) {
        let (kept, _) = shortened(&blocks(&comment), limit);
        let of_span = |span: &Span| match span {
            Span::Text(text) | Span::Strong(text) | Span::Code(text) | Span::Link(text) => text.chars().count(),
            Span::Break => 0,
        };
        fn of_block(block: &Block, of_span: fn(&Span) -> usize) -> usize {
            match block {
                Block::Code(text) => text.chars().count(),
                Block::Paragraph(spans) => spans.iter().map(of_span).sum(),
                Block::Fold(title, inside) => {
                    title.chars().count() + inside.iter().map(|block| of_block(block, of_span)).sum::<usize>()
                }
            }
        }
        let count: usize = kept.iter().map(|block| of_block(block, of_span)).sum();
        prop_assert!(count <= limit);
    }
}
