//! From a label to a change request with the real binary, killed between each pair of steps: one branch, one change
//! request, one comment.
//!
//! Between two steps stands a gate, a step that waits for a file, so the kill is never a matter of luck.

use std::path::PathBuf;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{NewTicket, TicketView};
use nix::sys::signal::Signal;

use crate::support::ground::{Ground, Kind};
use crate::support::process::Server;
use crate::support::redis::RedisServer;
use crate::support::world::{Settings, config_text, eventually};

/// What is done between the gates, in order.
const STEPS: [&str; 5] =
    ["checkout: { keep_work: true }", "run: echo fixed > bug.txt", "commit: {}", "push: {}", "open_change_request: {}"];

/// A way from a ticket to a change request, with a gate behind each step.
pub(crate) struct Way {
    pub(crate) ground: Ground,
    redis: RedisServer,
}

impl Way {
    /// `trigger` are further lines of the trigger section.
    pub(crate) async fn new(kind: Kind, trigger: &[&str]) -> Self {
        let way = Self { ground: Ground::new(kind).await, redis: RedisServer::start() };
        let lines = [&["pipeline_from_label: { agent-smith: fix-bug }"], trigger].concat();
        let mut pipelines = "  fix-bug:\n    timeout_seconds: 60\n    steps:\n".to_owned();
        for (index, step) in STEPS.iter().enumerate() {
            let (at, go) = (way.path(&format!("at-{}", index + 1)), way.path(&format!("go-{}", index + 1)));
            let gate = format!("touch {}; while [ ! -e {} ]; do sleep 0.02; done", at.display(), go.display());
            pipelines.push_str(&format!("      - {step}\n      - run: '{gate}'\n"));
        }
        let settings = Settings { projects: way.ground.project(&lines), pipelines, ..Settings::steps(&[]) };
        std::fs::write(way.path("agentsmith.yml"), config_text(&settings, &way.path("data"))).unwrap();
        way
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.ground.path(name)
    }

    pub(crate) fn open_gate(&self, gate: usize) {
        std::fs::write(self.path(&format!("go-{gate}")), "").unwrap();
    }

    /// Lets every step go on at once.
    pub(crate) fn open_gates(&self) {
        (1..=STEPS.len()).for_each(|gate| self.open_gate(gate));
    }

    pub(crate) async fn server(&self, name: &str) -> Server {
        let url = self.redis.url();
        let mut env = Ground::variables().to_vec();
        env.push(("REDIS_URL", &url));
        Server::start_with(&self.path("agentsmith.yml"), &env, self.path(&format!("{name}.log")), &[]).await
    }

    pub(crate) fn ask(&self) -> u64 {
        self.ground.ask(NewTicket::titled("It crashes").body("Often.").label("agent-smith"))
    }

    /// The ticket ends Done; one branch, one change request and one comment that leads to it.
    pub(crate) async fn ends_in_one_of_each(&self, number: u64, server: &Server) -> TicketView {
        let ticket = self.ground.ended(number).await;
        assert_eq!(Lifecycle::of(&ticket.labels), Some(Lifecycle::Done), "{ticket:?}\n{}", server.log());
        let requests = self.ground.requests();
        let [request] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((request.title.as_str(), request.open), ("It crashes", true));
        let head = &request.change.as_ref().unwrap().head;
        assert_eq!(self.ground.branches(), [head, "main"]);
        assert!(head.starts_with("agent-smith/") && head.ends_with("-it-crashes"), "{head}");
        assert_eq!(self.ground.git(&["show", &format!("{head}:bug.txt")]), "fixed");
        assert_eq!(ticket.comments.len(), 1, "{ticket:?}");
        let comment = ticket.comments[0].body.replace('\\', "");
        let end = format!("/{}", request.number);
        assert!(comment.contains("Change request") && comment.contains(&end), "{comment}");
        let is_html = comment.starts_with('<');
        assert!(!is_html || comment.contains("<a href=\"http"), "{comment}");
        ticket
    }
}

