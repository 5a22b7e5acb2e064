//! Change requests on the platforms that have source: opened once, found again, refused in words.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use agent_smith::config::{Credentials, Forge as Where, ForgePlace};
use agent_smith::job::{AskedBy, Job, JobLease};
use agent_smith::platform::http::{Http, Settings};
use agent_smith::platform::{ChangeRequest, Error, Forge, OpenRequest, Result, open_forge};
use agent_smith::sim::board::{Asked, Board, Change, NewTicket, TicketView};
use agent_smith::sim::git::Repositories;
use agent_smith::sim::{Fault, Match, SimServer, Times, azure_devops, github, gitlab};
use agent_smith::ticket::{PlatformKind, TicketKey};
use tempfile::TempDir;
use tokio::time::Instant;

const BRANCH: &str = "agent-smith/7-it-crashes";

/// A repository with `main` and a branch with work on it.
struct Yard {
    board: Board,
    sim: SimServer,
    tracker: &'static str,
    at: Where,
    remote: PathBuf,
    forge: Arc<dyn Forge>,
    _folder: TempDir,
}

/// Runs each row once on each platform that has source.
macro_rules! on_every_forge {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[tokio::test]
                async fn github() {
                    super::$name(super::Yard::github().await).await;
                }

                #[tokio::test]
                async fn gitlab() {
                    super::$name(super::Yard::gitlab().await).await;
                }

                #[tokio::test]
                async fn azure_repos() {
                    super::$name(super::Yard::azure_repos().await).await;
                }
            }
        )+
    };
}

on_every_forge!(
    one_is_opened_and_found_again,
    one_whose_answer_was_lost_is_found_and_not_opened_twice,
    two_that_race_open_one,
    a_right_that_has_run_out_opens_nothing,
    what_somebody_else_opened_is_used_and_left_alone,
    one_that_was_closed_is_not_taken_for_open,
    a_draft_is_opened_as_one,
    refusals_name_the_cure,
    the_longest_body_fits_and_keeps_its_marker,
    a_title_or_a_body_gives_no_orders,
);

impl Yard {
    async fn github() -> Self {
        let (repositories, folder, remote) = repository("org/api").await;
        let (tracker, board) = ("org/api", Board::new());
        board.add_tracker(tracker).unwrap();
        let options = github::SimOptions { repositories: Some(repositories), ..Default::default() };
        let sim = github::serve(board.clone(), options).await.unwrap();
        let place = ForgePlace::GitHub { owner: "org".into(), repo: "api".into() };
        let page = format!("{}/org/api", sim.url());
        Self::with(board, sim, tracker, (place, &page, "simulated-github-token"), (folder, remote))
    }

    async fn gitlab() -> Self {
        let (repositories, folder, remote) = repository("group/sub/api").await;
        let (tracker, board) = ("group/sub/api", Board::new());
        board.add_tracker(tracker).unwrap();
        let options = gitlab::SimOptions { repositories: Some(repositories), ..Default::default() };
        let sim = gitlab::serve(board.clone(), options).await.unwrap();
        let place = ForgePlace::GitLab { path: tracker.into() };
        let page = format!("{}/{tracker}", sim.url());
        Self::with(board, sim, tracker, (place, &page, "simulated-gitlab-token"), (folder, remote))
    }

    async fn azure_repos() -> Self {
        let (repositories, folder, remote) = repository("org/My%20Project/_git/repo").await;
        let (tracker, board) = ("org/My Project", Board::new());
        board.add_tracker(tracker).unwrap();
        let options = azure_devops::SimOptions { repositories: Some(repositories), ..Default::default() };
        let sim = azure_devops::serve(board.clone(), options).await.unwrap();
        let place = ForgePlace::AzureRepos { project: "My Project".into(), repository: "repo".into() };
        let page = format!("{}/org/My%20Project/_git/repo", sim.url());
        Self::with(board, sim, tracker, (place, &page, "simulated-azure-devops-token"), (folder, remote))
    }

