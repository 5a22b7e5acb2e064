//! A simulated GitHub, a configuration file, and the real app or the real binary working on it.
//!
//! Who uses it: the end-to-end and replica tests. Times are as short as the configuration allows, so that expiry and
//! recovery are seen within seconds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_smith::app::{App, Options};
use agent_smith::claim::{ClaimService, Recall, Request};
use agent_smith::config::{Env, Live};
use agent_smith::http::webhook::commands::{Outcome, Parts, carry_out};
use agent_smith::http::webhook::event::CommentSeen;
use agent_smith::lifecycle::Lifecycle;
use agent_smith::pipeline::report::live::Pace;
use agent_smith::platform::http::Http;
use agent_smith::platform::registry::Trackers;
use agent_smith::sim::SimServer;
use agent_smith::sim::board::{Board, NewTicket, TicketView};
use agent_smith::sim::github::{self, SimOptions};
use agent_smith::store::{Store, Withdrawn};
use agent_smith::ticket::Account;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The longest that anything awaited may take. Generous: a busy machine must not make a test fail.
pub const BOUND: Duration = Duration::from_secs(60);
/// The one good token of the simulated GitHub.
pub const TOKEN: &str = "simulated-github-token";

/// The parts of a configuration file that tests vary.
#[derive(Clone)]
pub struct Settings {
    pub projects: String,
    pub pipelines: String,
    pub slots: usize,
    pub grace_seconds: u64,
    pub heartbeat_ttl_seconds: u64,
    pub heartbeat_renew_seconds: u64,
    pub lease_seconds: u64,
    pub reconcile_interval_seconds: u64,
}

impl Settings {
    /// One pipeline, `fix-bug`, with these steps (YAML list items are made from the lines).
    pub fn steps(steps: &[&str]) -> Self {
        Self {
            projects: String::new(),
            pipelines: pipeline("fix-bug", steps),
            slots: 4,
            grace_seconds: 1,
            heartbeat_ttl_seconds: 4,
            heartbeat_renew_seconds: 1,
            lease_seconds: 4,
            reconcile_interval_seconds: 1,
        }
    }
}

/// A pipeline's section: each step is a shell command, written as a YAML block so that nothing needs escaping.
pub fn pipeline(name: &str, steps: &[&str]) -> String {
    let mut text = format!("  {name}:\n    timeout_seconds: 60\n    steps:\n");
    for step in steps {
        text.push_str("      - run: |\n");
        for line in step.lines() {
            text.push_str(&format!("          {line}\n"));
        }
    }
    text
}

/// A simulated GitHub and a directory for everything else.
pub struct World {
    pub board: Board,
    pub sim: SimServer,
    pub directory: TempDir,
}

impl World {
    /// With these trackers on the board.
    pub async fn with(trackers: &[&str]) -> Self {
        let board = Board::new();
        for tracker in trackers {
            board.add_tracker(tracker).unwrap();
        }
        let sim = github::serve(board.clone(), SimOptions { quota: None, ..SimOptions::default() }).await.unwrap();
        let directory = tempfile::Builder::new().prefix("agent-smith-test-").tempdir().unwrap();
        Self { board, sim, directory }
    }

