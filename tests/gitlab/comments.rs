//! Comments: written once, found again, and no orders to GitLab whatever a step has printed.

use agent_smith::platform::{Comment, Error, Writing};
use agent_smith::sim::{Fault, Match, Times};

use super::{PROJECT, World, right};

fn comment(may_exist: bool) -> Comment {
    let writing = if may_exist { Writing::NewOrEdit } else { Writing::New };
    Comment::new("run/0191:end", "**done**").writing(writing)
}

fn bodies(world: &World, number: u64) -> Vec<String> {
    world.board.ticket(PROJECT, number).unwrap().comments.iter().map(|comment| comment.body.clone()).collect()
}

#[tokio::test]
async fn a_comment_carries_its_marker_out_of_sight() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    world.gitlab.comment(&right(number), &comment(false)).await.unwrap();
    assert_eq!(bodies(&world, number), ["**done**\n\n<!-- agent-smith:run/0191:end -->"]);
    assert_eq!(world.asked(), ["POST /issues/1/notes"]);
}

#[tokio::test]
async fn quick_actions_and_mentions_in_output_do_nothing() {
    let world = World::new().await;
    let number = world.ticket(&["bug"]);
    let body = "Last lines of the output:\n\n````text\n```\n/close\n\r/label ~pwned\n/unlabel ~bug\n@all\n````\n\n\
                /close\nask @all\n\nHost `box`.";
    world.gitlab.comment(&right(number), &Comment { body: body.to_owned(), ..comment(false) }).await.unwrap();
    let ticket = world.board.ticket(PROJECT, number).unwrap();
    assert!(ticket.open);
    assert_eq!(world.labels(number), ["bug"]);
    assert_eq!(
        bodies(&world, number),
        ["Last lines of the output:\n\n````text\n```\n /close\n /label ~pwned\n /unlabel ~bug\n@all\n````\n\n\
          \\/close\nask @\u{2060}all\n\nHost `box`.\n\n<!-- agent-smith:run/0191:end -->"]
    );
}

#[tokio::test]
async fn a_comment_that_may_have_arrived_is_not_sent_again_and_found_later() {
    for fault in [Fault::LoseAnswer, Fault::CarryOutThen(502)] {
        let world = World::new().await;
        let number = world.ticket(&[]);
        world.faults().fail(Match::new("POST", "notes"), Times::Always, fault);
        let error = world.gitlab.comment(&right(number), &comment(false)).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{error}");
        assert_eq!((world.arrived(), bodies(&world, number).len()), (1, 1));
        world.faults().clear();
        world.gitlab.comment(&right(number), &comment(true)).await.unwrap();
        assert_eq!(bodies(&world, number).len(), 1);
    }
}

#[tokio::test]
async fn the_earlier_comment_is_looked_for_newest_first_on_all_pages() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for n in 0..130 {
        world.board.comment(PROJECT, number, &format!("noise {n} <!-- agent-smith:run/0191 -->")).unwrap();
    }
    world.gitlab.comment(&right(number), &comment(true)).await.unwrap();
    assert_eq!(bodies(&world, number).len(), 131, "another marker is not ours");
    let notes = "/issues/1/notes";
    assert_eq!(world.asked(), [format!("GET {notes}"), format!("GET {notes}"), format!("POST {notes}")]);
    world.faults().forget_requests();
    world.gitlab.comment(&right(number), &comment(true)).await.unwrap();
    assert_eq!(world.asked(), [format!("GET {notes}")]);
    for n in 0..130 {
        world.board.comment(PROJECT, number, &format!("later {n}")).unwrap();
    }
    world.gitlab.comment(&right(number), &comment(true)).await.unwrap();
    assert_eq!(bodies(&world, number).len(), 261);
}

#[tokio::test]
async fn a_right_that_has_run_out_writes_no_comment() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    let right = right(number);
    right.revoke();
    assert!(matches!(world.gitlab.comment(&right, &comment(false)).await, Err(Error::Conflict(_))));
    assert_eq!(world.arrived(), 0);
}

#[tokio::test]
async fn a_comment_that_is_refused_is_an_error() {
    let world = World::new().await;
    let number = world.ticket(&[]);
    for (fault, word) in [(Fault::status(400), "status 400"), (Fault::status(202), "202"), (Fault::Garbage, "not JSON")]
    {
        world.faults().fail(Match::any(), Times::Next(1), fault);
        let error = world.gitlab.comment(&right(number), &comment(false)).await.unwrap_err();
        assert!(error.to_string().contains(word) && !error.is_temporary(), "{error}");
    }
}