    fn with(
        board: Board,
        sim: SimServer,
        tracker: &'static str,
        (place, page, token): (ForgePlace, &str, &str),
        (folder, remote): (TempDir, PathBuf),
    ) -> Self {
        let credentials = Some(Credentials { user: None, token: token.to_owned().into() });
        let at = Where { api_url: sim.api_url().parse().unwrap(), web_url: page.parse().unwrap(), place, credentials };
        let forge = open_forge(&at, &http()).unwrap();
        Self { board, sim, tracker, at, remote, forge, _folder: folder }
    }

    async fn open(&self, wanted: &ChangeRequest) -> Result<OpenRequest> {
        self.forge.open_change_request(&right(Duration::from_secs(60)), wanted).await
    }

    /// All there are, open or closed.
    fn all(&self) -> Vec<TicketView> {
        self.board.change_requests(self.tracker)
    }

    fn git(&self, arguments: &[&str]) {
        git(&self.remote, arguments);
    }
}

async fn repository(path: &str) -> (Repositories, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let repositories = Repositories::in_folder(folder.path());
    let remote = repositories.add(path).await.unwrap();
    let desk = tempfile::tempdir().unwrap();
    git(desk.path(), &["init", "--quiet", "--initial-branch=main"]);
    git(desk.path(), &["commit", "--quiet", "--allow-empty", "--message", "Begin"]);
    git(desk.path(), &["push", "--quiet", remote.to_str().unwrap(), "main"]);
    git(desk.path(), &["commit", "--quiet", "--allow-empty", "--message", "Work"]);
    git(desk.path(), &["push", "--quiet", remote.to_str().unwrap(), &format!("HEAD:refs/heads/{BRANCH}")]);
    (repositories, folder, remote)
}

fn git(folder: &std::path::Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Anna").env(format!("GIT_{who}_EMAIL"), "anna@example.org");
    }
    assert!(command.status().unwrap().success(), "git {arguments:?}");
}

fn http() -> Http {
    let pause = Duration::from_millis(2);
    Http::with(Settings { pause_base: pause, pause_cap: pause, ..Settings::default() }).unwrap()
}

fn right(ttl: Duration) -> JobLease {
    let job = Job::new(TicketKey::new(PlatformKind::GitHub, "p", "7"), "work", AskedBy::TriggerLabel);
    JobLease::obtained(job, (1, 1, "g".to_owned()), None, (Instant::now(), ttl))
}

fn wanted() -> ChangeRequest {
    ChangeRequest {
        branch: BRANCH.into(),
        base: "main".into(),
        title: "It crashes".into(),
        body: "Ticket: <https://example.org/7>\n\nDone.".into(),
        run: "0190-run/1".into(),
        draft: false,
    }
}

/// Its address leads to its page.
async fn shows_its_page(request: &OpenRequest) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.get(&request.url).send().await.unwrap();
    assert_eq!(page.status(), 200, "{}", request.url);
    let text = String::from_utf8_lossy(&page.bytes().await.unwrap()).into_owned();
    assert!(text.contains("Open pull request"), "{text}");
}