    /// A path inside the test's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn config_path(&self) -> PathBuf {
        self.path("agentsmith.yml")
    }

    /// A project's section: polled every second, `agent-smith` starts `fix-bug`.
    pub fn project(&self, name: &str, tracker: &str) -> String {
        self.project_on(&self.sim.api_url(), name, tracker)
    }

    pub fn project_on(&self, api: &str, name: &str, tracker: &str) -> String {
        format!(
            "  {name}:
    tickets: {{ type: GitHub, url: \"https://github.com/{tracker}\", api_url: \"{api}\", auth: token }}
    pipeline: fix-bug
    github_trigger:
      default_pipeline: fix-bug
      pipeline_from_label: {{ agent-smith: fix-bug }}
    polling: {{ enabled: true, interval_seconds: 1, jitter_percent: 5 }}
"
        )
    }

    /// Writes the file, as an editor does: whole, and in one move.
    pub fn write_config(&self, settings: &Settings) {
        let text = self.config_text(settings);
        self.write_config_text(&text);
    }

    pub fn write_config_text(&self, text: &str) {
        let fresh = self.path("agentsmith.yml.new");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, self.config_path()).unwrap();
    }

    pub fn config_text(&self, settings: &Settings) -> String {
        config_text(settings, &self.path("data"))
    }

    /// The real app in this process, on a free port.
    pub async fn start(&self, store: Arc<dyn Store>, name: &str) -> App {
        self.start_with(Some(store), name, &[], true).await
    }

    /// The same that tells tickets how their runs are going, at this pace.
    pub async fn start_at(&self, pace: Pace, store: Arc<dyn Store>, name: &str, variables: &[(&str, &str)]) -> App {
        let env = Env::from_iter([("GITHUB_TOKEN", TOKEN)].iter().chain(variables).copied());
        let (config, _problems) = Live::start(&self.config_path(), env).unwrap();
        start_listening(config, Some(store), name, true, ("127.0.0.1:0", pace)).await
    }

    /// The same with more in its environment; it may take no jobs, and do without a store.
    pub async fn start_with(
        &self,
        store: Option<Arc<dyn Store>>,
        name: &str,
        variables: &[(&str, &str)],
        consumer: bool,
    ) -> App {
        let env = Env::from_iter([("GITHUB_TOKEN", TOKEN)].iter().chain(variables).copied());
        let (config, _problems) = Live::start(&self.config_path(), env).unwrap();
        start_as(config, store, name, consumer).await
    }

    /// The same, listening on this address.
    pub async fn start_on(&self, address: &str, store: Arc<dyn Store>, variables: &[(&str, &str)]) -> App {
        let env = Env::from_iter([("GITHUB_TOKEN", TOKEN)].iter().chain(variables).copied());
        let (config, _problems) = Live::start(&self.config_path(), env).unwrap();
        start_listening(config, Some(store), "one", true, (address, silent())).await
    }

    /// The claim service of one more process on this store.
    pub fn door(&self, store: Arc<dyn Store>) -> Door {
        let (config, _problems) = Live::start(&self.config_path(), Env::from_iter([("GITHUB_TOKEN", TOKEN)])).unwrap();
        let calls = agent_smith::platform::http::Settings { proxies: false, ..Default::default() };
        let (board, trackers) = (self.board.clone(), Trackers::new(Http::with(calls).unwrap()));
        Door { board, config, trackers, claims: ClaimService::new(Arc::clone(&store)), store }
    }

    /// Opens a ticket with the trigger label.
    pub fn ask(&self, tracker: &str, title: &str) -> u64 {
        self.board.open_ticket(tracker, NewTicket::titled(title).body("please").label("agent-smith")).unwrap()
    }

    /// Awaits a state of the board.
    pub async fn reached(&self, reached: impl Fn(&Board) -> bool) {
        self.board.wait_until(reached, BOUND).await.unwrap();
    }

    /// Awaits a ticket's lifecycle; returns the ticket as it is then.
    pub async fn shows(&self, tracker: &str, number: u64, state: Option<Lifecycle>) -> TicketView {
        self.reached(|board| lifecycle(board, tracker, number) == state).await;
        self.ticket(tracker, number)
    }

    /// Awaits a result and its comment.
    pub async fn ends(&self, tracker: &str, number: u64, state: Lifecycle) -> TicketView {
        self.reached(|board| {
            let ticket = board.ticket(tracker, number).unwrap();
            Lifecycle::of(&ticket.labels) == Some(state) && has_result(&ticket) && lifecycle_labels(&ticket) == 1
        })
        .await;
        self.ticket(tracker, number)
    }

    pub fn ticket(&self, tracker: &str, number: u64) -> TicketView {
        self.board.ticket(tracker, number).unwrap()
    }

    /// The lines of a file that steps append to; empty while it does not exist.
    pub fn lines(&self, name: &str) -> Vec<String> {
        read_lines(&self.path(name))
    }
}

