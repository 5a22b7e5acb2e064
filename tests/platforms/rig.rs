//! A simulated platform with one tracker on it, and our client of it.

use std::sync::Arc;
use std::time::Duration;

use agent_smith::config::{Config, Credentials, Env, Live, Place, Project, Tracker};
use agent_smith::job::{AskedBy, Job, JobLease};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::{Listing, Platform, Result, open};
use agent_smith::sim::board::{Board, LabelRule, NewTicket};
use agent_smith::sim::{Faults, SimServer, azure_devops, github, gitlab, jira};
use agent_smith::ticket::{Account, Candidate, PlatformKind, TicketKey};
use tokio::time::Instant;

/// The trigger label of most rows.
pub(crate) const TRIGGER: &str = "agent-smith";
/// The longest that anything may take; above what a busy machine needs.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    pub(crate) board: Board,
    pub(crate) sim: SimServer,
    pub(crate) platform: Arc<dyn Platform>,
    /// The tracker's name on the board.
    pub(crate) tracker: &'static str,
    kind: PlatformKind,
    /// What the client was made from.
    settings: Tracker,
    /// What comes before the number in a ticket's identifier.
    id_prefix: &'static str,
}

impl Rig {
    pub(crate) async fn github() -> Self {
        let (tracker, board) = ("org/api", Board::new());
        board.add_tracker(tracker).unwrap();
        let sim = github::serve(board.clone(), github::SimOptions::default()).await.unwrap();
        let settings = Tracker {
            api_url: sim.api_url().parse().unwrap(),
            web_url: sim.page_url(tracker).parse().unwrap(),
            place: Place::GitHub { owner: "org".to_owned(), repo: "api".to_owned() },
            credentials: Some(token(None, "simulated-github-token")),
        };
        Self::with(PlatformKind::GitHub, board, sim, tracker, settings, "")
    }

    pub(crate) async fn gitlab() -> Self {
        let (tracker, board) = ("group/sub/api", Board::new());
        board.add_tracker_with(tracker, LabelRule::ExactCase).unwrap();
        let sim = gitlab::serve(board.clone(), gitlab::SimOptions::default()).await.unwrap();
        let settings = Tracker {
            api_url: sim.api_url().parse().unwrap(),
            web_url: format!("{}/{tracker}", sim.url()).parse().unwrap(),
            place: Place::GitLab { path: tracker.to_owned() },
            credentials: Some(token(None, "simulated-gitlab-token")),
        };
        Self::with(PlatformKind::GitLab, board, sim, tracker, settings, "")
    }

    pub(crate) async fn jira() -> Self {
        let (tracker, board) = ("API", Board::new());
        board.add_tracker_with(tracker, LabelRule::ExactCase).unwrap();
        let options = jira::SimOptions::default();
        let credentials = Some(token(Some(&options.email), &options.token));
        let sim = jira::serve(board.clone(), options).await.unwrap();
        let settings = Tracker {
            api_url: sim.api_url().parse().unwrap(),
            web_url: sim.url().parse().unwrap(),
            place: Place::Jira { project: Some(tracker.to_owned()) },
            credentials,
        };
        Self::with(PlatformKind::Jira, board, sim, tracker, settings, "API-")
    }

    pub(crate) async fn azure_devops() -> Self {
        let (tracker, board) = ("org/My Project", Board::new());
        board.add_tracker(tracker).unwrap();
        let sim = azure_devops::serve(board.clone(), azure_devops::SimOptions::default()).await.unwrap();
        let open_states = ["New", "Active", "Committed"].map(str::to_owned).to_vec();
        let settings = Tracker {
            api_url: sim.api_url().parse().unwrap(),
            web_url: sim.page_url(tracker).parse().unwrap(),
            place: Place::AzureDevOps { project: "My Project".to_owned(), open_states },
            credentials: Some(token(None, "simulated-azure-devops-token")),
        };
        Self::with(PlatformKind::AzureDevOps, board, sim, tracker, settings, "")
    }

    fn with(
        kind: PlatformKind,
        board: Board,
        sim: SimServer,
        tracker: &'static str,
        settings: Tracker,
        id_prefix: &'static str,
    ) -> Self {
        let platform = open(&settings, &http()).unwrap();
        assert_eq!(platform.kind(), kind);
        Self { board, sim, platform, tracker, kind, settings, id_prefix }
    }

