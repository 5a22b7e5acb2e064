//! From a label to a change request with the real binary, killed between each pair of steps: one branch, one change
//! request, one comment.
//!
//! Between two steps stands a gate, a step that waits for a file, so the kill is never a matter of luck.

use std::path::{Path, PathBuf};
use std::process::Command;

use agent_smith::lifecycle::Lifecycle;
use agent_smith::sim::board::{Board, NewTicket, TicketView};
use agent_smith::sim::git::Repositories;
use agent_smith::sim::{SimServer, azure_devops, github, gitlab, jira};
use tempfile::TempDir;

use crate::support::process::Server;
use crate::support::redis::RedisServer;
use crate::support::world::{BOUND, Settings, config_text, eventually, has_result};

/// What is done between the gates, in order.
const STEPS: [&str; 5] =
    ["checkout: {}", "run: echo fixed > bug.txt", "commit: {}", "push: {}", "open_change_request: {}"];

/// Which platform the tickets and the source are on.
#[derive(Clone, Copy)]
enum Kind {
    GitHub,
    GitLab,
    AzureDevOps,
    /// Tickets in Jira, source on GitHub.
    JiraAndGitHub,
}

/// A board, a repository, and a configuration that leads from one to the other.
struct Way {
    board: Board,
    tickets: &'static str,
    source: &'static str,
    remote: PathBuf,
    folder: TempDir,
    redis: RedisServer,
    _sims: Vec<SimServer>,
}