/// A configuration file with these parts and short times.
pub fn config_text(settings: &Settings, data: &Path) -> String {
    format!(
        "projects:
{projects}pipelines:
{pipelines}agent:
  data_dir: \"{data}\"
  queue:
    max_parallel_jobs: {slots}
    consume_block_seconds: 1
    shutdown_grace_seconds: {grace}
    redis_retry_interval_seconds: 1
  leader: {{ lease_seconds: {lease}, renew_seconds: 1 }}
  lifecycle:
    heartbeat_ttl_seconds: {ttl}
    heartbeat_renew_seconds: {renew}
    stale_scan_seconds: 1
    reconcile_interval_seconds: {reconcile}
",
        projects = settings.projects,
        pipelines = settings.pipelines,
        data = data.display(),
        slots = settings.slots,
        grace = settings.grace_seconds,
        lease = settings.lease_seconds,
        ttl = settings.heartbeat_ttl_seconds,
        renew = settings.heartbeat_renew_seconds,
        reconcile = settings.reconcile_interval_seconds,
    )
}

/// The real app in this process, on a free port.
pub async fn start(config: Live, store: Arc<dyn Store>, name: &str) -> App {
    start_as(config, Some(store), name, true).await
}

async fn start_as(config: Live, store: Option<Arc<dyn Store>>, name: &str, consumer: bool) -> App {
    start_listening(config, store, name, consumer, ("127.0.0.1:0", silent())).await
}

async fn start_listening(
    config: Live,
    store: Option<Arc<dyn Store>>,
    name: &str,
    consumer: bool,
    (address, pace): (&str, Pace),
) -> App {
    App::start(Options {
        config,
        store,
        consumer,
        supervisor: PathBuf::from(env!("CARGO_BIN_EXE_agent-smith")),
        name: name.to_owned(),
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
        host: "test-host".to_owned(),
        calls: agent_smith::platform::http::Settings { proxies: false, ..Default::default() },
        pace,
        listener: TcpListener::bind(address).await.unwrap(),
    })
    .await
    .unwrap()
}

/// Nothing is told before the result, however slow the machine is.
pub fn silent() -> Pace {
    let never = Duration::from_secs(24 * 3600);
    Pace { running_after: never, queued_after: never, ..Pace::default() }
}

/// True when there are comments and none tells of a run that is not over.
pub fn has_result(ticket: &TicketView) -> bool {
    let is_interim = |body: &str| {
        ["agent-smith runs pipeline", "agent-smith queued", "tried again"].iter().any(|said| body.contains(said))
    };
    !ticket.comments.is_empty() && !ticket.comments.iter().any(|comment| is_interim(&comment.body))
}

/// The claim service and what a request to it needs.
pub struct Door {
    pub board: Board,
    pub config: Live,
    pub store: Arc<dyn Store>,
    pub trackers: Trackers,
    pub claims: ClaimService,
}

impl Door {
    /// Takes a ticket's request back.
    pub async fn withdraw(&self, project: &str, ticket: u64, recall: Recall<'_>) -> Withdrawn {
        let config = self.config.current();
        let project = &config.projects[project];
        let (platform, ticket) = (self.trackers.of(project).unwrap(), ticket.to_string());
        let request =
            Request { config: &config, project, platform: platform.as_ref(), ticket: &ticket, asked_by: None };
        self.claims.withdraw(&request, recall).await.unwrap()
    }

    /// Writes a comment as `login`, and hears it as a webhook would. The comment's id, and what became of it.
    pub async fn comment(&self, tracker: &str, ticket: u64, login: &str, body: &str) -> (u64, Outcome) {
        let config = self.config.current();
        let project = &config.projects["api"];
        let (platform, number) = (self.trackers.of(project).unwrap(), ticket.to_string());
        let id = self.board.acting_as(login).comment(tracker, ticket, body).unwrap().id;
        let seen = CommentSeen { id: Some(id.to_string()), body: body.to_owned() };
        let who = Account { id: login.to_owned(), ..Account::default() };
        let parts = Parts { config: &config, store: self.store.as_ref(), claims: &self.claims };
        let outcome = carry_out(&parts, project, platform.as_ref(), &number, Some(&who), &seen).await.unwrap();
        (id, outcome)
    }
}

pub fn read_lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

pub fn lifecycle(board: &Board, tracker: &str, number: u64) -> Option<Lifecycle> {
    Lifecycle::of(&board.ticket(tracker, number).unwrap().labels)
}

/// How many lifecycle labels a ticket carries.
pub fn lifecycle_labels(ticket: &TicketView) -> usize {
    ticket.labels.iter().filter(|label| Lifecycle::from_label(label).is_some()).count()
}

/// Awaits something that no notification tells of, by looking again until the bound.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + BOUND;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "not within {} s: {what}", BOUND.as_secs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
