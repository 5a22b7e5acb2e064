//! Every way to stop a run, while a deaf agent works whose children have left its session and are nobody's children any
//! more: the whole tree is gone in time, looked up in `/proc`; the ticket says who stopped it; what was begun is on a
//! branch where the pipeline says so, and nothing on the remote where it does not.
//!
//! The heartbeat is far too slow to help: what is stopped was stopped by the request itself.

use std::sync::Arc;
use std::time::Duration;

use agent_smith::app::App;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, Role};
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use agent_smith::ticket::{PlatformKind, TicketKey};
use tokio::time::Instant;

use crate::fixture::{marker, running, sleeping};
use crate::support::ground::{Ground, Kind, plain};
use crate::support::process::command;
use crate::support::world::{BOUND, Settings, config_text, eventually};

/// The promise: from the moment a stop is seen.
const PROMISE: Duration = Duration::from_secs(10);
/// How long a shutdown lets a run go on.
const GRACE: Duration = Duration::from_secs(1);
/// The agent and what it forked, all deaf.
const TREE: usize = 3;

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

    /// The label that asks for the run, which is also the name of its pipeline.
    fn label(self) -> &'static str {
        if matches!(self, Self::LabelRemoved | Self::Command) { "keeps" } else { "drops" }
    }

    async fn take_back(self, ground: &Ground, number: u64, app: &App) {
        let (bob, tracker) = (ground.board.acting_as("bob"), ground.tickets);
        match self {
            Self::Closed => bob.close(tracker, number).unwrap(),
            Self::LabelRemoved => drop(bob.remove_label(tracker, number, self.label()).unwrap()),
            Self::Deleted => bob.delete(tracker, number).unwrap(),
            Self::Command => {
                drop(ground.board.acting_as("wim").comment(tracker, number, "/agent-smith cancel").unwrap());
            }
            Self::Operator => {
                let name = format!("api#{}", ground.id_of(number));
                let mut cancel = command(&["runs", "cancel", &name]);
                cancel.env("AGENTSMITH_SERVER", format!("http://{}", app.address));
                let said = tokio::task::spawn_blocking(move || cancel.output().unwrap()).await.unwrap();
                assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            }
        }
    }

    /// What the ticket is told, if it is still there.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Closed => Some("the ticket was closed by bob"),
            Self::LabelRemoved => Some("the trigger label was removed by bob"),
            Self::Deleted => None,
            Self::Command => Some("it was cancelled by wim"),
            Self::Operator => Some("it was cancelled by an operator"),
        }
    }
}

/// The configuration, with an agent that begins something and then hangs with a tree below it.
fn configuration(ground: &Ground, marker: &str) -> String {
    let sleep = format!("sleep {marker}${{AGENTSMITH_TICKET_ID#OPS-}}");
    let agent = ground.path("agent");
    let script =
        format!("trap '' TERM INT HUP; echo half > bug.txt; (setsid sh -c \"({sleep} &) ; exec {sleep}\" &) ; {sleep}");
    std::fs::write(&agent, script).unwrap();
    let pipeline = |name: &str, options: &str| {
        format!(
            "  {name}:\n    timeout_seconds: 120\n    steps: [{{checkout: {{{options}}}}}, \
             {{agent: {{command: [sh, '{}']}}}}, {{commit: {{}}}}, {{push: {{}}}}, {{open_change_request: {{}}}}]\n",
            agent.display()
        )
    };
    // Azure DevOps tells nobody's rights.
    let actors = if ground.kind == Kind::AzureDevOps {
        "allowed_actors: [wim@example.invalid, person@example.invalid]"
    } else {
        ""
    };
    let settings = Settings {
        projects: ground.project(&["pipeline_from_label: { drops: drops, keeps: keeps }", actors]),
        pipelines: pipeline("drops", "") + &pipeline("keeps", "keep_work: true"),
        slots: Way::ALL.len() + 1,
        grace_seconds: GRACE.as_secs(),
        heartbeat_ttl_seconds: 600,
        heartbeat_renew_seconds: 250,
        ..Settings::steps(&[])
    };
    config_text(&settings, &ground.path("data"))
}

