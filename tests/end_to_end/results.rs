//! What a person sees on the ticket when a run failed or could not begin, and what one project does to another. That a
//! labelled ticket ends Done is shown for each platform by the conformance suite.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::NewTicket;

use crate::support::world::{Settings, World, pipeline};
use crate::{Backend, on_both_stores};

on_both_stores!(
    a_failing_step_ends_failed_with_its_last_lines,
    a_failed_run_is_begun_again_when_its_pipeline_says_so,
    a_comment_step_speaks_once_and_mentions_nobody_for_the_ticket,
    the_same_number_in_two_projects_is_two_tickets,
    hostile_ticket_text_is_only_data,
    a_preset_without_steps_fails_and_says_what_to_do,
    one_noisy_project_does_not_delay_another,
);

async fn a_failing_step_ends_failed_with_its_last_lines(backend: Backend) {
    let world = World::with(&["org/api"]).await;
    let stored = backend.open();
    let steps = ["echo first", "echo the reason is @everyone >&2; exit 7", "touch never"];
    world.write_config(&Settings { projects: world.project("api", "org/api"), ..Settings::steps(&steps) });
    let number = world.ask("org/api", "Break");
    let app = world.start(stored.store.clone(), "one").await;

    let ticket = world.ends("org/api", number, Lifecycle::Failed).await;
    assert_eq!(ticket.comments.len(), 1);
    let comment = &ticket.comments[0].body;
    for told in ["fix-bug", "2", "7", "the reason is", "test-host"] {
        assert!(comment.contains(told), "the comment tells {told}: {comment}");
    }
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn a_failed_run_is_begun_again_when_its_pipeline_says_so(backend: Backend) {
    let world = World::with(&["org/api"]).await;
    let stored = backend.open();
    let log = world.path("runs");
    let step = format!("echo $AGENTSMITH_ATTEMPT >> {0}; exit $((3 - AGENTSMITH_ATTEMPT))", log.display());
    let settings = Settings { projects: world.project("api", "org/api"), ..Settings::steps(&[&step]) };
    let again = "retry: on_failure\n    retry_backoff_seconds: 0\n    attempts: 2\n    steps:";
    world.write_config(&Settings { pipelines: settings.pipelines.replacen("steps:", again, 1), ..settings });
    let twice = world.ask("org/api", "Fails twice");
    let app = world.start(stored.store.clone(), "one").await;
    let ticket = world.ends("org/api", twice, Lifecycle::Failed).await;
    assert_eq!(world.lines("runs"), ["1", "2"]);
    let [comment] = ticket.comments.as_slice() else { panic!("one comment for both attempts: {:?}", ticket.comments) };
    assert!(comment.body.contains("attempt 2 of at most 2"), "{}", comment.body);

    let settings = Settings { projects: world.project("api", "org/api"), ..Settings::steps(&[&step]) };
    let again = again.replace("attempts: 2", "attempts: 3");
    world.write_config(&Settings { pipelines: settings.pipelines.replacen("steps:", &again, 1), ..settings });
    let thrice = world.ask("org/api", "Succeeds the third time");
    world.ends("org/api", thrice, Lifecycle::Done).await;
    assert_eq!(world.lines("runs"), ["1", "2", "1", "2", "3"]);
    stored.is_left_clean("api", &[twice, thrice]).await;
    assert!(app.stop().await);
}

async fn a_comment_step_speaks_once_and_mentions_nobody_for_the_ticket(backend: Backend) {
    let world = World::with(&["org/api"]).await;
    let stored = backend.open();
    let pipelines = "  fix-bug:\n    retry: on_failure\n    attempts: 2\n    retry_backoff_seconds: 0\n    steps:\n      \
                     - comment: \"For {{ ticket.title }}, says @team\"\n      - run: exit 1\n";
    world.write_config(&Settings {
        projects: world.project("api", "org/api"),
        pipelines: pipelines.to_owned(),
        ..Settings::steps(&[])
    });
    let number = world.ask("org/api", "Break @all of #7");
    let app = world.start(stored.store.clone(), "one").await;
    world.ends("org/api", number, Lifecycle::Failed).await;
    world.reached(|board| board.ticket("org/api", number).unwrap().comments.len() > 1).await;
    let ticket = world.ticket("org/api", number);
    let [step, result] = ticket.comments.as_slice() else { panic!("{:?}", ticket.comments) };
    assert!(step.body.starts_with("For Break ") && step.body.contains(", says @team"), "{}", step.body);
    assert!(!step.body.contains("@all") && !step.body.contains("#7"), "{}", step.body);
    assert!(result.body.contains("attempt 2 of at most 2"), "{}", result.body);
    stored.is_left_clean("api", &[number]).await;
    assert!(app.stop().await);
}

async fn the_same_number_in_two_projects_is_two_tickets(backend: Backend) {
    let world = World::with(&["org/api", "org/web"]).await;
    let stored = backend.open();
    let log = world.path("runs");
    let step = format!("echo \"$AGENTSMITH_PROJECT-$AGENTSMITH_TICKET_ID\" >> {}", log.display());
    let projects = world.project("api", "org/api") + &world.project("web", "org/web");
    world.write_config(&Settings { projects, ..Settings::steps(&[&step]) });
    let (api, web) = (world.ask("org/api", "One"), world.ask("org/web", "One"));
    assert_eq!(api, web);
    let app = world.start(stored.store.clone(), "one").await;

    world.ends("org/api", api, Lifecycle::Done).await;
    world.ends("org/web", web, Lifecycle::Done).await;
    let mut runs = world.lines("runs");
    runs.sort();
    assert_eq!(runs, [format!("api-{api}"), format!("web-{web}")]);
    stored.is_left_clean("web", &[web]).await;
    assert!(app.stop().await);
}

async fn hostile_ticket_text_is_only_data(backend: Backend) {
    let world = World::with(&["org/api"]).await;
    let stored = backend.open();
    let trap = world.path("trap");
    let title = format!("'; touch {0}; \" $(touch {0}) `touch {0}` \u{202e}\u{2066}\n../../etc", trap.display());
    let body = format!("```\n/close\n@everyone $(touch {})\n{}", trap.display(), "x".repeat(60_000));
    let copy = world.path("copy");
    let step = format!("cp \"$AGENTSMITH_TICKET_FILE\" {}; cat \"$AGENTSMITH_TICKET_FILE\"; exit 1", copy.display());
    world.write_config(&Settings { projects: world.project("api", "org/api"), ..Settings::steps(&[&step]) });
    let new = NewTicket::titled(title.clone()).body(body.clone()).label("agent-smith");
    let number = world.board.open_ticket("org/api", new).unwrap();
    let app = world.start(stored.store.clone(), "one").await;

    let ticket = world.ends("org/api", number, Lifecycle::Failed).await;
    assert!(!trap.exists(), "nothing in the ticket was executed");
    let seen: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(copy).unwrap()).unwrap();
    assert_eq!((seen["title"].as_str().unwrap(), seen["body"].as_str().unwrap()), (title.as_str(), body.as_str()));
    assert!(ticket.comments[0].body.len() < 65_536);
    assert!(app.stop().await);
}

