//! A simulated platform with one tracker on it, and our client of it.

use std::sync::Arc;
use std::time::Duration;

use agent_smith::config::{Config, Credentials, Env, Live, Place, Project, Tracker};
use agent_smith::job::{AskedBy, Job, JobLease};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::{Listing, Platform, Result, Stretch, Walk, open};
use agent_smith::sim::board::{Board, LabelRule, NewTicket};
use agent_smith::sim::{Faults, Hold, Match, Request, SimServer, azure_devops, github, gitlab, jira};
use agent_smith::ticket::{Account, Candidate, PlatformKind, TicketKey};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use crate::support::world::eventually;

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
        Self::jira_as(jira::SimOptions::default()).await
    }

    /// Version 2 below a context path, and a token without an account.
    pub(crate) async fn jira_data_center() -> Self {
        let (deployment, prefix) = (jira::Deployment::DataCenter, "/jira".to_owned());
        Self::jira_as(jira::SimOptions { deployment, prefix, ..jira::SimOptions::default() }).await
    }

    async fn jira_as(options: jira::SimOptions) -> Self {
        let (tracker, board) = ("API", Board::new());
        board.add_tracker_with(tracker, LabelRule::ExactCase).unwrap();
        let user = (options.deployment == jira::Deployment::Cloud).then_some(options.email.as_str());
        let (credentials, prefix) = (Some(token(user, &options.token)), options.prefix.clone());
        let sim = jira::serve(board.clone(), options).await.unwrap();
        let settings = Tracker {
            api_url: format!("{}{prefix}/rest/api/3", sim.url()).parse().unwrap(),
            web_url: format!("{}{prefix}", sim.url()).parse().unwrap(),
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

    /// The section of a project on this tracker, as an operator would write it: polled every second, `agent-smith`
    /// starts `fix-bug`.
    pub(crate) fn section(&self, name: &str) -> String {
        self.section_at(name, &self.root(), &self.sim.api_url(), "agent-smith: fix-bug")
    }

    /// The same tracker as another operator would write it, with another trigger label.
    pub(crate) fn section_spelled_differently(&self, name: &str, label: &str) -> String {
        let shout = |url: String| format!("{}/", url.replace("http://127.0.0.1", "HTTP://0x7F.1"));
        let labels = format!("{label}: fix-bug, agent-smith: fix-bug");
        let (root, api) = (shout(self.root()), shout(self.sim.api_url()));
        let section = self.section_at(name, &root, &api, &labels);
        match &self.settings.place {
            Place::GitHub { .. } => section.replace("org/api", "Org/API"),
            Place::GitLab { path } => section.replace(path, &path.to_uppercase()),
            Place::AzureDevOps { project, .. } => {
                section.replace(project, &format!("{}, open_states: [new, Active]", project.to_uppercase()))
            }
            Place::Jira { .. } => section.replace(", project: API", ""),
        }
    }

    /// The address of the instance or site.
    fn root(&self) -> String {
        match self.kind {
            PlatformKind::Jira => self.settings.web_url.as_str().trim_end_matches('/').to_owned(),
            PlatformKind::GitHub | PlatformKind::GitLab | PlatformKind::AzureDevOps => self.sim.url(),
        }
    }

    /// Whether pages are counted, so that a ticket that leaves the set moves later ones up.
    pub(crate) fn counts_pages(&self) -> bool {
        self.is_data_center()
    }

    fn is_data_center(&self) -> bool {
        self.kind == PlatformKind::Jira && self.settings.credentials.as_ref().unwrap().user.is_none()
    }

    fn section_at(&self, name: &str, root: &str, api: &str, labels: &str) -> String {
        let (kind, trigger, place) = match &self.settings.place {
            Place::GitHub { owner, repo } => {
                let page = format!("url: \"https://github.com/{owner}/{repo}\", api_url: \"{api}\"");
                ("GitHub", "github_trigger", page)
            }
            Place::GitLab { path } => ("GitLab", "gitlab_trigger", format!("url: \"{root}\", project: {path}")),
            Place::AzureDevOps { project, .. } => {
                ("AzureDevOps", "azuredevops_trigger", format!("url: \"{api}\", project: {project}"))
            }
            Place::Jira { project } => {
                let project = project.as_ref().map(|key| format!(", project: {key}")).unwrap_or_default();
                ("Jira", "jira_trigger", format!("url: \"{root}\"{project}"))
            }
        };
        format!(
            "  {name}:
    tickets: {{ type: {kind}, {place} }}
    {trigger}:
      pipeline_from_label: {{ {labels} }}
    polling: {{ enabled: true, interval_seconds: 1, jitter_percent: 5 }}
"
        )
    }

    /// The environment of a process that may call the platform.
    pub(crate) fn env(&self) -> Env {
        let credentials = self.settings.credentials.as_ref().unwrap();
        let token = match self.kind {
            PlatformKind::GitHub => "GITHUB_TOKEN",
            PlatformKind::GitLab => "GITLAB_TOKEN",
            PlatformKind::AzureDevOps => "AZURE_DEVOPS_TOKEN",
            PlatformKind::Jira => "JIRA_TOKEN",
        };
        let user = credentials.user.as_deref().map(|user| ("JIRA_EMAIL", user));
        Env::from_iter([(token, credentials.token.expose_secret())].into_iter().chain(user))
    }

    /// The identity of a ticket of this tracker.
    pub(crate) fn key(&self, project: &str, number: u64) -> TicketKey {
        TicketKey::new(self.kind, project, self.id(number))
    }

    /// A project on this tracker: `agent-smith` starts `fix-bug`; `security-scan` is known as well.
    pub(crate) fn project(&self, allowed_actors: Option<Vec<String>>) -> (Config, Arc<Project>) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("agentsmith.yml");
        let text = "projects: { api: { tickets: { type: GitHub, url: 'https://github.com/o/r' }, \
                    source: { type: Local, path: /srv/api }, github_trigger: \
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

    /// A client of the same tracker that gives a call less time.
    pub(crate) fn with_total_timeout(&self, total_timeout: Duration) -> Arc<dyn Platform> {
        open(&self.settings, &Http::with(Settings { total_timeout, ..settings() }).unwrap()).unwrap()
    }

    /// How many requests were writes. Queries of two platforms are POSTs, so that no listing may be among them.
    pub(crate) fn writes(&self) -> usize {
        self.faults().requests().iter().filter(|request| request.method != "GET").count()
    }

    /// Awaits the end of every request.
    pub(crate) async fn is_quiet(&self) {
        eventually("nothing is under way", async || (self.faults().counters().in_flight == 0).then_some(())).await;
    }

    pub(crate) fn faults(&self) -> &Faults {
        self.sim.faults()
    }

    /// How many requests arrived so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.faults().counters().total
    }

    /// A comment as a person reads it: without the escapes of wiki markup.
    pub(crate) fn read_by_people(&self, comment: &str) -> String {
        if self.is_data_center() { comment.replace('\\', "") } else { comment.to_owned() }
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
            PlatformKind::Jira if self.is_data_center() => login.to_owned(),
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

    /// What each page of a listing asks for, as its last or only request.
    pub(crate) fn pages(&self) -> Match {
        Match::path(self.page_path())
    }

    fn page_path(&self) -> &'static str {
        match self.kind {
            PlatformKind::GitHub | PlatformKind::GitLab => "/issues?",
            PlatformKind::AzureDevOps => "/workitemsbatch",
            PlatformKind::Jira if self.is_data_center() => "/api/2/search",
            PlatformKind::Jira => "/search/jql",
        }
    }

    /// What a look into the history of a ticket asks for.
    pub(crate) fn history(&self) -> Match {
        Match::path(match self.kind {
            PlatformKind::GitHub => "/events",
            PlatformKind::GitLab => "/resource_label_events",
            PlatformKind::AzureDevOps => "/updates",
            PlatformKind::Jira => "changelog",
        })
    }

    /// Whether a request asked for a page of a listing.
    pub(crate) fn is_page(&self, request: &Request) -> bool {
        request.path_and_query.contains(self.page_path())
    }

    /// How many pages so many tickets have.
    pub(crate) fn pages_of(&self, tickets: usize) -> usize {
        tickets.div_ceil(if self.kind == PlatformKind::AzureDevOps { 200 } else { 100 })
    }

    /// A stretch that ends while its second page is being asked for.
    pub(crate) async fn stretch_of_one_page(&self, walk: &mut Walk, listing: Listing<'_>) -> Stretch {
        let first = self.faults().hold(self.pages());
        let until = async {
            drop(self.second_page(first, 1).await);
        };
        let stretch = walk.go_on(self.platform.as_ref(), listing, until).await;
        // The request that was given up must not meet a fault that is meant for a later one.
        self.is_quiet().await;
        stretch
    }

    /// How many first pages a poll asks for at once.
    pub(crate) fn first_pages(&self) -> usize {
        match self.kind {
            // Nothing waits, so that there is nothing to read in a batch.
            PlatformKind::AzureDevOps => 1,
            PlatformKind::GitHub | PlatformKind::GitLab | PlatformKind::Jira => 2,
        }
    }

    /// Lets so many first pages pass, once all are there, and awaits a second one, which is held.
    pub(crate) async fn second_page(&self, first: Hold, first_pages: usize) -> Hold {
        assert!(first.reached(first_pages, BOUND).await, "no page was asked for");
        let second = self.faults().hold(self.pages());
        drop(first);
        assert!(second.reached(1, BOUND).await, "no second page was asked for");
        second
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
fn settings() -> Settings {
    let pause = Duration::from_millis(2);
    let total_timeout = Duration::from_secs(3);
    Settings { total_timeout, pause_base: pause, pause_cap: pause, ..Settings::default() }
}

fn http() -> Http {
    Http::with(settings()).unwrap()
}
