//! From a person's click to the result, on each of the four platforms: what the simulated platform itself sends starts
//! the run, and what the run writes starts nothing.

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{LabelRule, NewTicket, Role};
use agent_smith::sim::hooks::{Auth, Delivery, Hook};
use agent_smith::sim::{SimServer, azure_devops, github, gitlab, jira};
use agent_smith::ticket::PlatformKind;
use serde_json::Value;

use crate::support::world::{BOUND, Settings, World};
use crate::{Backend, Stored, hook, on_both_stores};

const SECRET: &str = "a secret, shared";
/// 32 bytes in base64.
const SIGNING_TOKEN: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A simulated platform with one tracker, and the real server that is told by webhooks alone.
struct Rig {
    kind: PlatformKind,
    world: World,
    sim: SimServer,
    tracker: &'static str,
    stored: Stored,
    server: hook::Hook,
}

impl Rig {
    async fn start(kind: PlatformKind, backend: Backend, secret: &str) -> Self {
        Self::start_with(kind, backend, secret, jira::SimOptions::default()).await
    }

    async fn start_with(kind: PlatformKind, backend: Backend, secret: &str, site: jira::SimOptions) -> Self {
        let world = World::with(&[]).await;
        let board = world.board.clone();
        let (tracker, rule) = match kind {
            PlatformKind::GitHub => ("org/api", LabelRule::IgnoreCase),
            PlatformKind::GitLab => ("group/sub/api", LabelRule::ExactCase),
            PlatformKind::AzureDevOps => ("org/My project", LabelRule::IgnoreCase),
            PlatformKind::Jira => ("API", LabelRule::ExactCase),
        };
        board.add_tracker_with(tracker, rule).unwrap();
        board.set_role(tracker, "jane", Role::Writer).unwrap();
        let sim = match kind {
            PlatformKind::GitHub => github::serve(board, github::SimOptions::default()).await,
            PlatformKind::GitLab => gitlab::serve(board, gitlab::SimOptions::default()).await,
            PlatformKind::AzureDevOps => azure_devops::serve(board, azure_devops::SimOptions::default()).await,
            PlatformKind::Jira => jira::serve(board, site).await,
        }
        .unwrap();
        let (tickets, trigger, variable) = match kind {
            PlatformKind::GitHub => {
                (format!("type: GitHub, url: \"{}\"", sim.page_url(tracker)), "github", "GITHUB_WEBHOOK_SECRET")
            }
            PlatformKind::GitLab => {
                (format!("type: GitLab, url: \"{}\", project: {tracker}", sim.url()), "gitlab", "GITLAB_WEBHOOK_TOKEN")
            }
            PlatformKind::AzureDevOps => (
                format!("type: AzureDevOps, url: \"{}\", project: My project", sim.api_url()),
                "azuredevops",
                "AZDO_WEBHOOK_SECRET",
            ),
            PlatformKind::Jira => {
                (format!("type: Jira, url: \"{}\", project: {tracker}", sim.url()), "jira", "JIRA_WEBHOOK_SECRET")
            }
        };
        // Azure DevOps does not tell who may write.
        let actors = match kind {
            PlatformKind::AzureDevOps => "      allowed_actors: [\"jane@example.invalid\"]\n",
            _ => "",
        };
        let projects = format!(
            "  api:\n    tickets: {{ {tickets} }}\n    {trigger}_trigger:\n      pipeline_from_label: {{ agent-smith: fix-bug }}\n{actors}"
        );
        let runs = format!("echo \"$AGENTSMITH_TICKET_ID\" >> {}", world.path("runs").display());
        world.write_config(&Settings { projects, ..Settings::steps(&[&runs]) });
        let environment = [
            ("GITLAB_TOKEN", "simulated-gitlab-token"),
            ("AZURE_DEVOPS_TOKEN", "simulated-azure-devops-token"),
            ("JIRA_EMAIL", "smith@simulated.example"),
            ("JIRA_TOKEN", "simulated-jira-token"),
            (variable, secret),
        ];
        let stored = backend.open();
        let app = world.start_with(Some(stored.store.clone()), "one", &environment, true).await;
        Self { kind, world, sim, tracker, stored, server: hook::Hook::on(app) }
    }

    /// A webhook to the route of the platform.
    fn hook(&self) -> Hook {
        Hook::new(self.tracker, self.server.url(&format!("/webhook/{}", self.kind)))
    }

