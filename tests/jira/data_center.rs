//! Jira Data Center: found out by itself, version 2, a bearer token, wiki markup, context paths.

use agent_smith::lifecycle::Lifecycle::{Enqueued, Pending};
use agent_smith::platform::{Comment, Error, Listing, Writing, open};
use agent_smith::sim::board::NewTicket;
use agent_smith::sim::jira::{Deployment, SimOptions};
use agent_smith::sim::{Fault, Match, Times};

use super::{EMAIL, PROJECT, TOKEN, TRIGGER, World, credentials, ids, key, refusal, right, tracker};

fn comment(body: &str, may_exist: bool) -> Comment {
    let writing = if may_exist { Writing::NewOrEdit } else { Writing::New };
    Comment::new("run/0191:end", body).writing(writing)
}

#[tokio::test]
async fn it_is_found_out_once_and_every_page_is_read() {
    let world = World::data_center().await;
    for _ in 0..250 {
        world.ticket(&[TRIGGER]);
    }
    let found = world.discover().await.unwrap();
    assert_eq!(ids(&found), (1..=250).map(key).collect::<Vec<_>>());
    let first = ["GET /3/myself", "GET /2/serverInfo", "GET /2/myself"];
    assert_eq!(world.asked(), [&first[..], &["POST /2/search"; 3]].concat());
    world.faults().forget_requests();
    assert_eq!(world.listed(Pending).await.unwrap(), []);
    assert_eq!(world.asked(), ["POST /2/search"]);
}