    /// A project on this tracker: `agent-smith` starts `fix-bug`; `security-scan` is known as well.
    pub(crate) fn project(&self, allowed_actors: Option<Vec<String>>) -> (Config, Arc<Project>) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("agentsmith.yml");
        let text = "projects: { api: { tickets: { type: GitHub, url: 'https://github.com/o/r' }, github_trigger: \
                    { pipeline_from_label: { agent-smith: fix-bug } } } }";
        std::fs::write(&file, text).unwrap();
        let (live, _problems) = Live::start(&file, Env::from_iter([("GITHUB_TOKEN", "t")])).unwrap();
        let mut config = Config::clone(&live.current());
        let mut project = Project::clone(&config.projects["api"]);
        project.tracker = self.settings.clone();
        project.trigger.allowed_actors = allowed_actors;
        let project = Arc::new(project);
        config.projects.insert("api".to_owned(), Arc::clone(&project));
        (config, project)
    }

    /// A client of the same tracker with other credentials.
    pub(crate) fn with_token(&self, text: Option<&str>) -> Arc<dyn Platform> {
        let user = self.settings.credentials.as_ref().and_then(|credentials| credentials.user.clone());
        let credentials = text.map(|text| Credentials { user, token: text.to_owned().into() });
        open(&Tracker { credentials, ..self.settings.clone() }, &http()).unwrap()
    }

    pub(crate) fn faults(&self) -> &Faults {
        self.sim.faults()
    }

    /// How many requests arrived so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.faults().counters().total
    }

    /// Opens a ticket and returns its number on the board.
    pub(crate) fn ticket(&self, labels: &[&str]) -> u64 {
        let new = NewTicket::titled("a ticket").body("with a body");
        let new = labels.iter().fold(new, |new, label| new.label(*label));
        self.board.open_ticket(self.tracker, new).unwrap()
    }

    /// The labels the board shows on a ticket.
    pub(crate) fn labels(&self, number: u64) -> Vec<String> {
        let mut labels: Vec<String> =
            self.board.ticket(self.tracker, number).unwrap().labels.iter().map(str::to_owned).collect();
        labels.sort();
        labels
    }

    /// The platform's identifier of a ticket.
    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}{number}", self.id_prefix)
    }

    /// Somebody as a delivery of this platform names them.
    pub(crate) async fn account(&self, login: &str) -> Account {
        let id = match self.kind {
            PlatformKind::GitHub => login.to_owned(),
            PlatformKind::GitLab => self.gitlab_number(login).await,
            PlatformKind::AzureDevOps => format!("{login}@example.invalid"),
            PlatformKind::Jira => format!("sim-{login}"),
        };
        Account { id, names: vec![login.to_owned()], is_bot: false }
    }

    /// GitLab tells people apart by a number, which it shows beside what they wrote.
    async fn gitlab_number(&self, login: &str) -> String {
        let number = self.board.acting_as(login).open_ticket(self.tracker, NewTicket::titled("who am I?")).unwrap();
        let path = self.tracker.replace('/', "%2F");
        let url = format!("{}/projects/{path}/issues/{number}", self.sim.api_url());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(url).header("private-token", "simulated-gitlab-token").send().await.unwrap();
        let issue: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        issue["author"]["id"].to_string()
    }

    /// A right to write to a ticket, good for a minute.
    pub(crate) fn right(&self, number: u64) -> JobLease {
        self.right_for(number, Duration::from_secs(60))
    }

    pub(crate) fn right_for(&self, number: u64, ttl: Duration) -> JobLease {
        let job = Job::new(TicketKey::new(self.kind, "api", self.id(number)), "fix-bug", AskedBy::TriggerLabel);
        JobLease::obtained(job, (1, 1, "g".to_owned()), None, (Instant::now(), ttl))
    }

    pub(crate) async fn discover(&self, triggers: &[&str]) -> Result<Vec<Candidate>> {
        let triggers: Vec<String> = triggers.iter().map(|label| (*label).to_owned()).collect();
        self.platform.list(Listing::Discovery(&triggers)).await
    }

    pub(crate) async fn listed(&self, state: Lifecycle) -> Result<Vec<Candidate>> {
        self.platform.list(Listing::Lifecycle(state)).await
    }

    /// The numbers on the board of what a listing returned.
    pub(crate) fn numbers(&self, candidates: &[Candidate]) -> Vec<u64> {
        candidates.iter().map(|one| one.id.strip_prefix(self.id_prefix).unwrap().parse().unwrap()).collect()
    }
}

fn token(user: Option<&str>, text: &str) -> Credentials {
    Credentials { user: user.map(str::to_owned), token: text.to_owned().into() }
}

/// Times that make failing quick; far above what a local answer takes.
fn http() -> Http {
    let pause = Duration::from_millis(2);
    let total_timeout = Duration::from_secs(3);
    Http::with(Settings { total_timeout, pause_base: pause, pause_cap: pause, ..Settings::default() }).unwrap()
}
