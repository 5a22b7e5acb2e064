//! Edits of the file while the server runs.

use agent_smith::health::State;
use agent_smith::lifecycle::Lifecycle;

use crate::Backend;
use crate::support::world::{Settings, World, eventually};

const TRACKER: &str = "org/api";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_brings_a_project_and_its_pipeline_into_force() {
    let world = World::with(&[TRACKER, "org/new"]).await;
    let stored = Backend::Embedded.open();
    let settings = Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) };
    world.write_config(&settings);
    let waiting = world.ask("org/new", "Nobody looks here yet");
    let app = world.start(stored.store.clone(), "one").await;
    let first = world.ask(TRACKER, "First");
    world.ends(TRACKER, first, Lifecycle::Done).await;
    assert!(world.ticket("org/new", waiting).comments.is_empty());

    world.write_config(&Settings { projects: world.project("new", "org/new"), ..Settings::steps(&["exit 9"]) });
    world.ends("org/new", waiting, Lifecycle::Failed).await;
    let ignored = world.ask(TRACKER, "The project is gone");
    let later = world.ask("org/new", "A later poll");
    world.ends("org/new", later, Lifecycle::Failed).await;
    assert!(world.ticket(TRACKER, ignored).comments.is_empty());
    eventually("the project left /health", async || app.health.state_of("project:api").is_none().then_some(())).await;
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_edit_leaves_the_last_good_file_in_force_and_says_so() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    let settings = Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) };
    world.write_config(&settings);
    let app = world.start(stored.store.clone(), "one").await;
    let state = || app.health.state_of("config");
    eventually("the file is in force", async || (state() == Some(State::Up)).then_some(())).await;

    world.write_config_text("projects: [\n");
    eventually("the mistake is shown", async || (state() == Some(State::Degraded)).then_some(())).await;
    assert!(app.health.is_ready(), "a typing mistake does not take the process out of service");
    let number = world.ask(TRACKER, "Still served");
    world.ends(TRACKER, number, Lifecycle::Done).await;

    world.write_config(&settings);
    eventually("the mend is shown", async || (state() == Some(State::Up)).then_some(())).await;
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_project_is_left_out_and_named_and_the_rest_runs() {
    let world = World::with(&[TRACKER]).await;
    let stored = Backend::Embedded.open();
    let bad = world.project("bad", "org/bad").replace("agent-smith: fix-bug", "agent-smith: fix-bugg");
    world.write_config(&Settings { projects: world.project("api", TRACKER) + &bad, ..Settings::steps(&["true"]) });
    let number = world.ask(TRACKER, "Good");
    let app = world.start(stored.store.clone(), "one").await;
    world.ends(TRACKER, number, Lifecycle::Done).await;
    let shown = app.health.snapshot().into_iter().find(|one| one.name == "project:bad").unwrap();
    assert!(shown.reason.contains("fix-bugg") && shown.reason.contains("agentsmith.yml:"), "{shown:?}");
    assert!(app.stop().await);
}
