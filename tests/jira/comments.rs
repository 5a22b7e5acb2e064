//! Comments: written once, found again, in Jira's own format, cut to what Jira takes.

use agent_smith::platform::{Comment, Error, Writing};
use agent_smith::sim::{Fault, Match, Times};
use serde_json::{Value, json};

use super::{EMAIL, PROJECT, TOKEN, World, refusal, right};

fn comment(body: &str, may_exist: bool) -> Comment {
    let writing = if may_exist { Writing::NewOrEdit } else { Writing::New };
    Comment::new("run/0191:end", body).writing(writing)
}

/// The documents of a ticket's comments, as Jira gives them out.
async fn documents(world: &World, number: u64) -> Vec<Value> {
    let url = format!("{}/issue/{PROJECT}-{number}/comment", world.sim.api_url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).basic_auth(EMAIL, Some(TOKEN)).send().await.unwrap().text().await.unwrap();
    let page: Value = serde_json::from_str(&answer).unwrap();
    page["comments"].as_array().unwrap().iter().map(|comment| comment["body"].clone()).collect()
}

#[tokio::test]
async fn a_comment_is_a_document_and_output_is_only_text_in_it() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let body = "Ran `fix-bug`: **failed** after 2 s.\n\n````text\n@all [~jane] {code}\n```\n/close <b>\u{1b}\n````";
    world.jira.comment(&right(number), &comment(body, false)).await.unwrap();
    assert_eq!(world.asked(), ["POST /3/issue/PROJ-1/comment"]);
    let expected = json!({ "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [
            { "type": "text", "text": "Ran " },
            { "type": "text", "text": "fix-bug", "marks": [{ "type": "code" }] },
            { "type": "text", "text": ": " },
            { "type": "text", "text": "failed", "marks": [{ "type": "strong" }] },
            { "type": "text", "text": " after 2 s." },
        ]},
        { "type": "codeBlock", "attrs": { "language": "text" }, "content": [
            { "type": "text", "text": "@all [~jane] {code}\n```\n/close <b>\u{fffd}" },
        ]},
        { "type": "paragraph", "content": [{
            "type": "text", "text": "(agent-smith:run/0191:end)",
            "marks": [{ "type": "subsup", "attrs": { "type": "sub" } }],
        }]},
    ]});
    assert_eq!(documents(&world, number).await, [expected]);
}

#[tokio::test]
async fn a_comment_that_may_have_arrived_is_not_sent_again_and_found_later() {
    for fault in [Fault::LoseAnswer, Fault::CarryOutThen(502)] {
        let world = World::new().await;
        let number = world.ticket(&[]);
        world.faults().fail(Match::new("POST", "comment"), Times::Always, fault);
        let error = world.jira.comment(&right(number), &comment("once", false)).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{error}");
        assert_eq!((world.arrived(), world.comments(number).len()), (1, 1));
        world.faults().clear();
        world.jira.comment(&right(number), &comment("once", true)).await.unwrap();
        assert_eq!(world.comments(number).len(), 1);
    }
}

#[tokio::test]
async fn the_earlier_comment_is_found_behind_the_first_page_and_another_is_not_ours() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.jira.comment(&right(number), &comment("first", false)).await.unwrap();
    for n in 0..230 {
        world.board.comment(PROJECT, number, &format!("talk {n} (agent-smith:run/0191)")).unwrap();
    }
    world.faults().forget_requests();
    world.jira.comment(&right(number), &comment("again", true)).await.unwrap();
    assert_eq!(world.comments(number).len(), 231);
    let (read, id) = ("GET /3/issue/PROJ-1/comment", world.board.ticket(PROJECT, number).unwrap().comments[0].id);
    assert_eq!(world.asked(), [read, read, read, &format!("PUT /3/issue/PROJ-1/comment/{id}")], "newest first");
    let other = Comment { marker: "run/0191".to_owned(), ..comment("other", true) };
    world.jira.comment(&right(number), &other).await.unwrap();
    let third = Comment { marker: "run/019".to_owned(), ..comment("third", true) };
    world.jira.comment(&right(number), &third).await.unwrap();
    assert_eq!(world.comments(number).len(), 233, "what a person has quoted is theirs, and not edited");
}

#[tokio::test]
async fn a_search_for_a_comment_that_fails_writes_nothing() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for fault in [Fault::status(500), Fault::Garbage, Fault::html_page(200)] {
        world.faults().fail(Match::new("GET", "comment"), Times::Always, fault);
        world.jira.comment(&right(number), &comment("x", true)).await.unwrap_err();
        world.faults().clear();
    }
    assert_eq!(world.comments(number), Vec::<String>::new());
}

#[tokio::test]
async fn a_long_comment_is_shortened_until_jira_takes_it() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let long = comment(&format!("start\n\n```\n{}\n```\n\nend", "ü line\n".repeat(9_000)), false);
    world.jira.comment(&right(number), &long).await.unwrap();
    let written = &world.comments(number)[0];
    assert!(
        written.starts_with("start")
            && written.contains("(shortened)")
            && written.ends_with("(agent-smith:run/0191:end)")
    );
    assert!((29_000..32_000).contains(&written.chars().count()), "{}", written.chars().count());

    let too_long = refusal(400, "The entered text is too long. It exceeds the allowed limit of 5,000 characters.");
    world.faults().fail(Match::new("POST", "comment"), Times::Next(2), too_long.clone());
    world.jira.comment(&right(number), &long).await.unwrap();
    assert!((3_000..4_100).contains(&world.comments(number)[1].chars().count()));
    world.faults().fail(Match::new("POST", "comment"), Times::Always, too_long);
    let error = world.jira.comment(&right(number), &long).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 400, .. }), "{error}");
}

#[tokio::test]
async fn an_issue_that_has_all_its_comments_says_what_to_do() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for n in 0..2_500 {
        world.board.comment(PROJECT, number, &n.to_string()).unwrap();
    }
    let error = world.jira.comment(&right(number), &comment("x", false)).await.unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 413, .. }) && error.to_string().contains("delete some"),
        "{error}"
    );
}

#[tokio::test]
async fn missing_rights_and_a_right_that_has_run_out_write_no_comment() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let gone = right(number);
    gone.revoke();
    assert!(matches!(world.jira.comment(&gone, &comment("x", false)).await, Err(Error::Conflict(_))));
    assert_eq!(world.arrived(), 0);
    world.board.set_can_write(PROJECT, false).unwrap();
    let error = world.jira.comment(&right(number), &comment("x", false)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("Add Comments"), "{error}");
    assert_eq!(world.comments(number), Vec::<String>::new());
}
