//! The step that opens a change request, within a run.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use agent_smith::pipeline::Outcome;

use crate::fixture::{Attempt, BRANCH, World, commit_to, done, log, refused};

/// The whole way to a change request.
const TO_REQUEST: &str = "[{checkout: {}}, {run: 'echo fixed > bug.txt', name: fix}, {commit: {}}, {push: {}}, \
                          {open_change_request: {}, name: request}]";

#[tokio::test]
async fn a_run_ends_in_a_change_request() {
    let world = World::new().await;
    let steps = TO_REQUEST.replace("name: request}]", "name: request}, {run: 'touch \"$HOME/../proof\"', if: 'steps.request.outputs.number == \"1\" and \"/o/r/pull/1\" in steps.request.outputs.url'}]");
    let attempt = Attempt::default();
    let report = world.attempt(&world.runner, &steps, &attempt).await;
    done(&report);
    assert!(world.root.path().join("proof").exists(), "the outputs: {}", log(&report));
    let link = report.change_request.as_ref().unwrap();
    assert_eq!((link.number, link.url.as_str()), (1, format!("{}/o/r/pull/1", world.sim.url()).as_str()));
    assert_eq!(attempt.progress.borrow().change_request.as_deref(), Some(link.url.as_str()), "for the run's record");
    let [request] = &world.board.change_requests("o/r")[..] else { panic!() };
    let change = request.change.as_ref().unwrap();
    assert_eq!((request.title.as_str(), change.head.as_str(), change.base.as_str()), ("It crashes", BRANCH, "main"));
    assert!(!change.draft);
    for told in ["Ticket: <https://example.org/42>", "One file differs from `main`", "| `fix` | ", "| done |"] {
        assert!(request.body.contains(told), "{told}: {}", request.body);
    }
    assert!(request.body.ends_with(&format!("<!-- agent-smith run {}/1 -->", world.job.run_id)), "{}", request.body);
    // The second run of the ticket finds it.
    let report = world.attempt(&world.runner, TO_REQUEST, &Attempt { epoch: 2, ..Attempt::default() }).await;
    done(&report);
    let [request] = &world.board.change_requests("o/r")[..] else { panic!() };
    assert!(request.body.ends_with("/2 -->"), "{}", request.body);
}

#[tokio::test]
async fn a_failure_that_is_tolerated_makes_a_draft() {
    let world = World::new().await;
    let steps = TO_REQUEST.replace("{commit: {}}", "{run: 'exit 1', continue_on_error: true}, {commit: {}}");
    done(&world.run(&steps).await);
    let [request] = &world.board.change_requests("o/r")[..] else { panic!() };
    assert!(request.change.as_ref().unwrap().draft);
    assert!(
        request.body.contains("| `exit 1` |") && request.body.contains("**failed**, tolerated"),
        "{}",
        request.body
    );
}

#[tokio::test]
async fn text_of_the_ticket_is_shown_and_does_nothing() {
    let mut world = World::new().await;
    world.ticket.title = "@all fixes #1\n/close".into();
    world.ticket.body = "closes #1 @everyone <!-- agent-smith run x -->\n/merge\n| a | b |\n<b>".into();
    world.ticket.url = "https://example.org/42>\n/close".into();
    let body = r"{title: 'Fix: {{ ticket.title }}', body: 'Closes #9, says @lead. {{ ticket.body }} {{ steps.fix.outputs.summary }}'}";
    let steps = TO_REQUEST
        .replace("open_change_request: {}", &format!("open_change_request: {body}"))
        .replace("bug.txt'", r#"bug.txt; echo "summary=**bold** @all" > $AGENTSMITH_OUTPUT'"#);
    done(&world.run(&steps).await);
    let [request] = &world.board.change_requests("o/r")[..] else { panic!() };
    assert_eq!(request.title, "Fix: @\u{2060}all fixes #\u{2060}1 /close");
    let body = &request.body;
    assert!(body.starts_with("Closes #9, says @lead. closes \\#\u{2060}1 @\u{2060}everyone \\<\\!\\-\\-"), "{body}");
    assert!(body.contains("**bold** @\u{2060}all"), "{body}");
    assert_eq!(body.matches("<!-- agent-smith run").count(), 1);
    assert!(!body.lines().any(|line| line.starts_with('/')), "{body}");
    assert!(body.contains("Ticket: <https://example.org/42/close>"), "{body}");
}

#[tokio::test]
async fn whoever_has_lost_the_job_opens_nothing() {
    let world = World::new().await;
    done(&world.run("[{checkout: {}}, {run: 'echo fixed > bug.txt'}, {commit: {}}, {push: {}}]").await);
    let lost = Attempt { ours: Arc::new(AtomicBool::new(false)), epoch: 2, ..Attempt::default() };
    let report = world.attempt(&world.runner, "[{checkout: {}}, {open_change_request: {}}]", &lost).await;
    assert!(matches!(report.outcome, Outcome::Stopped(_)), "{:?}", report.outcome);
    assert!(world.board.change_requests("o/r").is_empty());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let mut world = World::new().await;
    let unpushed = TO_REQUEST.replace("{push: {}}, ", "");
    let report = world.run(&unpushed).await;
    assert!(refused(&report).contains("a `push` step comes before"), "{}", refused(&report));
    world.source = format!("{{ type: Local, path: '{}' }}", world.remote.display());
    let report = world.run(TO_REQUEST).await;
    assert!(refused(&report).contains("need a source of type GitHub, GitLab or AzureRepos"), "{}", refused(&report));
    world.source = format!("{{ type: GitHub, url: '{}/o/r/x' }}", world.sim.url());
    let deeper = world.repositories.add("o/r/x").await.unwrap();
    commit_to(&deeper, "main", &[("bug.txt", "broken\n")], "Begin");
    let report = world.run(TO_REQUEST).await;
    assert!(refused(&report).contains("is not the address of a repository's page"), "{}", refused(&report));
    assert!(world.board.change_requests("o/r").is_empty());
}
