//! Comments: written once, found again, cut to what GitHub takes.

use std::time::Duration;

use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::{Comment, Error, Writing, open};
use agent_smith::sim::github::{SimOptions, serve};
use agent_smith::sim::{Fault, Match, Times};

use super::{REPO, TOKEN, World, quick, right, tracker};

fn comment(may_exist: bool) -> Comment {
    let writing = if may_exist { Writing::NewOrEdit } else { Writing::New };
    Comment::new("run/0191:end", "**done**").writing(writing)
}

fn bodies(world: &World, number: u64) -> Vec<String> {
    world.board.ticket(REPO, number).unwrap().comments.iter().map(|comment| comment.body.clone()).collect()
}

#[tokio::test]
async fn a_comment_carries_its_marker_out_of_sight() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.github.comment(&right(number), &comment(false)).await.unwrap();
    assert_eq!(bodies(&world, number), ["**done**\n\n<!-- agent-smith:run/0191:end -->"]);
    assert_eq!(world.arrived(), 1);
}

#[tokio::test]
async fn a_comment_that_may_have_arrived_is_not_sent_again_and_found_later() {
    for fault in [Fault::LoseAnswer, Fault::CarryOutThen(502)] {
        let world = World::new().await;
        let number = world.ticket(&[]);
        world.faults().fail(Match::new("POST", "comments"), Times::Always, fault);
        let error = world.github.comment(&right(number), &comment(false)).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{error}");
        assert_eq!((world.arrived(), bodies(&world, number).len()), (1, 1));
        world.faults().clear();
        world.github.comment(&right(number), &comment(true)).await.unwrap();
        assert_eq!(bodies(&world, number).len(), 1);
    }
}

#[tokio::test]
async fn the_earlier_comment_is_found_behind_the_first_page() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for n in 0..130 {
        world.board.comment(REPO, number, &format!("noise {n} <!-- agent-smith:run/0191 -->")).unwrap();
    }
    world.github.comment(&right(number), &comment(true)).await.unwrap();
    assert_eq!(bodies(&world, number).len(), 131, "another marker is not ours");
    world.github.comment(&right(number), &comment(true)).await.unwrap();
    assert_eq!(bodies(&world, number).len(), 131);
}

/// A connection that was never made has carried nothing, so that the comment may be tried again.
#[tokio::test]
async fn a_comment_is_sent_when_a_refused_connection_is_accepted_later() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let http = Http::with(Settings { attempts: u32::MAX, ..quick() }).unwrap();
    let github = open(&tracker(&world.sim, REPO, Some(TOKEN)), &http).unwrap();
    let World { board, sim, .. } = world;
    let port = sim.port();
    sim.stop().await;
    let right = right(number);
    let comment = comment(false);
    let mut write = github.comment(&right, &comment);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut write).await.is_err(), "it keeps trying");
    let _sim = serve(board.clone(), SimOptions { port, ..SimOptions::default() }).await.unwrap();
    write.await.unwrap();
    assert_eq!(board.ticket(REPO, number).unwrap().comments.len(), 1);
}

#[tokio::test]
async fn the_longest_comment_is_accepted() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let long = Comment { body: "ü".repeat(200_000), ..comment(false) };
    world.github.comment(&right(number), &long).await.unwrap();
    let body = &bodies(&world, number)[0];
    assert!(body.contains("*(shortened)*") && body.ends_with("<!-- agent-smith:run/0191:end -->"));
}

#[tokio::test]
async fn a_right_that_has_run_out_writes_no_comment() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let right = right(number);
    right.revoke();
    assert!(matches!(world.github.comment(&right, &comment(false)).await, Err(Error::Conflict(_))));
    assert_eq!(world.arrived(), 0);
}
