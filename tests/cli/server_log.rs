//! The log of a server: what it says at its start, for each job and at its end, and that it is silent otherwise.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::NewTicket;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::fixture::{TRACKER, world};
use crate::serving::polled;
use crate::support::process::Server;
use crate::support::world::{Settings, World, eventually};

/// A server with the embedded store that has been asked for one ticket and has finished it.
async fn after_one_ticket(world: &World, arguments: &[&str]) -> (Server, u64) {
    let arguments = [&["--store", "embedded"], arguments].concat();
    let server = Server::start(&world.config_path(), None, world.path("log"), &arguments).await;
    eventually("the server leads", async || server.leads("housekeeping").await.then_some(())).await;
    let number = world.ask(TRACKER, "Fix the footer");
    world.ends(TRACKER, number, Lifecycle::Done).await;
    eventually("the run's last line", async || server.log().contains("run ended").then_some(())).await;
    (server, number)
}

#[tokio::test]
async fn text_tells_the_story_and_is_silent_when_nothing_happens() {
    let (world, config) = world(&["true", "true"]).await;
    let (mut server, number) = after_one_ticket(&world, &[]).await;
    let log = server.log();
    for (part, times) in [
        (format!("agent-smith {} starts with {config} and the embedded store", env!("CARGO_PKG_VERSION")), 1),
        (
            "project api: https://github.com/org/api, polled every 1 s \u{b1} 5 %, agent-smith \u{2192} fix-bug".into(),
            1,
        ),
        (format!("taking up to 4 jobs at once; workspaces and run logs are in {}", world.path("data").display()), 1),
        ("limits hold for ".into(), 1),
        (format!("listening on http://127.0.0.1:{}", server.port), 1),
        (format!("claimed github:api:{number} for fix-bug"), 1),
        (format!("running fix-bug for github:api:{number}"), 1),
        ("run ended: done".into(), 1),
        (format!("ticket.id=\"{number}\""), 3),
    ] {
        assert_eq!(log.matches(&part).count(), times, "`{part}` in\n{log}");
    }
    assert!(!log.contains('\u{1b}'), "no colours in a file:\n{log}");
    assert!(!log.contains(" WARN ") && !log.contains("ERROR"), "{log}");

    polled(&world, 4).await;
    assert_eq!(server.log(), log, "an idle server is silent");

    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    let end = server.log()[log.len()..].to_owned();
    assert!(end.contains("SIGTERM received") && end.trim_end().ends_with("stopped"), "{end}");
}

#[tokio::test]
async fn a_failed_run_says_where_and_why_in_words() {
    let (world, _config) = world(&["true", "exit 3"]).await;
    let server = Server::start(&world.config_path(), None, world.path("log"), &["--store", "embedded"]).await;
    let number = world.ask(TRACKER, "Cannot work");
    world.ends(TRACKER, number, Lifecycle::Failed).await;
    let told = "run ended: failed, step 2 exited with code 3 duration_ms=";
    eventually("the end is told", async || server.log().contains(told).then_some(())).await;
}

#[tokio::test]
async fn json_is_one_object_a_line_with_the_fields() {
    let (world, _config) = world(&["true"]).await;
    let (mut server, number) = after_one_ticket(&world, &["--log-format", "json"]).await;
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ended().await, Some(0));
    let lines: Vec<Value> = server.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    let with = |part: &str| lines.iter().find(|line| line["message"].as_str().unwrap().contains(part)).unwrap();
    let claimed = with("claimed ");
    assert_eq!(claimed["ticket.id"], number.to_string());
    assert_eq!((&claimed["project"], &claimed["pipeline"]), (&"api".into(), &"fix-bug".into()));
    let ended = with("run ended: done");
    assert!(ended["duration_ms"].is_number(), "{ended}");
    assert_eq!(ended["span"]["job.id"], claimed["job.id"]);
    assert_eq!((&ended["span"]["ticket.id"], &ended["span"]["job.attempt"]), (&number.to_string().into(), &1.into()));
}