async fn one_is_opened_and_found_again(yard: Yard) {
    let first = yard.open(&wanted()).await.unwrap();
    let [ticket] = &yard.all()[..] else { panic!("{:?}", yard.all()) };
    assert_eq!((first.number, ticket.title.as_str(), ticket.open), (ticket.number, "It crashes", true));
    let change = ticket.change.as_ref().unwrap();
    assert_eq!((change.head.as_str(), change.base.as_str(), change.draft), (BRANCH, "main", false));
    assert_eq!(ticket.body, "Ticket: <https://example.org/7>\n\nDone.\n\n<!-- agent-smith run 0190-run/1 -->");
    if matches!(yard.at.place, ForgePlace::GitLab { .. }) {
        assert_eq!(first.url, format!("{}/group/sub/api/-/merge_requests/{}", yard.sim.url(), first.number));
    } else {
        shows_its_page(&first).await;
    }

    yard.sim.faults().forget_requests();
    let again = yard.open(&wanted()).await.unwrap();
    assert_eq!((again.number, &again.url), (first.number, &first.url));
    let writes = yard.sim.faults().requests().iter().filter(|request| request.method != "GET").count();
    assert_eq!(writes, 0, "what is as it should be is not written");
    let later = ChangeRequest { title: "It crashes often".into(), run: "0191-run/2".into(), ..wanted() };
    assert_eq!(yard.open(&later).await.unwrap().number, first.number);
    let [ticket] = &yard.all()[..] else { panic!("{:?}", yard.all()) };
    assert_eq!(ticket.title, "It crashes often");
    assert!(ticket.body.ends_with("<!-- agent-smith run 0191-run/2 -->"), "{}", ticket.body);
}

async fn one_whose_answer_was_lost_is_found_and_not_opened_twice(yard: Yard) {
    yard.sim.faults().fail(Match::new("POST", ""), Times::Always, Fault::LoseAnswer);
    let error = yard.open(&wanted()).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(yard.all().len(), 1, "it was opened once, and the request not repeated");
    yard.sim.faults().clear();
    assert_eq!(yard.open(&wanted()).await.unwrap().number, yard.all()[0].number);
    assert_eq!(yard.all().len(), 1);
}

async fn two_that_race_open_one(yard: Yard) {
    let other = open_forge(&yard.at, &http()).unwrap();
    // Both have looked before either opens one.
    let hold = yard.sim.faults().hold(Match::new("POST", ""));
    let (a, b) = (wanted(), ChangeRequest { run: "0191-run/2".into(), ..wanted() });
    let (mine, theirs) = (right(Duration::from_secs(60)), right(Duration::from_secs(60)));
    let race =
        async { tokio::join!(yard.forge.open_change_request(&mine, &a), other.open_change_request(&theirs, &b)) };
    let release = async {
        assert!(hold.reached(2, Duration::from_secs(20)).await, "both want to open one");
        drop(hold);
    };
    let ((first, second), ()) = tokio::join!(race, release);
    assert_eq!(first.unwrap().number, second.unwrap().number);
    assert_eq!(yard.all().len(), 1);
}

async fn a_right_that_has_run_out_opens_nothing(yard: Yard) {
    let stale = right(Duration::ZERO);
    let error = yard.forge.open_change_request(&stale, &wanted()).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    assert!(yard.all().is_empty());
    yard.open(&wanted()).await.unwrap();
    let later = ChangeRequest { title: "Another".into(), ..wanted() };
    yard.forge.open_change_request(&stale, &later).await.unwrap_err();
    assert_eq!(yard.all()[0].title, "It crashes");
}

async fn what_somebody_else_opened_is_used_and_left_alone(yard: Yard) {
    let repository = match &yard.at.place {
        ForgePlace::AzureRepos { repository, .. } => repository.clone(),
        _ => String::new(),
    };
    let change = Change { repository, head: BRANCH.into(), base: "main".into(), draft: false };
    let new = NewTicket::titled("By hand").body("My words.");
    let Asked::Opened(number) = yard.board.open_change_request(yard.tracker, new, change).unwrap() else { panic!() };
    assert_eq!(yard.open(&wanted()).await.unwrap().number, number);
    let [ticket] = &yard.all()[..] else { panic!("{:?}", yard.all()) };
    assert_eq!((ticket.title.as_str(), ticket.body.as_str()), ("By hand", "My words."));
}

async fn one_that_was_closed_is_not_taken_for_open(yard: Yard) {
    let first = yard.open(&wanted()).await.unwrap();
    yard.board.close(yard.tracker, first.number).unwrap();
    let second = yard.open(&wanted()).await.unwrap();
    assert_ne!(first.number, second.number);
    assert_eq!(yard.all().iter().filter(|ticket| ticket.open).count(), 1);
}

