//! From trigger label to Done: the real app with a file that an operator would write, on Cloud and on Data Center.

use std::path::PathBuf;
use std::sync::Arc;

use agent_smith::app::{App, Options};
use agent_smith::config::{Env, Live};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::http::Settings;
use agent_smith::sim::board::{Board, LabelRule, NewTicket};
use agent_smith::sim::jira::{Deployment, SimOptions, serve};
use agent_smith::store::embedded::EmbeddedStore;
use tokio::net::TcpListener;

use super::{BOUND, EMAIL, PROJECT, TOKEN, key};

fn configuration(site: &str, data: &str) -> String {
    format!(
        "projects:
  my-api:
    tickets: {{ type: Jira, url: \"{site}\", project: {PROJECT} }}
    jira_trigger:
      pipeline_from_label: {{ agent-smith: work }}
    polling: {{ enabled: true, interval_seconds: 1 }}
pipelines:
  work:
    steps:
      - run: echo \"[~all] for $AGENTSMITH_TICKET_ID\" && test \"$AGENTSMITH_TICKET_ID\" = PROJ-1
agent:
  data_dir: \"{data}\"
"
    )
}

async fn play(deployment: Deployment) {
    let board = Board::new();
    board.add_tracker_with(PROJECT, LabelRule::ExactCase).unwrap();
    let prefix = "/jira".to_owned();
    let sim = serve(board.clone(), SimOptions { deployment, prefix, ..SimOptions::default() }).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agentsmith.yml");
    let data = directory.path().join("data").display().to_string();
    std::fs::write(&file, configuration(&format!("{}/jira", sim.url()), &data)).unwrap();
    let account = (deployment == Deployment::Cloud).then_some(("JIRA_EMAIL", EMAIL));
    let env = Env::from_iter(account.into_iter().chain([("JIRA_TOKEN", TOKEN)]));
    let (config, loaded) = Live::start(&file, env).unwrap();
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let app = App::start(Options {
        config,
        store: Some(Arc::new(EmbeddedStore::new())),
        consumer: true,
        supervisor: PathBuf::from(env!("CARGO_BIN_EXE_agent-smith")),
        name: "one".to_owned(),
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        host: "test-host".to_owned(),
        calls: Settings { proxies: false, ..Settings::default() },
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
    })
    .await
    .unwrap();
    for title in ["good", "bad"] {
        board.open_ticket(PROJECT, NewTicket::titled(title).label("Agent-Smith").label("urgent")).unwrap();
    }
    for (number, state) in [(1, Lifecycle::Done), (2, Lifecycle::Failed)] {
        let ends = |board: &Board| {
            let ticket = board.ticket(PROJECT, number).unwrap();
            ticket.labels.contains(state.label()) && ticket.comments.len() == 1
        };
        board.wait_until(ends, BOUND * 3).await.unwrap();
        let ticket = board.ticket(PROJECT, number).unwrap();
        assert_eq!(ticket.labels.iter().collect::<Vec<_>>(), ["Agent-Smith", "urgent", state.label()]);
        let said = &ticket.comments[0].body;
        assert!(said.contains("[~all] for") && said.contains(&key(number)), "the output is there as text: {said}");
    }
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_cloud() {
    play(Deployment::Cloud).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_data_center() {
    play(Deployment::DataCenter).await;
}
