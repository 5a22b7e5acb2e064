//! A tracker on each platform with a repository behind it, and what leads from a ticket there to a change request.
//!
//! Who uses it: the tests of agents and of replicas. What must stay true: what is on the remote is looked up in the
//! repository on disk and what is on the board on the board, past everything that is tested.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use agent_smith::app::App;
use agent_smith::config::{Env, Live, parse};
use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{Board, NewTicket, TicketView};
use agent_smith::sim::git::Repositories;
use agent_smith::sim::hooks::Hook;
use agent_smith::sim::{SimServer, azure_devops, github, gitlab, jira};
use agent_smith::store::Store;
use agent_smith::store::embedded::EmbeddedStore;
use tempfile::TempDir;

use super::world::{self, BOUND, Settings, TOKEN, config_text};

/// The token of the simulated GitLab and of the simulated Azure DevOps.
pub const GITLAB_TOKEN: &str = "simulated-gitlab-token";
pub const AZURE_TOKEN: &str = "simulated-azure-devops-token";

/// What the platforms sign their deliveries with.
const HOOK_SECRET: &str = "simulated-webhook-secret";

/// Which platform the tickets and the source are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    GitHub,
    GitLab,
    AzureDevOps,
    /// Tickets in Jira, source on GitHub.
    JiraAndGitHub,
}

impl Kind {
    /// Tracker of the tickets, tracker of the source, and the repository's path there.
    fn places(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::GitHub => ("org/api", "org/api", "org/api"),
            Self::GitLab => ("group/api", "group/api", "group/api"),
            Self::AzureDevOps => ("org/My Project", "org/My Project", "org/My%20Project/_git/api"),
            Self::JiraAndGitHub => ("OPS", "org/api", "org/api"),
        }
    }

    /// The token of the source.
    pub fn token(self) -> &'static str {
        match self {
            Self::GitHub | Self::JiraAndGitHub => TOKEN,
            Self::GitLab => GITLAB_TOKEN,
            Self::AzureDevOps => AZURE_TOKEN,
        }
    }
}

/// A board, a repository, and a project that leads from one to the other.
pub struct Ground {
    pub kind: Kind,
    pub board: Board,
    pub tickets: &'static str,
    pub source: &'static str,
    /// Where the source is; the tickets too, but for Jira.
    pub sim: SimServer,
    /// The repository on disk.
    pub remote: PathBuf,
    pub folder: TempDir,
    on_jira: Option<SimServer>,
}