/// Killed while it waits behind the step with this number; another server finishes the work.
async fn killed_behind(kind: Kind, gate: usize) {
    let way = Way::new(kind, &[]).await;
    (1..=STEPS.len()).filter(|other| *other != gate).for_each(|other| way.open_gate(other));
    let number = way.ask();
    let mut victim = way.server("victim").await;
    let at = way.path(&format!("at-{gate}"));
    eventually("the run waits at the gate", async || at.exists().then_some(())).await;
    victim.kill().await;
    way.open_gate(gate);
    let survivor = way.server("survivor").await;
    way.ends_in_one_of_each(number, &survivor).await;
}

macro_rules! on_each_platform {
    ($($name:ident: $kind:expr),+ $(,)?) => {
        $(
            mod $name {
                use super::Kind;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn behind_checkout() {
                    super::killed_behind($kind, 1).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn behind_run() {
                    super::killed_behind($kind, 2).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn behind_commit() {
                    super::killed_behind($kind, 3).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn behind_push() {
                    super::killed_behind($kind, 4).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn behind_open_change_request() {
                    super::killed_behind($kind, 5).await;
                }
            }
        )+
    };
}

on_each_platform!(on_github: Kind::GitHub, on_gitlab: Kind::GitLab, on_azure_devops: Kind::AzureDevOps);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_in_jira_lead_to_a_change_request_on_github() {
    let way = Way::new(Kind::JiraAndGitHub, &["done_status: In Progress"]).await;
    way.open_gates();
    let number = way.ask();
    let server = way.server("a").await;
    let ticket = way.ends_in_one_of_each(number, &server).await;
    assert_eq!(ticket.status.as_deref(), Some("In Progress"));
}

/// A ticket that is closed once its run is done is nothing that anybody took back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_is_closed_when_done_stays_done() {
    let way = Way::new(Kind::GitHub, &["done_status: closed"]).await;
    way.open_gates();
    let number = way.ask();
    let server = way.server("a").await;
    let ticket = way.ends_in_one_of_each(number, &server).await;
    assert!(!ticket.open && ticket.comments[0].body.contains("**done**"), "{ticket:?}");
}

/// What a workflow does not allow is a note, and no failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_not_possible_is_a_note_in_the_comment() {
    let way = Way::new(Kind::JiraAndGitHub, &["done_status: Done"]).await;
    way.open_gates();
    let number = way.ask();
    let server = way.server("a").await;
    let ticket = way.ends_in_one_of_each(number, &server).await;
    let comment = &ticket.comments[0].body;
    assert!(comment.contains("could not be moved to") && comment.contains("possible: In Progress"), "{comment}");
}

/// A server that is told to stop has some seconds after its grace: the processes end, and what they had done is on the
/// branch when the next server begins there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_had_when_it_stopped_is_continued_by_the_next() {
    let way = Way::new(Kind::GitHub, &[]).await;
    // Stopped with the change made and not committed.
    (1..=STEPS.len()).filter(|gate| *gate != 2).for_each(|gate| way.open_gate(gate));
    let number = way.ask();
    let mut first = way.server("first").await;
    let at = way.path("at-2");
    eventually("the run waits at the gate", async || at.exists().then_some(())).await;
    first.signal(Signal::SIGTERM);
    assert_eq!(first.ended().await, Some(0), "{}", first.log());
    assert!(!first.log().contains("did not end in time"), "{}", first.log());
    let [branch] = &way.ground.branches_of(number)[..] else { panic!("{:?}", way.ground.branches()) };
    let subjects = || way.ground.git(&["log", "--format=%s", &format!("main..{branch}")]);
    assert_eq!(subjects(), "wip: It crashes", "{}", first.log());
    assert_eq!(way.ground.git(&["show", &format!("{branch}:bug.txt")]), "fixed");
    assert!(way.ground.board.ticket(way.ground.tickets, number).unwrap().comments.is_empty(), "nothing is over");

    way.open_gate(2);
    let next = way.server("next").await;
    way.ends_in_one_of_each(number, &next).await;
    assert_eq!(subjects(), "wip: It crashes", "it was all that was to be done");
}