impl Way {
    async fn new(kind: Kind, extra: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("agent-smith-way-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("remotes")).unwrap();
        let repositories = Repositories::in_folder(&folder.path().join("remotes"));
        let (tickets, source, path) = match kind {
            Kind::GitHub => ("org/api", "org/api", "org/api"),
            Kind::GitLab => ("group/api", "group/api", "group/api"),
            Kind::AzureDevOps => ("org/My Project", "org/My Project", "org/My%20Project/_git/api"),
            Kind::JiraAndGitHub => ("OPS", "org/api", "org/api"),
        };
        let remote = repositories.add(path).await.unwrap();
        begin(&remote, folder.path());
        let board = Board::new();
        board.add_tracker(tickets).unwrap();
        if source != tickets {
            board.add_tracker(source).unwrap();
        }
        let behind = Some(repositories);
        let (sims, section) = match kind {
            Kind::GitHub | Kind::JiraAndGitHub => {
                let options = github::SimOptions { repositories: behind, quota: None, ..Default::default() };
                let on_github = github::serve(board.clone(), options).await.unwrap();
                let source = format!("source: {{ type: GitHub, url: '{}/org/api' }}", on_github.url());
                if matches!(kind, Kind::GitHub) {
                    let page = format!("{}/org/api", on_github.url());
                    let section =
                        format!("{source}\n    tickets: {{ type: GitHub, url: '{page}' }}\n    github_trigger:");
                    (vec![on_github], section)
                } else {
                    let on_jira = jira::serve(board.clone(), jira::SimOptions::default()).await.unwrap();
                    let url = on_jira.url();
                    let section = format!(
                        "{source}\n    tickets: {{ type: Jira, url: '{url}', project: OPS }}\n    jira_trigger:"
                    );
                    (vec![on_github, on_jira], section)
                }
            }
            Kind::GitLab => {
                let options = gitlab::SimOptions { repositories: behind, quota: None, ..Default::default() };
                let sim = gitlab::serve(board.clone(), options).await.unwrap();
                let page = format!("{}/group/api", sim.url());
                let section = format!(
                    "source: {{ type: GitLab, url: '{page}' }}\n    tickets: {{ type: GitLab, url: '{page}' }}\n    gitlab_trigger:"
                );
                (vec![sim], section)
            }
            Kind::AzureDevOps => {
                let options = azure_devops::SimOptions { repositories: behind, quota: None, ..Default::default() };
                let sim = azure_devops::serve(board.clone(), options).await.unwrap();
                let (url, api) = (sim.url(), sim.api_url());
                let section = format!(
                    "source: {{ type: AzureRepos, url: '{url}/org/My%20Project/_git/api' }}\n    tickets: {{ type: AzureDevOps, url: '{api}', project: My Project }}\n    azuredevops_trigger:"
                );
                (vec![sim], section)
            }
        };
        let way = Self { board, tickets, source, remote, folder, redis: RedisServer::start(), _sims: sims };
        way.configure(&section, extra);
        way
    }

    fn configure(&self, section: &str, extra: &str) {
        let projects = format!(
            "  api:\n    {section}\n      pipeline_from_label: {{ agent-smith: fix-bug }}\n{extra}    polling: {{ enabled: true, interval_seconds: 1, jitter_percent: 5 }}\n"
        );
        let mut pipelines = "  fix-bug:\n    timeout_seconds: 60\n    steps:\n".to_owned();
        for (index, step) in STEPS.iter().enumerate() {
            let (at, go) = (self.path(&format!("at-{}", index + 1)), self.path(&format!("go-{}", index + 1)));
            let gate = format!("touch {}; while [ ! -e {} ]; do sleep 0.02; done", at.display(), go.display());
            pipelines.push_str(&format!("      - {step}\n      - run: '{gate}'\n"));
        }
        let settings = Settings { projects, pipelines, ..Settings::steps(&[]) };
        std::fs::write(self.path("agentsmith.yml"), config_text(&settings, &self.path("data"))).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open_gate(&self, gate: usize) {
        std::fs::write(self.path(&format!("go-{gate}")), "").unwrap();
    }

    async fn server(&self, name: &str) -> Server {
        let url = self.redis.url();
        let env = [
            ("REDIS_URL", url.as_str()),
            ("GITLAB_TOKEN", "simulated-gitlab-token"),
            ("AZURE_DEVOPS_TOKEN", "simulated-azure-devops-token"),
            ("JIRA_EMAIL", "smith@simulated.example"),
            ("JIRA_TOKEN", "simulated-jira-token"),
        ];
        Server::start_with(&self.path("agentsmith.yml"), &env, self.path(&format!("{name}.log")), &[]).await
    }

    fn ask(&self) -> u64 {
        self.board
            .open_ticket(self.tickets, NewTicket::titled("It crashes").body("Often.").label("agent-smith"))
            .unwrap()
    }

    /// The ticket ends Done; one branch, one change request and one comment that leads to it.
    async fn ends_in_one_of_each(&self, number: u64, server: &Server) -> TicketView {
        let done = |board: &Board| {
            let ticket = board.ticket(self.tickets, number).unwrap();
            Lifecycle::of(&ticket.labels) == Some(Lifecycle::Done) && has_result(&ticket)
        };
        let reached = self.board.wait_until(done, BOUND).await;
        assert!(reached.is_ok(), "{:?}\n{}", self.board.ticket(self.tickets, number), server.log());
        let requests = self.board.change_requests(self.source);
        let [request] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!((request.title.as_str(), request.open), ("It crashes", true));
        let branches = git(&self.remote, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        let head = &request.change.as_ref().unwrap().head;
        assert_eq!(branches, format!("{head}\nmain"));
        assert!(head.starts_with("agent-smith/") && head.ends_with("-it-crashes"), "{head}");
        assert_eq!(git(&self.remote, &["show", &format!("{head}:bug.txt")]), "fixed");
        let ticket = self.board.ticket(self.tickets, number).unwrap();
        assert_eq!(ticket.comments.len(), 1, "{ticket:?}");
        let comment = ticket.comments[0].body.replace('\\', "");
        let end = format!("/{}", request.number);
        assert!(comment.contains("Change request") && comment.contains(&end), "{comment}");
        let is_html = comment.starts_with('<');
        assert!(!is_html || comment.contains("<a href=\"http"), "{comment}");
        ticket
    }
}

/// A repository with one file on `main`.
fn begin(remote: &Path, folder: &Path) {
    let desk = folder.join("desk");
    std::fs::create_dir(&desk).unwrap();
    git(&desk, &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(desk.join("bug.txt"), "broken\n").unwrap();
    git(&desk, &["add", "--all"]);
    git(&desk, &["commit", "--quiet", "--message", "Begin"]);
    git(&desk, &["push", "--quiet", remote.to_str().unwrap(), "main"]);
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Anna").env(format!("GIT_{who}_EMAIL"), "anna@example.org");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Killed while it waits behind the step with this number; another server finishes the work.
async fn killed_behind(kind: Kind, gate: usize) {
    let way = Way::new(kind, "").await;
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
    let way = Way::new(Kind::JiraAndGitHub, "      done_status: In Progress\n").await;
    (1..=STEPS.len()).for_each(|gate| way.open_gate(gate));
    let number = way.ask();
    let server = way.server("a").await;
    let ticket = way.ends_in_one_of_each(number, &server).await;
    assert_eq!(ticket.status.as_deref(), Some("In Progress"));
}

/// A ticket that is closed once its run is done is nothing that anybody took back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_is_closed_when_done_stays_done() {
    let way = Way::new(Kind::GitHub, "      done_status: closed\n").await;
    (1..=STEPS.len()).for_each(|gate| way.open_gate(gate));
    let number = way.ask();
    let server = way.server("a").await;
    let ticket = way.ends_in_one_of_each(number, &server).await;
    assert!(!ticket.open && ticket.comments[0].body.contains("**done**"), "{ticket:?}");
}

/// What a workflow does not allow is a note, and no failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_not_possible_is_a_note_in_the_comment() {
    let way = Way::new(Kind::JiraAndGitHub, "      done_status: Done\n").await;
    (1..=STEPS.len()).for_each(|gate| way.open_gate(gate));
    let number = way.ask();
    let server = way.server("a").await;
    let ticket = way.ends_in_one_of_each(number, &server).await;
    let comment = &ticket.comments[0].body;
    assert!(comment.contains("could not be moved to") && comment.contains("possible: In Progress"), "{comment}");
}