async fn every_way_ends_everything(kind: Kind) {
    let (ground, marker, store) = (Ground::new(kind).await, marker(), Arc::new(EmbeddedStore::new()));
    ground.board.set_role(ground.tickets, "wim", Role::Writer).unwrap();
    let text = configuration(&ground, &marker);
    let app = ground.start_on(store.clone(), &text, &[]).await;
    ground.register_webhook(app.address);
    // GitLab tells nobody of a deletion.
    let ways = Way::ALL.into_iter().filter(|way| kind != Kind::GitLab || *way != Way::Deleted);
    let ask = |title: String, label: &str| ground.ask(NewTicket::titled(title).label(label));
    let tickets: Vec<(Way, u64)> = ways.map(|way| (way, ask(format!("{way:?}"), way.label()))).collect();
    let stays = ask("Stays".to_owned(), "keeps");
    let of = |number: u64| format!("{marker}{number}");
    let has_grown = |number: u64| sleeping(&of(number)) == TREE;
    let all_work = async || (tickets.iter().all(|(_, number)| has_grown(*number)) && has_grown(stays)).then_some(());
    eventually("all of them work", all_work).await;

    for (way, number) in &tickets {
        let asked = Instant::now();
        way.take_back(&ground, *number, &app).await;
        let is_gone = async || running(&of(*number)).is_empty().then_some(());
        eventually(&format!("{kind:?} {way:?}: nothing of it is alive"), is_gone).await;
        assert!(asked.elapsed() < PROMISE, "{kind:?} {way:?}: {:?}", asked.elapsed());
        is_told(&ground, *way, *number).await;
    }
    assert!(has_grown(stays), "{kind:?}: nobody took this one back");
    let numbers: Vec<u64> = tickets.iter().map(|(_, number)| *number).collect();
    is_left_clean(&ground, store.as_ref(), &numbers).await;

    let asked = Instant::now();
    let gone = eventually("nothing is alive", async || running(&of(stays)).is_empty().then(Instant::now));
    let (ended, gone) = tokio::join!(app.stop(), gone);
    assert!(ended, "{kind:?}: everything ends in time");
    assert!(gone - asked < GRACE + PROMISE, "{kind:?}: {:?}", gone - asked);
    let ticket = ground.board.ticket(ground.tickets, stays).unwrap();
    assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Enqueued), "{kind:?}: it waits for another server");
    assert!(ticket.comments.is_empty(), "{kind:?}: {ticket:?}");
    assert_eq!(store.counts().await.unwrap().queued, 1, "{kind:?}");
    for (keeps, number) in tickets.iter().map(|(way, number)| (way.label() == "keeps", *number)).chain([(true, stays)])
    {
        work_is_kept_if(keeps, &ground, number);
    }
    assert_eq!(ground.requests().len(), 0, "{kind:?}");
}

/// By one comment, and by a label that is gone.
async fn is_told(ground: &Ground, way: Way, number: u64) {
    let Some(reason) = way.reason() else { return };
    let says = |body: &str| {
        let keeps = body.contains("Its unfinished work is on branch");
        body.contains("cancelled after") && body.contains(reason) && keeps == (way.label() == "keeps")
    };
    let told = ground.board.wait_until(
        |board| {
            let ticket = board.ticket(ground.tickets, number).unwrap();
            let comments: Vec<String> = ticket.comments.iter().map(|comment| plain(&comment.body)).collect();
            Lifecycle::of(&ticket.labels).is_none() && comments.iter().filter(|body| says(body)).count() == 1
        },
        BOUND,
    );
    let told = told.await;
    assert!(told.is_ok(), "{:?} {way:?}: {:?}", ground.kind, ground.board.ticket(ground.tickets, number));
}

/// Of these nothing waits, runs or is locked; one more runs.
async fn is_left_clean(ground: &Ground, store: &dyn Store, tickets: &[u64]) {
    eventually("one run is left", async || {
        let counts = store.counts().await.unwrap();
        (counts.running == 1 && counts.claiming + counts.queued + counts.set_aside == 0).then_some(())
    })
    .await;
    let platform = match ground.kind {
        Kind::GitHub => PlatformKind::GitHub,
        Kind::GitLab => PlatformKind::GitLab,
        Kind::AzureDevOps => PlatformKind::AzureDevOps,
        Kind::JiraAndGitHub => PlatformKind::Jira,
    };
    for ticket in tickets {
        let key = TicketKey::new(platform, "api", ground.id_of(*ticket));
        let lock = eventually("the claim lock is free", async || store.lock_claim(&key).await.unwrap()).await;
        store.unlock_claim(lock).await.unwrap();
    }
}

/// In one commit that says that it is not finished.
fn work_is_kept_if(keeps: bool, ground: &Ground, number: u64) {
    let branches = ground.branches_of(number);
    if !keeps {
        assert!(branches.is_empty(), "{:?}: {branches:?}", ground.kind);
        return;
    }
    let [branch] = &branches[..] else { panic!("{:?}: {:?}", ground.kind, ground.branches()) };
    let subjects = ground.git(&["log", "--format=%s", &format!("main..{branch}")]);
    assert!(subjects.starts_with("wip: ") && subjects.lines().count() == 1, "{:?}: {subjects}", ground.kind);
    assert_eq!(ground.git(&["show", &format!("{branch}:bug.txt")]), "half");
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