#[tokio::test]
async fn a_ticket_is_read_and_goes_through_its_states() {
    let world = World::data_center().await;
    let new = NewTicket::titled("Crash").body("h1. It *crashes*").label("bug").label("agent-smith:pending");
    let number = world.board.open_ticket(PROJECT, new).unwrap();
    let ticket = world.jira.read(&key(number)).await.unwrap();
    assert_eq!((ticket.body.as_str(), ticket.open), ("h1. It *crashes*", true), "as its author wrote it");
    world.faults().forget_requests();
    let labels = world.jira.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["bug", "agent-smith:enqueued"]);
    assert_eq!(world.asked(), ["PUT /2/issue/PROJ-1", "GET /2/issue/PROJ-1"]);
    assert!(matches!(world.jira.read(&key(99)).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_write_may_be_the_first_call() {
    let world = World::data_center().await;
    let number = world.ticket(&["agent-smith:pending"]);
    world.jira.comment(&right(number), &comment("once", false)).await.unwrap();
    assert_eq!(world.asked(), ["POST /3/issue/PROJ-1/comment", "GET /2/serverInfo", "POST /2/issue/PROJ-1/comment"]);
    assert_eq!(world.comments(number).len(), 1);
}

#[tokio::test]
async fn a_comment_is_wiki_markup_in_which_output_has_no_effect() {
    let world = World::data_center().await;
    let number = world.ticket(&[]);
    let body = "Ran `a {b}`: **failed**.\n[~jane] h1. !x!\n\n````text\n[~all] {noformat}*x*\n```\n````";
    world.jira.comment(&right(number), &comment(body, false)).await.unwrap();
    assert_eq!(
        world.comments(number),
        ["Ran {{a \\{b\\}}}&#58; {*}failed{*}.\n\\[\\~jane\\] h1. \\!x\\!\n\n\
          {noformat}\n[~all] {\u{200b}noformat}*x*\n```\n{noformat}\n\n{~}\\(agent\\-smith&#58;run/0191&#58;end\\){~}"]
    );
    for n in 0..130 {
        world.board.comment(PROJECT, number, &format!("talk {n}")).unwrap();
    }
    world.jira.comment(&right(number), &comment("again", true)).await.unwrap();
    assert_eq!(world.comments(number).len(), 131, "found again behind the first page");
}

#[tokio::test]
async fn a_long_comment_fits_also_when_every_sign_is_escaped() {
    let world = World::data_center().await;
    let number = world.ticket(&[]);
    let long = format!("start {}\n\nend", "[*]{_}".repeat(10_000));
    world.jira.comment(&right(number), &comment(&long, false)).await.unwrap();
    let written = &world.comments(number)[0];
    assert!(written.starts_with("start") && written.contains("shortened") && written.contains("run/0191"));
}

/// Old servers give all comments at once, whatever page they are asked for.
#[tokio::test]
async fn a_server_that_knows_no_pages_of_comments_is_read_to_its_end() {
    let world = World::data_center().await;
    let number = world.ticket(&[]);
    world.jira.read(&key(number)).await.unwrap();
    let page = r#"{"startAt":0,"maxResults":9999,"total":300,"comments":[{"body":"talk"},{"body":null},{}]}"#;
    world.faults().fail(Match::new("GET", "comment"), Times::Always, super::answer(200, page));
    world.faults().forget_requests();
    world.jira.comment(&right(number), &comment("new", true)).await.unwrap();
    assert_eq!(world.asked().len(), 3, "{:?}", world.asked());
    assert_eq!(world.comments(number).len(), 1);
}

#[tokio::test]
async fn access_is_told_and_names_what_is_missing() {
    let world = World::data_center().await;
    assert!(world.jira.check_access().await.unwrap().summary.contains(PROJECT));
    world.faults().forget_requests();
    world.jira.check_access().await.unwrap();
    assert_eq!(world.asked(), ["GET /2/mypermissions"]);
    let wrong = world.client(Some(PROJECT), credentials(None, "wrong-secret"));
    let triggers = [TRIGGER.to_owned()];
    let listed = wrong.list(Listing::Discovery(&triggers)).await.map(|_| ());
    for error in [wrong.check_access().await.map(|_| ()), wrong.read("PROJ-1").await.map(|_| ()), listed] {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains("JIRA_TOKEN"), "{error}");
        assert!(!format!("{error:?}").contains("wrong-secret"), "{error:?}");
    }
    world.board.hide_tracker(PROJECT, true).unwrap();
    assert!(matches!(world.discover().await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn an_account_with_its_password_works_as_well() {
    let world = World::data_center().await;
    let number = world.ticket(&[]);
    let basic = world.client(Some(PROJECT), credentials(Some(EMAIL), TOKEN));
    basic.transition(&right(number), Some(Enqueued)).await.unwrap();
    assert_eq!(world.labels(number), ["agent-smith:enqueued"]);
}

/// Some sites answer with status 200 to nobody, and say so in a header.
#[tokio::test]
async fn an_answer_to_nobody_is_not_believed() {
    let world = World::data_center().await;
    world.discover().await.unwrap();
    let nothing = super::answer(200, r#"{"startAt":0,"maxResults":100,"total":0,"issues":[]}"#);
    world.faults().fail(Match::path("search"), Times::Next(1), nothing.header("x-ausername", "anonymous"));
    let error = world.discover().await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn a_context_path_is_kept_on_both_kinds() {
    for deployment in [Deployment::Cloud, Deployment::DataCenter] {
        let world = World::with(SimOptions { deployment, prefix: "/jira/x".to_owned(), ..SimOptions::default() }).await;
        let number = world.ticket(&[TRIGGER]);
        assert_eq!(world.discover().await.unwrap().len(), 1);
        world.jira.transition(&right(number), Some(Enqueued)).await.unwrap();
        let ticket = world.jira.read(&key(number)).await.unwrap();
        assert_eq!(ticket.url, format!("{}/jira/x/browse/PROJ-1", world.sim.url()));
        assert!(world.asked().iter().all(|asked| asked.contains(" /jira/x/")), "{:?}", world.asked());
    }
}

#[tokio::test]
async fn an_api_url_that_names_version_2_is_taken_at_its_word() {
    let world = World::data_center().await;
    world.ticket(&[TRIGGER]);
    let mut tracker = tracker(&world.sim, Some(PROJECT), credentials(None, TOKEN));
    tracker.api_url = world.sim.api_url().replace("/api/3", "/api/2").parse().unwrap();
    let jira = open(&tracker, &world.http).unwrap();
    assert_eq!(jira.list(Listing::Discovery(&[TRIGGER.to_owned()])).await.unwrap().len(), 1);
    assert_eq!(world.asked(), ["GET /2/myself", "POST /2/search"]);

    let cloud = World::new().await;
    tracker.api_url = cloud.sim.api_url().replace("/api/3", "/api/2").parse().unwrap();
    tracker.credentials = credentials(Some(EMAIL), TOKEN);
    let error = open(&tracker, &cloud.http).unwrap().list(Listing::Lifecycle(Pending)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 410, .. }) && error.to_string().contains("api_url"), "{error}");
}

#[tokio::test]
async fn a_site_that_does_not_say_what_it_is_is_asked_again() {
    let world = World::data_center().await;
    let ticket = key(world.ticket(&[]));
    for fault in [Fault::status(404), Fault::html_page(200), refusal(401, "no")] {
        world.faults().fail(Match::path("serverInfo"), Times::Next(1), fault.clone());
        let error = world.jira.read(&ticket).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "no ticket is missing: {error}");
    }
    world.jira.read(&ticket).await.unwrap();
}
