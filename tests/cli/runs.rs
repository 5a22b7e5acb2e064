//! `runs`: the real binary asks a real server.

use agent_smith::lifecycle::Lifecycle;

use crate::fixture::{Ended, Running, TRACKER, run, run_with, world};
use crate::support::process::{Server, command, free_port};
use crate::support::world::{Settings, eventually};

const EMBEDDED: [&str; 2] = ["--store", "embedded"];

/// `agent-smith runs …` at this server.
async fn runs(server: &Server, arguments: &[&str]) -> Ended {
    let url = format!("http://127.0.0.1:{}/", server.port);
    let line: Vec<&str> = ["runs"].into_iter().chain(arguments.iter().copied()).collect();
    run_with(&line, &[("AGENTSMITH_SERVER", &url)]).await
}

/// The id that a line of `ls` begins with.
fn short_id(listed: &Ended, holds: &str) -> String {
    let line = listed.out.lines().find(|line| line.contains(holds)).unwrap_or_else(|| panic!("{listed:#?}"));
    line.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_run_is_listed_shown_read_and_run_again() {
    let (world, _config) = world(&["printf 'be\\033[31mgun\\n'", "echo oops; exit 3"]).await;
    let server = Server::start(&world.config_path(), None, world.path("log"), &EMBEDDED).await;
    runs(&server, &["ls"]).await.with(0).prints(&["no run is remembered that fits"]);
    let number = world.ask(TRACKER, "Fix the \u{1b}[2Jfooter");
    world.ends(TRACKER, number, Lifecycle::Failed).await;
    let name = format!("api#{number}");
    let listed = eventually("the run is over", async || {
        let listed = runs(&server, &["ls", "--project", "api"]).await.with(0);
        listed.out.contains("failed").then_some(listed)
    })
    .await
    .prints(&["RUN", "STATE", "TICKET", "fix-bug", &name, "Fix the [2Jfooter: step 2 exited with code 3"]);
    assert!(!listed.out.contains('\u{1b}'), "no colours in a pipe, and none of anybody else's: {listed:#?}");
    let id = short_id(&listed, "failed");
    runs(&server, &["show", &id]).await.with(0).prints(&[
        "state           failed: step 2 exited with code 3",
        "asked for by a trigger label",
        "attempt 1       failed",
        "  1  done",
        "  2  failed",
        "echo oops; exit 3  (exit code 3)",
        ".log",
    ]);
    runs(&server, &["logs", &name]).await.with(0).prints(&["be\u{1b}[31mgun\n", "oops\n", "run ended: failed"]);
    let shown = runs(&server, &["show", &name, "--json"]).await.with(0);
    let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["attempts"][0]["steps"][1]["exit_code"], 3);

    runs(&server, &["cancel", &id]).await.with(1).says(&["error: run ", "is over already: failed"]);
    runs(&server, &["retry", &id]).await.with(0).prints(&["queued for fix-bug"]);
    let again = eventually("the second run", async || {
        let listed = runs(&server, &["ls", "--json", "--state", "failed"]).await.with(0);
        let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
        (listed["runs"].as_array().unwrap().len() == 2).then_some(listed)
    })
    .await;
    assert!(again["next"].is_null());
    runs(&server, &["ls", "--limit", "1"]).await.with(0).prints(&["there are more: --before "]);
}

#[tokio::test]
async fn a_running_run_is_followed_and_cancelled() {
    let (world, _config) = world(&["echo begun; exec sleep 86473"]).await;
    let server = Server::start(&world.config_path(), None, world.path("log"), &EMBEDDED).await;
    let number = world.ask(TRACKER, "Takes long");
    world.shows(TRACKER, number, Some(Lifecycle::InProgress)).await;
    let (name, url) = (format!("api#{number}"), format!("http://127.0.0.1:{}", server.port));
    let step = eventually("the step is shown", async || {
        let shown = runs(&server, &["show", &name]).await.with(0);
        shown.out.contains("  1  running").then_some(shown)
    });
    step.await.prints(&["so far"]);
    let following = Running::start(&mut command(&["runs", "logs", "-f", &name, "--server", &url]));
    eventually("the output so far", async || following.out().contains("begun\n").then_some(())).await;
    runs(&server, &["cancel", &name]).await.with(0).prints(&["it is being stopped"]);
    following.end().await.with(0).prints(&["run ended: stopped: it was cancelled by an operator"]);
    let over = eventually("it is over", async || {
        let shown = runs(&server, &["show", &name]).await.with(0);
        shown.out.contains("state           cancelled").then_some(shown)
    });
    over.await.prints(&["it was cancelled by an operator"]);
}

#[tokio::test]
async fn the_token_comes_from_the_environment() {
    let (world, _config) = world(&["true"]).await;
    let token = ("AGENTSMITH_OPERATOR_TOKEN", "a token of operators");
    let server = Server::start_with(&world.config_path(), &[token], world.path("log"), &EMBEDDED).await;
    let url = format!("http://127.0.0.1:{}", server.port);
    let line = ["runs", "ls", "--server", &url];
    run(&line).await.with(1).says(&["error: ", "AGENTSMITH_OPERATOR_TOKEN"]);
    run_with(&line, &[(token.0, "another")]).await.with(1).says(&["this is not the AGENTSMITH_OPERATOR_TOKEN"]);
    run_with(&line, &[token]).await.with(0).prints(&["no run is remembered"]);
    assert!(!server.log().contains(token.1), "{}", server.log());
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_with_the_cure() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    run(&["runs", "ls", "--server", &nobody]).await.with(1).says(&["no answer from", "--server"]);
    for wrong in ["localhost:8081", "ftp://x", "http://", "nonsense"] {
        run(&["runs", "ls", "--server", wrong]).await.with(2).says(&["--server", "http://127.0.0.1:8081"]);
    }
    run(&["runs", "ls", "--state", "broken"]).await.with(2).says(&["broken-off"]);
    run(&["runs", "ls", "--limit", "0"]).await.with(2);
    run(&["runs"]).await.with(2).says(&["logs", "cancel", "retry"]);
    run(&["runs", "show"]).await.with(2);
}

/// Whoever looks for what went wrong is told where to look.
#[tokio::test]
async fn a_kept_workspace_is_shown() {
    let (world, _config) = world(&["echo half > file; exit 3"]).await;
    let settings =
        Settings { projects: world.project("api", TRACKER), ..Settings::steps(&["echo half > file; exit 3"]) };
    let text = world.config_text(&settings);
    let keeps = "    timeout_seconds: 60\n    keep_workspace: on_failure\n";
    world.write_config_text(&text.replace("    timeout_seconds: 60\n", keeps));
    let server = Server::start(&world.config_path(), None, world.path("log"), &EMBEDDED).await;
    let number = world.ask(TRACKER, "Cannot work");
    let ticket = world.ends(TRACKER, number, Lifecycle::Failed).await;
    let name = format!("api#{number}");
    let shown = eventually("the run is over", async || {
        let shown = runs(&server, &["show", &name]).await;
        shown.out.contains("state           failed").then_some(shown)
    })
    .await;
    let line = shown.out.lines().find_map(|line| line.trim().strip_prefix("workspace kept in "));
    let path = line.unwrap_or_else(|| panic!("{shown:#?}"));
    assert_eq!(std::fs::read_to_string(format!("{path}/workspace/file")).unwrap(), "half\n");
    assert!(path.starts_with(world.path("data/kept").to_str().unwrap()), "{path}");
    assert!(ticket.comments[0].body.contains(path), "{}", ticket.comments[0].body);
}
