//! Comments: written once, found again, in HTML, cut to what is read.

use std::time::Duration;

use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::{Comment, Error, Writing, open};
use agent_smith::sim::azure_devops::{SimOptions, serve};
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, TOKEN, TRACKER, World, quick, right, tracker};

fn comment(may_exist: bool) -> Comment {
    let writing = if may_exist { Writing::NewOrEdit } else { Writing::New };
    Comment::new("run/0191:end", "**done** `<b>`").writing(writing)
}

fn bodies(world: &World, number: u64) -> Vec<String> {
    world.board.ticket(TRACKER, number).unwrap().comments.iter().map(|comment| comment.body.clone()).collect()
}

const WRITTEN: &str =
    "<p><strong>done</strong> <code>&lt;b&gt;</code></p><p><small>[agent-smith:run/0191:end]</small></p>";

#[tokio::test]
async fn a_comment_is_html_and_carries_its_marker() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.azure.comment(&right(number), &comment(false)).await.unwrap();
    assert_eq!(bodies(&world, number), [WRITTEN]);
    let requests = world.faults().requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].path_and_query.ends_with("/workItems/1/comments?api-version=7.1-preview.4"));
}

#[tokio::test]
async fn captured_output_is_text() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let evil = "<a href=\"#\" data-vss-mention=\"version:2.0,{id}\">@all</a> <script>x</script> &lt; ![x](y)";
    let body = format!("Output:\n\n````text\n```\n{evil}\n````\n\nHost `` {evil} ``.");
    world.azure.comment(&right(number), &Comment { body, ..comment(false) }).await.unwrap();
    let text = &bodies(&world, number)[0];
    assert!(!text.contains("<a ") && !text.contains("<script") && text.contains("&amp;lt; ![x](y)"), "{text}");
    assert_eq!(text.matches("&lt;a href=&quot;#&quot;").count(), 2);
}

#[tokio::test]
async fn a_comment_that_may_have_arrived_is_not_sent_again_and_found_later() {
    for newest in [(7, 1), (5, 0)] {
        for fault in [Fault::LoseAnswer, Fault::CarryOutThen(502)] {
            let world = World::with(SimOptions { newest, ..SimOptions::default() }).await;
            let number = world.ticket(&[]);
            // Finds out the versions first, so that what fails is the write.
            world.azure.comment(&right(number), &Comment { marker: "x".to_owned(), ..comment(false) }).await.unwrap();
            let method = if newest == (7, 1) { "POST" } else { "PATCH" };
            world.faults().fail(Match::new(method, "/workitems/"), Times::Always, fault.clone());
            world.faults().fail(Match::new(method, "/workItems/"), Times::Always, fault);
            let arrived = world.arrived();
            let error = world.azure.comment(&right(number), &comment(false)).await.unwrap_err();
            assert!(matches!(error, Error::Transport(_)), "{error}");
            assert_eq!((world.arrived() - arrived, bodies(&world, number).len()), (1, 2));
            world.faults().clear();
            world.azure.comment(&right(number), &comment(true)).await.unwrap();
            assert_eq!(bodies(&world, number).len(), 2);
        }
    }
}

#[tokio::test]
async fn the_earlier_comment_is_found_behind_the_first_page() {
    for newest in [(7, 1), (5, 0)] {
        let world = World::with(SimOptions { newest, ..SimOptions::default() }).await;
        let number = world.ticket(&[]);
        for n in 0..230 {
            world.board.comment(TRACKER, number, &format!("noise {n} [agent-smith:run/0191]")).unwrap();
        }
        world.azure.comment(&right(number), &comment(true)).await.unwrap();
        assert_eq!(bodies(&world, number).len(), 231, "another marker is not ours");
        for n in 0..230 {
            world.board.comment(TRACKER, number, &format!("noise {n}")).unwrap();
        }
        world.azure.comment(&right(number), &comment(true)).await.unwrap();
        assert_eq!(bodies(&world, number).len(), 461);
    }
}

#[tokio::test]
async fn a_failed_search_writes_nothing() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.faults().fail(Match::new("GET", "comments"), Times::Always, Fault::status(500));
    assert!(world.azure.comment(&right(number), &comment(true)).await.is_err());
    assert_eq!(bodies(&world, number).len(), 0);
}

/// A connection that was never made has carried nothing, so that the comment may be tried again.
#[tokio::test]
async fn a_comment_is_sent_when_a_refused_connection_is_accepted_later() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let http = Http::with(Settings { attempts: u32::MAX, ..quick() }).unwrap();
    let azure = open(&tracker(&world.sim, PROJECT, Some(TOKEN)), &http).unwrap();
    let World { board, sim, .. } = world;
    let port = sim.port();
    sim.stop().await;
    let right = right(number);
    let comment = comment(false);
    let mut write = azure.comment(&right, &comment);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut write).await.is_err(), "it keeps trying");
    let _sim = serve(board.clone(), SimOptions { port, ..SimOptions::default() }).await.unwrap();
    write.await.unwrap();
    assert_eq!(board.ticket(TRACKER, number).unwrap().comments.len(), 1);
}

#[tokio::test]
async fn the_longest_comment_is_accepted() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let long = Comment { body: format!("```\n{}\n```", "<&>".repeat(20_000)), ..comment(false) };
    world.azure.comment(&right(number), &long).await.unwrap();
    let body = &bodies(&world, number)[0];
    assert!(body.contains("</code></pre><p>(shortened)</p>") && body.contains("[agent-smith:run/0191:end]"));
}

#[tokio::test]
async fn a_comment_needs_a_right_and_rights() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let right = right(number);
    world.board.set_can_write(TRACKER, false).unwrap();
    let error = world.azure.comment(&right, &comment(false)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    world.board.set_can_write(TRACKER, true).unwrap();
    let arrived = world.arrived();
    right.revoke();
    assert!(matches!(world.azure.comment(&right, &comment(false)).await, Err(Error::Conflict(_))));
    assert_eq!((world.arrived(), bodies(&world, number).len()), (arrived, 0));
    world.board.delete(TRACKER, number).unwrap();
    let error = world.azure.comment(&super::right(number), &comment(true)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

/// A comment raises the revision, which the next transition must not stumble over.
#[tokio::test]
async fn a_transition_after_a_comment_reads_again() {
    use agent_smith::lifecycle::Lifecycle::Done;
    let world = World::new().await;
    let number = world.ticket(&["agent-smith:in-progress"]);
    world.azure.read(&number.to_string()).await.unwrap();
    world.azure.comment(&right(number), &comment(false)).await.unwrap();
    world.faults().forget_requests();
    world.azure.transition(&right(number), Some(Done)).await.unwrap();
    assert_eq!(world.asked(), [format!("GET workitems/{number}"), format!("PATCH workitems/{number}")]);
}