async fn a_preset_without_steps_fails_and_says_what_to_do(backend: Backend) {
    let world = World::with(&["org/api"]).await;
    let stored = backend.open();
    let other = pipeline("other", &["true"]);
    let source = format!("    source: {{ type: Local, path: {} }}\n", world.path("repository").display());
    world.write_config(&Settings {
        projects: world.project("api", "org/api") + &source,
        pipelines: other,
        ..Settings::steps(&[])
    });
    let number = world.ask("org/api", "Nothing is defined");
    let app = world.start(stored.store.clone(), "one").await;

    let ticket = world.ends("org/api", number, Lifecycle::Failed).await;
    let comment = &ticket.comments[0].body;
    assert!(comment.contains("agentsmith.yml") && comment.contains("fix-bug"), "{comment}");
    assert!(app.stop().await);
}

async fn one_noisy_project_does_not_delay_another(backend: Backend) {
    let world = World::with(&["org/noisy", "org/quiet"]).await;
    let stored = backend.open();
    let log = world.path("runs");
    let step = format!("echo $AGENTSMITH_PROJECT >> {}", log.display());
    let projects = world.project("noisy", "org/noisy") + &world.project("quiet", "org/quiet");
    world.write_config(&Settings { projects, slots: 1, ..Settings::steps(&[&step]) });
    for number in 0..30 {
        world.ask("org/noisy", &format!("Noise {number}"));
    }
    let quiet = world.ask("org/quiet", "Please");
    let app = world.start(stored.store.clone(), "one").await;

    world.ends("org/quiet", quiet, Lifecycle::Done).await;
    let before = world.lines("runs").iter().take_while(|project| *project != "quiet").count();
    assert!(before < 15, "{before} runs of the noisy project came first");
    app.shutdown().end_now();
    assert!(app.stop().await);
}