    async fn settle(&self) -> Vec<Delivery> {
        assert!(self.sim.hooks().settled(BOUND).await, "{:#?}", self.sim.hooks().deliveries());
        self.sim.hooks().deliveries()
    }

    /// Somebody opens a ticket, looks at it, and then asks for a run with the label; it is awaited.
    async fn play(&self) -> u64 {
        let jane = self.world.board.acting_as("jane");
        let number = jane.open_ticket(self.tracker, NewTicket::titled("Broken").body("please").label("bug")).unwrap();
        self.settle().await;
        assert_eq!(self.world.ticket(self.tracker, number).labels.iter().collect::<Vec<_>>(), ["bug"]);
        jane.add_label(self.tracker, number, "agent-smith").unwrap();
        self.world.ends(self.tracker, number, Lifecycle::Done).await;
        number
    }

    /// The ticket ran once, everything was answered, and nothing is left to do.
    async fn ran_once(&self, number: u64) {
        let deliveries = self.settle().await;
        let id = if self.kind == PlatformKind::Jira { format!("API-{number}") } else { number.to_string() };
        assert_eq!(self.world.lines("runs"), [id], "{deliveries:#?}");
        let counts = self.stored.store.counts().await.unwrap();
        assert_eq!(counts.claiming + counts.queued + counts.set_aside, 0);
        let claimed = deliveries.iter().filter(|delivery| word(delivery) == "claimed");
        let by: Vec<_> = claimed.map(|delivery| delivery.actor.as_str()).collect();
        assert_eq!(by, ["jane"], "{deliveries:#?}");
        let ours: Vec<_> = deliveries.iter().filter(|delivery| delivery.actor == "smith").collect();
        assert!(ours.len() >= 3, "Enqueued, InProgress and Done at least: {ours:#?}");
        for delivery in ours {
            assert_eq!((delivery.status(), word(delivery).as_str()), (Some(200), "ignored"), "{delivery:#?}");
        }
    }
}

/// What the first answer to a delivery said.
fn word(delivery: &Delivery) -> String {
    let body: Value = serde_json::from_str(&delivery.answers[0].body).unwrap();
    body["result"].as_str().unwrap().to_owned()
}

async fn a_label_starts_one_run_and_its_echo_none(kind: PlatformKind, backend: Backend) {
    let rig = Rig::start(kind, backend, SECRET).await;
    rig.sim.hooks().add(rig.hook().secret(SECRET));
    let number = rig.play().await;
    rig.ran_once(number).await;
}

async fn github_label_to_done(backend: Backend) {
    a_label_starts_one_run_and_its_echo_none(PlatformKind::GitHub, backend).await;
}

async fn gitlab_label_to_done(backend: Backend) {
    a_label_starts_one_run_and_its_echo_none(PlatformKind::GitLab, backend).await;
}

async fn azure_devops_label_to_done(backend: Backend) {
    a_label_starts_one_run_and_its_echo_none(PlatformKind::AzureDevOps, backend).await;
}

async fn jira_label_to_done(backend: Backend) {
    a_label_starts_one_run_and_its_echo_none(PlatformKind::Jira, backend).await;
}

on_both_stores!(github_label_to_done, gitlab_label_to_done, azure_devops_label_to_done, jira_label_to_done);

/// One address for all platforms: what sent it is told by its headers or its body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_platform_may_send_to_the_common_address() {
    for kind in PlatformKind::ALL {
        let rig = Rig::start(kind, Backend::Embedded, SECRET).await;
        rig.sim.hooks().add(Hook::new(rig.tracker, rig.server.url("/webhook")).secret(SECRET));
        let number = rig.play().await;
        rig.ran_once(number).await;
    }
}

/// The other ways in which the platforms prove who they are, and wrap what they say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_settings_of_a_hook_do_the_same() {
    let header = || Auth::Header { name: "X-Agent-Smith-Secret".to_owned(), value: SECRET.to_owned() };
    for (kind, secret, set) in [
        (PlatformKind::GitHub, SECRET, (|hook: Hook| hook.secret(SECRET).form()) as fn(Hook) -> Hook),
        (PlatformKind::GitLab, SIGNING_TOKEN, |hook| hook.auth(Auth::SigningToken(SIGNING_TOKEN.to_owned()))),
        (PlatformKind::AzureDevOps, SECRET, |hook| hook.secret(SECRET).minimal()),
    ] {
        let rig = Rig::start(kind, Backend::Embedded, secret).await;
        rig.sim.hooks().add(set(rig.hook()));
        let number = rig.play().await;
        rig.settle().await;
        assert_eq!(rig.world.lines("runs"), [number.to_string()], "{kind}");
    }
    let rig = Rig::start(PlatformKind::AzureDevOps, Backend::Embedded, SECRET).await;
    rig.sim.hooks().add(rig.hook().auth(header()));
    let number = rig.play().await;
    rig.ran_once(number).await;
}

