//! Files that are missing, broken or partly wrong, to `validate` and to `server`.

use crate::fixture::Running;
use crate::fixture::{run, server, world};
use crate::support::process::{Server, command};

const BAD_PROJECT: &str = "  bad:
    tickets: { type: GitHub, url: https://github.com/org/bad }
    pipeline: fix-bgu
    polling: { enabled: true, intervall_seconds: 3 }
";

#[tokio::test]
async fn the_example_is_clean() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/agentsmith.yml.example");
    run(&["validate", "--config", example]).await.with(0).prints(&["0 errors, 0 warnings", "1 project would run"]);
}

#[tokio::test]
async fn a_missing_file_is_named_with_the_cure() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["server"][..], &["validate"], &["poll"], &["poll", "--dry-run"]] {
        let ended = Running::start(command(arguments).current_dir(directory.path())).end().await.with(2);
        let ended = ended.says(&["error: cannot read agentsmith.yml: no such file", "--config", "AGENTSMITH_CONFIG"]);
        assert_eq!(ended.err.lines().count(), 1, "one mistake, one line: {}", ended.err);
    }
    let elsewhere = directory.path().join("elsewhere.yml");
    let ended = Running::start(command(&["validate"]).env("AGENTSMITH_CONFIG", &elsewhere)).end().await;
    ended.with(2).says(&[elsewhere.to_str().unwrap()]);
}

#[tokio::test]
async fn text_that_is_not_yaml_stops_a_server_at_its_place() {
    let (world, config) = world(&["true"]).await;
    world.write_config_text("projects:\n  a: [1\n");
    server(&config, &[], &[]).await.with(2).says(&["agentsmith.yml:2:6: error: unclosed bracket", "  a: [1"]);
    run(&["validate", "--config", &config]).await.with(1).prints(&["agentsmith.yml:2:6: error", "nothing of the file"]);
    run(&["poll", "--config", &config]).await.with(2).says(&["agentsmith.yml:2:6: error"]);
}

#[tokio::test]
async fn a_file_that_is_wholly_wrong_shows_every_mistake_at_once() {
    let (world, config) = world(&["true"]).await;
    world.write_config_text(&format!(
        "projcts: 1\nprojects:\n{BAD_PROJECT}agent: {{ queue: {{ max_parallel_jobs: 0 }} }}\n"
    ));
    let mistakes = [
        "agentsmith.yml:1:1: error: unknown key `projcts`; did you mean `projects`?",
        "agentsmith.yml:5:15: error: unknown pipeline `fix-bgu`; did you mean `fix-bug`?",
        "agentsmith.yml:6:31: error: unknown key `intervall_seconds` in `polling`; did you mean `interval_seconds`?",
        "agentsmith.yml:7:38: error: `max_parallel_jobs` must be from 1 to 1000, not 0",
    ];
    server(&config, &[], &[]).await.with(2).says(&mistakes).says(&["cannot be used"]);
    let ended = run(&["validate", "--config", &config]).await.with(1).prints(&mistakes).prints(&["4 errors"]);
    assert_eq!(ended.err, "", "problems are the product of validate");
}

#[tokio::test]
async fn one_bad_project_is_left_out_by_name_and_the_rest_runs() {
    let (world, config) = world(&["true"]).await;
    let good = std::fs::read_to_string(&config).unwrap();
    world.write_config_text(&good.replacen("projects:\n", &format!("projects:\n{BAD_PROJECT}"), 1));
    let ended = run(&["validate", "--config", &config]).await.with(1);
    ended.prints(&["2 errors", "1 project would run (api), 1 left out (bad)"]);

    let log = world.path("log");
    let server = Server::start(world.config_path().as_path(), None, log, &["--store", "embedded"]).await;
    let (state, reason) = server.subsystem("project:bad").await.unwrap();
    assert_eq!(state, "down");
    assert!(reason.contains("fix-bgu"), "{reason}");
    let number = world.ask(crate::fixture::TRACKER, "For the good one");
    world.ends(crate::fixture::TRACKER, number, agent_smith::lifecycle::Lifecycle::Done).await;
    let log = server.log();
    for part in ["agentsmith.yml:4:15: unknown pipeline `fix-bgu`", "project `bad` is left out", "project api: "] {
        assert_eq!(log.matches(part).count(), if part.contains("fix-bgu") { 2 } else { 1 }, "`{part}` in\n{log}");
    }
}
