//! Tickets whose title is edited: the branch that is there is continued, and nobody else's is.

use agent_smith::job::{AskedBy, Job};
use agent_smith::sim::board::TicketView;

use crate::fixture::{Attempt, BRANCH, World, done, log};

/// The whole way, with a change that no run before has made.
fn steps(change: &str) -> String {
    format!(
        "[{{checkout: {{}}}}, {{run: 'echo {change} >> bug.txt'}}, {{commit: {{}}}}, {{push: {{}}}}, {{open_change_request: {{}}}}]"
    )
}

fn requests(world: &World) -> Vec<TicketView> {
    world.board.change_requests("o/r")
}

/// Another run of the same ticket.
fn run_again(world: &mut World) {
    world.job = Job::new(world.job.key.clone(), "work", AskedBy::TriggerLabel);
}

#[tokio::test]
async fn an_edited_title_keeps_branch_and_change_request() {
    let mut world = World::new().await;
    done(&world.run(&steps("one")).await);
    // The next attempt of the run.
    world.ticket.title = "It crashes often".into();
    let report = world.attempt(&world.runner, &steps("two"), &Attempt { epoch: 2, ..Attempt::default() }).await;
    done(&report);
    assert!(log(&report).contains(&format!("going on with {BRANCH}")), "{}", log(&report));
    // And another run, when main has gone on.
    world.write("main", &[("src/lib.txt", "newer library\n")], "Go on");
    run_again(&mut world);
    world.ticket.title = "日本語".into();
    done(&world.run(&steps("three")).await);
    assert_eq!(world.branches(), [BRANCH, "main"]);
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "broken\none\ntwo\nthree");
    let subjects = world.ask(&["log", "--first-parent", "--format=%s", BRANCH]);
    let merge = format!("Merge branch 'main' into {BRANCH}");
    assert_eq!(subjects.lines().collect::<Vec<_>>(), ["日本語", &merge, "It crashes often", "It crashes", "Begin"]);
    let [request] = &requests(&world)[..] else { panic!("{:?}", requests(&world)) };
    assert_eq!(request.title, "日本語", "the newest words");
}

#[tokio::test]
async fn a_message_of_ones_own_still_names_the_run() {
    let mut world = World::new().await;
    let own = steps("one").replace("commit: {}", "commit: { message: mend it }");
    done(&world.run(&own).await);
    world.ticket.title = "Another".into();
    done(&world.attempt(&world.runner, &steps("two"), &Attempt { epoch: 2, ..Attempt::default() }).await);
    assert_eq!(world.branches(), [BRANCH, "main"]);
}

/// Nor is the run's id all that a message of one's own says: another run finds the branch by the ticket.
#[tokio::test]
async fn a_message_of_ones_own_still_names_the_ticket() {
    let mut world = World::new().await;
    let own = |change| steps(change).replace("commit: {}", "commit: { message: mend it }");
    done(&world.run(&own("one")).await);
    run_again(&mut world);
    world.ticket.title = "Another".into();
    done(&world.run(&own("two")).await);
    assert_eq!(world.branches(), [BRANCH, "main"]);
    assert_eq!(
        (requests(&world).len(), world.ask(&["show", &format!("{BRANCH}:bug.txt")])),
        (1, "broken\none\ntwo".into())
    );
}

/// Two trackers whose tickets have the same number, and one repository.
#[tokio::test]
async fn a_branch_of_another_ticket_with_the_number_is_left_alone() {
    let mut world = World::new().await;
    done(&world.run(&steps("one")).await);
    let theirs = world.ask(&["rev-parse", BRANCH]);
    run_again(&mut world);
    (world.ticket.title, world.ticket.url) = ("Another matter".into(), "https://example.org/other/42".into());
    done(&world.run(&steps("two")).await);
    assert_eq!(world.branches(), ["agent-smith/42-another-matter", BRANCH, "main"]);
    assert_eq!(world.ask(&["rev-parse", BRANCH]), theirs);
    assert_eq!(world.ask(&["show", "agent-smith/42-another-matter:bug.txt"]), "broken\ntwo");
    assert_eq!(requests(&world).len(), 2);
}

/// Somebody's own branch below our prefix says nothing of a run.
#[tokio::test]
async fn what_a_person_pushed_below_the_prefix_is_theirs() {
    let world = World::new().await;
    let theirs = world.write("agent-smith/42-by-hand", &[("x", "x")], "By hand, see https://example.org/42");
    done(&world.run(&steps("one")).await);
    assert_eq!(world.branches(), ["agent-smith/42-by-hand", BRANCH, "main"]);
    assert_eq!(world.ask(&["rev-parse", "agent-smith/42-by-hand"]), theirs);
}

#[tokio::test]
async fn what_was_merged_under_another_title_begins_anew() {
    let mut world = World::new().await;
    done(&world.run(&steps("one")).await);
    world.ask(&["update-ref", "refs/heads/main", BRANCH]);
    world.ticket.title = "Reopened".into();
    done(&world.run(&steps("two")).await);
    assert_eq!(world.branches(), [BRANCH, "agent-smith/42-reopened", "main"]);
    assert_eq!(world.ask(&["rev-list", "--count", "main..agent-smith/42-reopened"]), "1");
}