/// Whoever may not start runs is named once, not at each poll, and the ticket is not looked at each time either.
#[tokio::test]
async fn a_label_that_does_not_count_is_told_once() {
    let (world, _config) = world(&["true"]).await;
    let outsider = world.board.acting_as("olaf");
    let refused = outsider.open_ticket(TRACKER, NewTicket::titled("Please").label("agent-smith")).unwrap();
    let program = world.board.acting_as("helper[bot]");
    let automatic = program.open_ticket(TRACKER, NewTicket::titled("Bump").label("agent-smith")).unwrap();
    let by_hand = outsider.open_ticket(TRACKER, NewTicket::titled("Now").label("agent-smith:enqueued")).unwrap();
    let (server, _) = after_one_ticket(&world, &[]).await;
    world.shows(TRACKER, by_hand, None).await;
    let taken_away = "agent-smith:enqueued stood for no run and was taken away: labelled by olaf, who may not write";
    eventually("it is told", async || server.log().contains(taken_away).then_some(())).await;
    let whys = [
        "not claimed: labelled by olaf, who may not write to the tracker",
        "not claimed: labelled by helper[bot], which is a program",
    ];
    for why in whys {
        eventually("it is told", async || server.log().contains(why).then_some(())).await;
    }
    world.sim.faults().forget_requests();
    polled(&world, 4).await;
    for why in whys.into_iter().chain([taken_away]) {
        assert_eq!(server.log().matches(why).count(), 1, "{}", server.log());
    }
    let looks = |number: u64| {
        let part = format!("/issues/{number}");
        world.sim.faults().requests().iter().filter(|one| one.path_and_query.contains(&part)).count()
    };
    assert_eq!((looks(refused), looks(automatic)), (0, 0), "polls look at refused tickets again and again");
    assert_eq!(world.ticket(TRACKER, refused).labels.iter().collect::<Vec<_>>(), ["agent-smith"]);

    // A change of the list is another question, and is asked at once.
    let listed = world.config_text(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) });
    let list = "github_trigger:\n      allowed_actors: [\"helper[bot]\"]";
    world.write_config_text(&listed.replace("github_trigger:", list));
    world.ends(TRACKER, automatic, Lifecycle::Done).await;
    let why = "labelled by olaf, who is not one of allowed_actors";
    eventually("the other reason is told", async || server.log().contains(why).then_some(())).await;
}

#[tokio::test]
async fn an_edit_is_told_by_what_it_changes() {
    let (world, _config) = world(&["true"]).await;
    let server = Server::start(&world.config_path(), None, world.path("log"), &["--store", "embedded"]).await;
    let projects = world.project("api", TRACKER) + &world.project("second", TRACKER);
    world.write_config(&Settings { projects: projects.clone(), slots: 2, ..Settings::steps(&["false"]) });
    let told = "agentsmith.yml was read again: project second is new, pipeline fix-bug has changed, agent has changed";
    eventually("the edit is told", async || server.log().contains(told).then_some(())).await;

    world.write_config_text("projects: [\n");
    eventually("the broken edit is told", async || {
        server.log().contains("config is degraded: the last edit is not in force: ").then_some(())
    })
    .await;
    world.write_config(&Settings { projects, slots: 2, ..Settings::steps(&["false"]) });
    eventually("its repair is told", async || server.log().contains("config is up again").then_some(())).await;
}

/// A limit that this machine cannot keep is told before the first run, and what it is kept for instead.
#[tokio::test]
async fn limits_that_cannot_be_had_are_told_at_the_start() {
    let (world, _config) = world(&["true"]).await;
    let settings = Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["true"]) };
    let limits = "    limits: { cpus: 2, memory_mb: 512 }\n    timeout_seconds: 60\n";
    world.write_config_text(&world.config_text(&settings).replace("    timeout_seconds: 60\n", limits));
    let server = Server::start(&world.config_path(), None, world.path("log"), &["--store", "embedded"]).await;
    eventually("the limits are told", async || server.log().contains("limits hold for ").then_some(())).await;
    // On a machine that has delegated a control group to this test everything is kept.
    let expected = usize::from(!server.log().contains("limits hold for a run as a whole"));
    for told in ["limits.cpus is not kept: ", "limits.memory_mb holds for the address space of each process"] {
        assert_eq!(server.log().matches(told).count(), expected, "{told}: {}", server.log());
    }
}
