//! Azure DevOps Server: a collection below a path, an older api-version, no comments API.

use agent_smith::lifecycle::Lifecycle::{Done, Enqueued};
use agent_smith::platform::{Comment, Writing};
use agent_smith::sim::azure_devops::SimOptions;
use agent_smith::sim::{Fault, Match, Times};

use super::{TRACKER, TRIGGER, World, ids, right};

fn versions(world: &World) -> Vec<String> {
    let version = |request: agent_smith::sim::Request| {
        request.path_and_query.split("api-version=").nth(1).unwrap_or_default().to_owned()
    };
    world.faults().requests().into_iter().map(version).collect()
}

async fn server(newest: (u32, u32)) -> World {
    World::with(SimOptions { newest, prefix: "/tfs".to_owned(), ..SimOptions::default() }).await
}

#[tokio::test]
async fn the_version_is_lowered_until_the_server_takes_it_and_remembered() {
    for (newest, expected) in [
        ((7, 2), vec!["7.1"]),
        ((7, 0), vec!["7.1", "7.0"]),
        ((6, 1), vec!["7.1", "7.0", "6.0"]),
        ((5, 1), vec!["7.1", "7.0", "6.0", "5.1"]),
        ((4, 1), vec!["7.1", "7.0", "6.0", "5.1", "5.0", "4.1"]),
    ] {
        let world = server(newest).await;
        let number = world.ticket(&[TRIGGER]);
        world.azure.check_access().await.unwrap();
        assert_eq!(versions(&world), expected, "{newest:?}");
        world.faults().forget_requests();
        assert_eq!(ids(&world.discover().await.unwrap()), [number]);
        world.azure.transition(&right(number), Some(Enqueued)).await.unwrap();
        let last = *expected.last().unwrap();
        assert_eq!(versions(&world), [last; 4], "{newest:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_too_old_says_so() {
    let world = server((3, 2)).await;
    let error = world.azure.check_access().await.unwrap_err();
    assert!(error.to_string().contains("is out of range for this server"), "{error}");
    assert_eq!(world.arrived(), 6);
    assert!(world.azure.check_access().await.is_err());
    assert_eq!(world.arrived(), 7);
}

#[tokio::test]
async fn comments_use_the_preview_of_the_servers_version() {
    for (newest, expected) in
        [((7, 1), "7.1-preview.4"), ((7, 0), "7.0-preview.3"), ((6, 0), "6.0-preview.3"), ((5, 1), "5.1-preview.3")]
    {
        let world = server(newest).await;
        let number = world.ticket(&[]);
        world.azure.check_access().await.unwrap();
        world.faults().forget_requests();
        for writing in [Writing::New, Writing::NewOrEdit] {
            let comment = Comment::new("run/1", "x").writing(writing);
            world.azure.comment(&right(number), &comment).await.unwrap();
        }
        assert_eq!(versions(&world), [expected; 2], "{newest:?}");
        assert_eq!(world.board.ticket(TRACKER, number).unwrap().comments.len(), 1);
    }
}

#[tokio::test]
async fn a_server_without_the_comments_api_gets_the_comment_as_history() {
    // A server that does not know the version of comments, and one that knows the version and not the route.
    for (newest, routeless) in [((5, 0), false), ((4, 1), false), ((7, 1), true)] {
        let world = server(newest).await;
        let number = world.ticket(&["agent-smith:in-progress"]);
        if routeless {
            let mut fault = Fault::status(404);
            if let Fault::Answer { body, .. } = &mut fault {
                *body = r#"{"message":"no","typeKey":"VssResourceNotFoundException"}"#.to_owned();
            }
            world.faults().fail(Match::path("/comments"), Times::Always, fault);
        }
        for (run, writing) in [(0, Writing::NewOrEdit), (1, Writing::New), (0, Writing::NewOrEdit)] {
            let interim = Comment::new(format!("run/{run}"), "what could never be edited").writing(writing).interim();
            assert_eq!(world.azure.comment(&right(number), &interim).await.unwrap(), None);
            let comment = Comment::new(format!("run/{run}"), "<x>").writing(writing);
            assert_eq!(world.azure.comment(&right(number), &comment).await.unwrap(), None);
        }
        let comments = world.board.ticket(TRACKER, number).unwrap().comments;
        let bodies: Vec<&str> = comments.iter().map(|comment| comment.body.as_str()).collect();
        let expected = |n| format!("<p>&lt;x&gt;</p><p><small>[agent-smith:run/{n}]</small></p>");
        assert_eq!(bodies, [expected(0), expected(1)], "{newest:?}: written once each");
        world.azure.transition(&right(number), Some(Done)).await.unwrap();
        let asked = world.faults().requests();
        let to_comments = asked.iter().filter(|request| request.path_and_query.contains("/comments")).count();
        assert!(to_comments <= 4, "the way is remembered: {to_comments}");
    }
}

/// A missing work item is not a missing API.
#[tokio::test]
async fn a_missing_ticket_does_not_switch_comments_off() {
    let world = server((7, 1)).await;
    let comment = Comment::new("m", "x");
    assert!(world.azure.comment(&right(9), &comment).await.is_err());
    let number = world.ticket(&[]);
    world.faults().forget_requests();
    world.azure.comment(&right(number), &comment).await.unwrap();
    assert_eq!(versions(&world), ["7.1-preview.4"]);
}

#[tokio::test]
async fn pages_and_moves_are_below_the_collection() {
    let world = server((7, 1)).await;
    world.board.add_tracker("org/Other").unwrap();
    let number = world.ticket(&[]);
    world.board.transfer(TRACKER, number, "org/Other").unwrap();
    let error = world.azure.read(&number.to_string()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("{}/Other/_workitems/edit/1", world.sim.api_url())), "{error}");
}
