//! Every way to take a request back, while a deaf agent works that has forked away: what runs is gone, nothing is on the
//! remote, and the ticket says why.

use agent_smith::app::App;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, Role};

use crate::fixture::{marker, running};
use crate::support::ground::{Ground, Kind, plain};
use crate::support::process::command;
use crate::support::world::{BOUND, Settings, eventually};

/// How a request is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Closed,
    LabelRemoved,
    Deleted,
    Command,
    Operator,
}

impl Way {
    const ALL: [Self; 5] = [Self::Closed, Self::LabelRemoved, Self::Deleted, Self::Command, Self::Operator];

    fn take_back(self, ground: &Ground, number: u64, app: &App) {
        let (board, tracker) = (&ground.board, ground.tickets);
        match self {
            Self::Closed => board.close(tracker, number).unwrap(),
            Self::LabelRemoved => drop(board.remove_label(tracker, number, "agent-smith").unwrap()),
            Self::Deleted => board.delete(tracker, number).unwrap(),
            Self::Command => {
                drop(board.acting_as("wim").comment(tracker, number, "/agent-smith cancel").unwrap());
            }
            Self::Operator => {
                let (name, server) = (format!("api#{}", ground.id_of(number)), format!("http://{}", app.address));
                let said = command(&["runs", "cancel", &name, "--server", &server]).output().unwrap();
                assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            }
        }
    }

    /// What the ticket is told.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Closed => Some("closed"),
            Self::LabelRemoved => Some("label"),
            Self::Deleted => None,
            Self::Command => Some("it was cancelled by"),
            Self::Operator => Some("cancelled by an operator"),
        }
    }
}

async fn every_way_ends_everything(kind: Kind) {
    let (ground, marker) = (Ground::new(kind).await, marker());
    ground.board.set_role(ground.tickets, "wim", Role::Writer).unwrap();
    let (sleep, at) =
        (format!("sleep {marker}${{AGENTSMITH_TICKET_ID#OPS-}}"), ground.path("at-").display().to_string());
    let script = format!(
        "trap '' TERM INT HUP; echo half > bug.txt; (setsid sh -c \"trap '' TERM; {sleep}\" &); touch {at}$AGENTSMITH_TICKET_ID; {sleep}"
    );
    let agent = ground.path("agent");
    std::fs::write(&agent, script).unwrap();
    let steps = format!(
        "[{{checkout: {{}}}}, {{agent: {{command: [sh, '{}']}}}}, {{commit: {{}}}}, {{push: {{}}}}, {{open_change_request: {{}}}}]",
        agent.display()
    );
    // Azure DevOps tells nobody's rights.
    let actors =
        if kind == Kind::AzureDevOps { "allowed_actors: [wim@example.invalid, person@example.invalid]" } else { "" };
    let settings = Settings {
        projects: ground.project(&["pipeline_from_label: { agent-smith: fix-bug }", actors]),
        pipelines: format!("  fix-bug:\n    timeout_seconds: 120\n    steps: {steps}\n"),
        slots: Way::ALL.len() + 1,
        ..Settings::steps(&[])
    };
    let app = ground.start(&settings, "", &[]).await;
    ground.register_webhook(app.address);
    // GitLab tells nobody of a deletion.
    let ways = Way::ALL.into_iter().filter(|way| kind != Kind::GitLab || *way != Way::Deleted);
    let ask = |title: String| ground.ask(NewTicket::titled(title).label("agent-smith"));
    let tickets: Vec<(Way, u64)> = ways.map(|way| (way, ask(format!("{way:?}")))).collect();
    let stays = ask("Stays".to_owned());
    let numbers = || tickets.iter().map(|(_, number)| *number).chain([stays]);
    let alive = |number: u64| running(&format!("{marker}{number}")).len();
    let at = |number: u64| ground.path(&format!("at-{}", ground.id_of(number)));
    eventually("all of them work", async || numbers().all(|number| at(number).exists()).then_some(())).await;

    for (way, number) in &tickets {
        assert!(alive(*number) >= 2, "{kind:?} {way:?}: the agent and what it forked");
        way.take_back(&ground, *number, &app);
        eventually(&format!("{kind:?} {way:?}: nothing of it is alive"), async || (alive(*number) == 0).then_some(()))
            .await;
        let Some(reason) = way.reason() else { continue };
        let says = |comment: &str| comment.contains("cancelled after") && comment.contains(reason);
        let told = ground.board.wait_until(
            |board| {
                let ticket = board.ticket(ground.tickets, *number).unwrap();
                let told = ticket.comments.iter().filter(|comment| says(&plain(&comment.body))).count();
                Lifecycle::of(&ticket.labels).is_none() && told == 1
            },
            BOUND,
        );
        let told = told.await;
        assert!(told.is_ok(), "{kind:?} {way:?}: {:?}", ground.board.ticket(ground.tickets, *number));
    }
    assert!(alive(stays) >= 2, "{kind:?}: nobody took this one back");
    assert!(app.stop().await);
    assert_eq!(alive(stays), 0, "{kind:?}: the server has ended what it started");
    let ticket = ground.board.ticket(ground.tickets, stays).unwrap();
    assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Enqueued), "{kind:?}: it waits for another server");
    assert_eq!((ground.branches(), ground.requests().len()), (vec!["main".to_owned()], 0), "{kind:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_github() {
    every_way_ends_everything(Kind::GitHub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_gitlab() {
    every_way_ends_everything(Kind::GitLab).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_azure_devops() {
    every_way_ends_everything(Kind::AzureDevOps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tickets_in_jira_and_source_on_github() {
    every_way_ends_everything(Kind::JiraAndGitHub).await;
}