async fn a_draft_is_opened_as_one(yard: Yard) {
    let draft = ChangeRequest { draft: true, ..wanted() };
    yard.open(&draft).await.unwrap();
    assert!(yard.all()[0].change.as_ref().unwrap().draft);
    let later = ChangeRequest { title: "Later".into(), ..draft };
    yard.open(&later).await.unwrap();
    let [ticket] = &yard.all()[..] else { panic!("{:?}", yard.all()) };
    let expected = if matches!(yard.at.place, ForgePlace::GitLab { .. }) { "Draft: Later" } else { "Later" };
    assert_eq!(ticket.title, expected, "a draft stays one");
}

async fn refusals_name_the_cure(yard: Yard) {
    let said = async |wanted: ChangeRequest| yard.open(&wanted).await.unwrap_err();
    yard.board.set_can_write(yard.tracker, false).unwrap();
    let error = said(wanted()).await;
    let right = match &yard.at.place {
        ForgePlace::GitHub { .. } => "Pull requests: write",
        ForgePlace::GitLab { .. } => "the role Developer",
        ForgePlace::AzureRepos { .. } => "Contribute to pull requests",
    };
    assert!(matches!(error, Error::Unauthorized { .. }) && error.to_string().contains(right), "{error}");
    yard.board.set_can_write(yard.tracker, true).unwrap();
    let gone = said(ChangeRequest { branch: "agent-smith/gone".into(), ..wanted() }).await;
    assert!(matches!(gone, Error::Impossible { .. }) && gone.to_string().contains("not on the remote"), "{gone}");
    yard.git(&["update-ref", "refs/heads/agent-smith/even", "refs/heads/main"]);
    if matches!(yard.at.place, ForgePlace::GitHub { .. }) {
        let even = said(ChangeRequest { branch: "agent-smith/even".into(), ..wanted() }).await;
        assert!(even.to_string().contains("the branch has nothing that its base has not"), "{even}");
        let body = r#"{"message":"Repository was archived so is read-only.","status":"403"}"#;
        let archived = Fault::Answer {
            status: 403,
            headers: Vec::new(),
            content_type: "application/json".into(),
            body: body.into(),
        };
        yard.sim.faults().fail(Match::new("POST", "/pulls"), Times::Always, archived);
        let archived = said(wanted()).await;
        assert!(archived.to_string().contains("unarchive it"), "{archived}");
    }
    assert!(yard.all().is_empty());
}

async fn the_longest_body_fits_and_keeps_its_marker(yard: Yard) {
    let long = ChangeRequest { body: "a line of text, ü\n".repeat(20_000), ..wanted() };
    yard.open(&long).await.unwrap();
    yard.open(&long).await.unwrap();
    let [ticket] = &yard.all()[..] else { panic!("{:?}", yard.all()) };
    assert!(ticket.body.ends_with("*(shortened)*\n\n<!-- agent-smith run 0190-run/1 -->"), "{}", ticket.body.len());
}

async fn a_title_or_a_body_gives_no_orders(yard: Yard) {
    let title = "Draft: /close".to_owned();
    let hostile = ChangeRequest { title, body: "text\n/close\n/merge\n```\n/close\n```".into(), ..wanted() };
    yard.open(&hostile).await.unwrap();
    yard.open(&hostile).await.unwrap();
    let [ticket] = &yard.all()[..] else { panic!("{:?}", yard.all()) };
    assert!(ticket.open && !ticket.change.as_ref().unwrap().draft, "{ticket:?}");
    if matches!(yard.at.place, ForgePlace::GitLab { .. }) {
        assert!(!ticket.body.lines().any(|line| line.starts_with('/')), "{}", ticket.body);
    }
}