impl Ground {
    pub async fn new(kind: Kind) -> Self {
        let folder = tempfile::Builder::new().prefix("agent-smith-way-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("remotes")).unwrap();
        let repositories = Repositories::in_folder(&folder.path().join("remotes"));
        let (tickets, source, path) = kind.places();
        let remote = repositories.add(path).await.unwrap();
        begin(&remote, folder.path());
        let board = Board::new();
        board.add_tracker(tickets).unwrap();
        if source != tickets {
            board.add_tracker(source).unwrap();
        }
        let repositories = Some(repositories);
        let sim = match kind {
            Kind::GitHub | Kind::JiraAndGitHub => {
                let options = github::SimOptions { repositories, quota: None, ..Default::default() };
                github::serve(board.clone(), options).await
            }
            Kind::GitLab => {
                let options = gitlab::SimOptions { repositories, quota: None, ..Default::default() };
                gitlab::serve(board.clone(), options).await
            }
            Kind::AzureDevOps => {
                let options = azure_devops::SimOptions { repositories, quota: None, ..Default::default() };
                azure_devops::serve(board.clone(), options).await
            }
        };
        let on_jira = match kind {
            Kind::JiraAndGitHub => Some(jira::serve(board.clone(), jira::SimOptions::default()).await.unwrap()),
            _ => None,
        };
        Self { kind, board, tickets, source, sim: sim.unwrap(), remote, folder, on_jira }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The project `api`, polled every second. `trigger` are the lines of its trigger section.
    pub fn project(&self, trigger: &[&str]) -> String {
        let url = self.sim.url();
        let (source, tickets, section) = match self.kind {
            Kind::GitHub => {
                let page = format!("{url}/org/api");
                (format!("type: GitHub, url: '{page}'"), format!("type: GitHub, url: '{page}'"), "github_trigger")
            }
            Kind::GitLab => {
                let page = format!("{url}/group/api");
                (format!("type: GitLab, url: '{page}'"), format!("type: GitLab, url: '{page}'"), "gitlab_trigger")
            }
            Kind::AzureDevOps => (
                format!("type: AzureRepos, url: '{url}/org/My%20Project/_git/api'"),
                format!("type: AzureDevOps, url: '{}', project: My Project", self.sim.api_url()),
                "azuredevops_trigger",
            ),
            Kind::JiraAndGitHub => {
                let site = self.on_jira.as_ref().unwrap().url();
                (
                    format!("type: GitHub, url: '{url}/org/api'"),
                    format!("type: Jira, url: '{site}', project: OPS"),
                    "jira_trigger",
                )
            }
        };
        let trigger: String = trigger.iter().map(|line| format!("      {line}\n")).collect();
        format!(
            "  api:\n    source: {{ {source} }}\n    tickets: {{ {tickets} }}\n    {section}:\n{trigger}    polling: {{ enabled: true, interval_seconds: 1, jitter_percent: 5 }}\n"
        )
    }

    /// What the configuration takes from the environment.
    pub fn variables() -> [(&'static str, &'static str); 9] {
        [
            ("GITHUB_WEBHOOK_SECRET", HOOK_SECRET),
            ("GITLAB_WEBHOOK_TOKEN", HOOK_SECRET),
            ("AZDO_WEBHOOK_SECRET", HOOK_SECRET),
            ("JIRA_WEBHOOK_SECRET", HOOK_SECRET),
            ("GITHUB_TOKEN", TOKEN),
            ("GITLAB_TOKEN", GITLAB_TOKEN),
            ("AZURE_DEVOPS_TOKEN", AZURE_TOKEN),
            ("JIRA_EMAIL", "smith@simulated.example"),
            ("JIRA_TOKEN", "simulated-jira-token"),
        ]
    }

    /// The real app in this process, on the embedded store. `top` is put before everything else in the file.
    pub async fn start(&self, settings: &Settings, top: &str, variables: &[(&str, &str)]) -> App {
        let text = format!("{top}{}", config_text(settings, &self.path("data")));
        self.start_on(Arc::new(EmbeddedStore::new()), &text, variables).await
    }

    /// The same on a store of the caller's, with the whole text of a file.
    pub async fn start_on(&self, store: Arc<dyn Store>, text: &str, variables: &[(&str, &str)]) -> App {
        let env: Env = Self::variables().into_iter().chain(variables.iter().copied()).collect();
        let loaded = parse("agentsmith.yml", text, &env).unwrap_or_else(|broken| panic!("{broken}\n{text}"));
        assert!(loaded.problems.is_empty(), "{:?}\n{text}", loaded.problems);
        world::start(Live::fixed(loaded.config), store, "one").await
    }

    /// Has the tracker of the tickets send its deliveries to this server.
    pub fn register_webhook(&self, server: std::net::SocketAddr) {
        let (sim, platform) = match self.kind {
            Kind::GitHub => (&self.sim, "github"),
            Kind::GitLab => (&self.sim, "gitlab"),
            Kind::AzureDevOps => (&self.sim, "azuredevops"),
            Kind::JiraAndGitHub => (self.on_jira.as_ref().unwrap(), "jira"),
        };
        let hook = Hook::new(self.tickets, format!("http://{server}/webhook/{platform}"));
        sim.hooks().add(hook.secret(HOOK_SECRET));
    }

    /// A ticket's id, as the platform and a run's environment have it.
    pub fn id_of(&self, number: u64) -> String {
        if self.kind == Kind::JiraAndGitHub { format!("OPS-{number}") } else { number.to_string() }
    }

    pub fn ask(&self, ticket: NewTicket) -> u64 {
        self.board.open_ticket(self.tickets, ticket).unwrap()
    }

    /// Awaits the end of a ticket's run and the comment that says so.
    pub async fn ended(&self, number: u64) -> TicketView {
        let over = |board: &Board| {
            let ticket = board.ticket(self.tickets, number).unwrap();
            let word = match Lifecycle::of(&ticket.labels) {
                Some(Lifecycle::Done) => "done after",
                Some(Lifecycle::Failed) => "failed after",
                _ => return false,
            };
            ticket.comments.iter().any(|comment| plain(&comment.body).contains(word))
        };
        let reached = self.board.wait_until(over, BOUND).await;
        let ticket = self.board.ticket(self.tickets, number).unwrap();
        assert!(reached.is_ok(), "{:?}: {ticket:?}", self.kind);
        ticket
    }

    /// What git says of the remote.
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.remote, arguments)
    }

