//! Which attempts count when a pipeline says `retry: on_failure` and the platform refuses what goes with it.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::{Fault, Match, Times};

use crate::support::world::{Settings, World, eventually};
use crate::{Backend, on_both_stores};

on_both_stores!(a_failed_attempt_counts_also_when_its_label_cannot_be_written);

const TRACKER: &str = "org/api";

/// Else a platform that refuses labels makes a run that fails begin again and again.
async fn a_failed_attempt_counts_also_when_its_label_cannot_be_written(backend: Backend) {
    let world = World::with(&[TRACKER]).await;
    let stored = backend.open();
    let (runs, go) = (world.path("runs"), world.path("go"));
    let wait = format!("while [ ! -e {} ]; do sleep 0.02; done", go.display());
    let step = format!("echo $AGENTSMITH_ATTEMPT >> {}; {wait}; exit 1", runs.display());
    let settings = Settings { projects: world.project("api", TRACKER), ..Settings::steps(&[&step]) };
    let again = "retry: on_failure\n    retry_backoff_seconds: 0\n    attempts: 2\n    steps:";
    world.write_config(&Settings { pipelines: settings.pipelines.replacen("steps:", again, 1), ..settings });
    let number = world.ask(TRACKER, "Fails twice");
    let app = world.start(stored.store.clone(), "one").await;
    eventually("the first attempt runs", async || (world.lines("runs") == ["1"]).then_some(())).await;
    // What shows that the ticket waits again is refused, and nothing else.
    let labels = format!("/issues/{number}/labels");
    let faults = world.sim.faults();
    faults.forget_requests();
    faults.fail(Match::new("POST", &labels), Times::Next(1), Fault::status(403));
    std::fs::write(go, "").unwrap();

    let ticket = world.ends(TRACKER, number, Lifecycle::Failed).await;
    let refused = |one: &agent_smith::sim::Request| one.path_and_query.ends_with(&labels) && one.status == Some(403);
    assert!(faults.requests().iter().any(refused), "the label was refused: {:?}", faults.requests());
    assert_eq!(world.lines("runs"), ["1", "2"]);
    let [comment] = ticket.comments.as_slice() else { panic!("{:?}", ticket.comments) };
    assert!(comment.body.contains("attempt 2 of at most 2"), "{}", comment.body);
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}