/// Platforms deliver at least once, and people press the button that sends it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_twice_runs_once() {
    for kind in PlatformKind::ALL {
        let rig = Rig::start(kind, Backend::Embedded, SECRET).await;
        rig.sim.hooks().add(rig.hook().secret(SECRET));
        rig.sim.hooks().double_next(u32::MAX);
        let number = rig.play().await;
        let asked = rig.settle().await.into_iter().find(|delivery| word(delivery) == "claimed");
        rig.sim.hooks().redeliver(&asked.expect("one delivery claimed it").id);
        let deliveries = rig.settle().await;
        assert_eq!(rig.world.lines("runs").len(), 1, "{kind}, ticket {number}");
        for delivery in deliveries {
            let said: Vec<_> = delivery.answers.iter().map(|answer| (answer.status, answer.body.as_str())).collect();
            assert!(said.len() >= 2 && said.iter().all(|answer| *answer == said[0]), "{kind}: {said:?}");
        }
    }
}

/// A ticket that is opened again with its trigger label asks for a run, whatever the platform calls that; in Jira a
/// workflow may do it by the status alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reopened_ticket_starts_a_run() {
    let of_status = jira::SimOptions { resolves: false, ..jira::SimOptions::default() };
    let usual = PlatformKind::ALL.map(|kind| (kind, jira::SimOptions::default()));
    for (kind, site) in usual.into_iter().chain([(PlatformKind::Jira, of_status)]) {
        let rig = Rig::start_with(kind, Backend::Embedded, SECRET, site).await;
        let jane = rig.world.board.acting_as("jane");
        let number = jane.open_ticket(rig.tracker, NewTicket::titled("Broken").label("agent-smith")).unwrap();
        jane.close(rig.tracker, number).unwrap();
        rig.sim.hooks().add(rig.hook().secret(SECRET));
        jane.reopen(rig.tracker, number).unwrap();
        rig.world.ends(rig.tracker, number, Lifecycle::Done).await;
        rig.ran_once(number).await;
    }
}

/// With the wrong secret nothing gets through, and the platforms learn it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_secret_starts_nothing() {
    for kind in PlatformKind::ALL {
        let rig = Rig::start(kind, Backend::Embedded, SECRET).await;
        let wrong = rig.sim.hooks().add(rig.hook().secret("another"));
        rig.sim.hooks().add(rig.hook());
        let jane = rig.world.board.acting_as("jane");
        let number = jane.open_ticket(rig.tracker, NewTicket::titled("Broken").label("agent-smith")).unwrap();
        let deliveries = rig.settle().await;
        assert!(deliveries.len() >= 2);
        assert!(deliveries.iter().all(|delivery| delivery.status() == Some(401)), "{kind}: {deliveries:#?}");
        assert_eq!(rig.world.ticket(rig.tracker, number).labels.iter().collect::<Vec<_>>(), ["agent-smith"]);
        let gives_up = kind == PlatformKind::AzureDevOps;
        assert_eq!(rig.sim.hooks().is_enabled(wrong), !gives_up, "{kind}");
    }
}

/// A comment needs no label; who is no member is not heard. What the server writes on the ticket is no command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_in_a_comment_starts_one_run() {
    for kind in PlatformKind::ALL {
        let rig = Rig::start(kind, Backend::Embedded, SECRET).await;
        rig.sim.hooks().add(rig.hook().secret(SECRET));
        let number = rig.world.board.open_ticket(rig.tracker, NewTicket::titled("Broken")).unwrap();
        // As each platform's editor writes it.
        let text = match kind {
            PlatformKind::AzureDevOps => "<div>/agent-smith run</div>",
            _ => "/agent-smith run",
        };
        let says = |who: &str| rig.world.board.acting_as(who).comment(rig.tracker, number, text).map(drop);
        says("stranger").unwrap();
        let known = rig.settle().await;
        assert!(known.iter().all(|delivery| word(delivery) == "ignored"), "{kind}: {known:#?}");
        says("jane").unwrap();
        rig.world.ends(rig.tracker, number, Lifecycle::Done).await;
        rig.settle().await;
        assert_eq!(rig.world.lines("runs").len(), 1, "{kind}");
    }
}