    /// The remote's branches.
    pub fn branches(&self) -> Vec<String> {
        let listed = self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// The remote's branches of one ticket.
    pub fn branches_of(&self, number: u64) -> Vec<String> {
        let id = self.id_of(number);
        let (alone, begins) = (format!("agent-smith/{id}"), format!("agent-smith/{id}-"));
        self.branches().into_iter().filter(|branch| *branch == alone || branch.starts_with(&begins)).collect()
    }

    /// All change requests, open or not.
    pub fn requests(&self) -> Vec<TicketView> {
        self.board.change_requests(self.source)
    }

    /// What the platform itself says of merging a change request: the word that it has for it.
    pub async fn merge_state(&self, number: u64) -> String {
        let (api, client) = (self.sim.api_url(), reqwest::Client::builder().no_proxy().build().unwrap());
        let (request, word) = match self.kind {
            Kind::GitHub | Kind::JiraAndGitHub => {
                let request = client.get(format!("{api}/repos/org/api/pulls/{number}")).bearer_auth(TOKEN);
                (request.header("User-Agent", "test"), "mergeable_state")
            }
            Kind::GitLab => {
                let request = client.get(format!("{api}/projects/group%2Fapi/merge_requests/{number}"));
                (request.header("PRIVATE-TOKEN", GITLAB_TOKEN), "detailed_merge_status")
            }
            Kind::AzureDevOps => {
                let route = format!("My%20Project/_apis/git/repositories/api/pullrequests/{number}?api-version=7.1");
                (client.get(format!("{api}/{route}")).basic_auth("", Some(AZURE_TOKEN)), "mergeStatus")
            }
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{:?}", self.kind);
        let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer[word].as_str().unwrap_or_default().to_owned()
    }

    /// Commits this to `main` of the remote, as somebody else would.
    pub fn write_to_main(&self, file: &str, text: impl AsRef<[u8]>) {
        let desk = self.path("desk");
        std::fs::write(desk.join(file), text).unwrap();
        git(&desk, &["add", "--all"]);
        git(&desk, &["commit", "--quiet", "--message", "Go on"]);
        git(&desk, &["push", "--quiet", self.remote.to_str().unwrap(), "main"]);
    }

    /// The change requests of a branch.
    pub fn requests_of(&self, branch: &str) -> Vec<TicketView> {
        let mut requests = self.requests();
        requests.retain(|request| request.change.as_ref().is_some_and(|change| change.head == branch));
        requests
    }
}

/// What a person reads of a comment on any platform: no tags, no emphasis, no backslashes.
pub fn plain(body: &str) -> String {
    let mut text = String::new();
    if body.starts_with('<') {
        for piece in body.split('<') {
            text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
        }
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
        text = text.replace("&amp;", "&");
    } else {
        text.push_str(body);
    }
    text.replace(['\\', '*', '`'], "")
}

/// A repository with something broken on `main`, and the test that finds it.
fn begin(remote: &Path, folder: &Path) {
    let desk = folder.join("desk");
    std::fs::create_dir(&desk).unwrap();
    git(&desk, &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(desk.join("bug.txt"), "broken\n").unwrap();
    std::fs::write(desk.join("test.sh"), "grep -q fixed bug.txt || { echo 1 test failed; exit 1; }\n").unwrap();
    git(&desk, &["add", "--all"]);
    git(&desk, &["commit", "--quiet", "--message", "Begin"]);
    git(&desk, &["push", "--quiet", remote.to_str().unwrap(), "main"]);
}

/// Git as a person at another machine calls it.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Anna").env(format!("GIT_{who}_EMAIL"), "anna@example.org");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
