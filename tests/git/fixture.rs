//! A repository behind a simulated platform, and runs that work on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agent_smith::config::{Env, Loaded, Secrets, parse};
use agent_smith::job::{AskedBy, Job, JobLease};
use agent_smith::pipeline::{
    Confirm, Failure, FailureCause, Hands, Mask, Outcome, RunReport, RunRequest, Runner, RunnerSettings, Stop, Writer,
};
use agent_smith::platform;
use agent_smith::platform::http::Http;
use agent_smith::platform::registry::Trackers;
use agent_smith::run_record::Progress;
use agent_smith::sim::SimServer;
use agent_smith::sim::board::Board;
use agent_smith::sim::git::Repositories;
use agent_smith::sim::github::{self, SimOptions};
use agent_smith::ticket::{PlatformKind, Ticket, TicketKey};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "simulated-github-token";
/// The branch of the usual ticket.
pub(crate) const BRANCH: &str = "agent-smith/42-it-crashes";
/// Everything that is usually done.
pub(crate) const WHOLE: &str = "[{checkout: {}}, {run: 'echo fixed > bug.txt'}, {commit: {}}, {push: {}}]";

pub(crate) struct World {
    pub(crate) sim: SimServer,
    pub(crate) board: Board,
    pub(crate) root: TempDir,
    pub(crate) runner: Runner,
    pub(crate) repositories: Repositories,
    /// The repository on disk.
    pub(crate) remote: PathBuf,
    pub(crate) ticket: Ticket,
    pub(crate) job: Job,
    pub(crate) token: String,
    pub(crate) source: String,
    pub(crate) timeout_seconds: u64,
    /// One more line of the pipeline.
    pub(crate) options: String,
}

impl World {
    /// One repository `o/r` with a file `bug.txt` on `main`.
    pub(crate) async fn new() -> Self {
        let root = tempfile::Builder::new().prefix("agent-smith-git-").tempdir().unwrap();
        for folder in ["remotes", "home"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let repositories = Repositories::in_folder(&root.path().join("remotes"));
        let options = SimOptions { quota: None, repositories: Some(repositories.clone()), ..SimOptions::default() };
        let board = Board::new();
        board.add_tracker("o/r").unwrap();
        let sim = github::serve(board.clone(), options).await.unwrap();
        let remote = repositories.add("o/r").await.unwrap();
        let runner = runner(root.path());
        let source = format!("{{ type: GitHub, url: '{}/o/r', auth: token }}", sim.url());
        let key = TicketKey::new(PlatformKind::GitHub, "p", "42");
        let job = Job::new(key, "work", AskedBy::TriggerLabel);
        let (ticket, token, options) = (ticket(), TOKEN.to_owned(), String::new());
        let timeout_seconds = 60;
        let world = Self {
            sim,
            board,
            root,
            runner,
            repositories,
            remote,
            ticket,
            job,
            token,
            source,
            timeout_seconds,
            options,
        };
        world.write("main", &[("bug.txt", "broken\n"), ("src/lib.txt", "library\n")], "Begin");
        world
    }

    /// Commits files on a branch of the remote, as somebody else would.
    pub(crate) fn write(&self, branch: &str, files: &[(&str, &str)], message: &str) -> String {
        commit_to(&self.remote, branch, files, message)
    }

    /// What git says of the remote.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        git(&self.remote, arguments)
    }

    /// The names of the remote's branches.
    pub(crate) fn branches(&self) -> Vec<String> {
        let listed = self.ask(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        listed.lines().map(str::to_owned).collect()
    }

    pub(crate) fn settings(&self, steps: &str) -> Loaded {
        let text = format!(
            "projects:
  p:
    source: {}
    tickets: {{ type: GitHub, url: 'https://github.com/o/r', api_url: '{}' }}
pipelines:
  work:
    timeout_seconds: {}
    {}
    steps: {steps}
",
            self.source,
            self.sim.api_url(),
            self.timeout_seconds,
            self.options,
        );
        let env: Env =
            [("GITHUB_TOKEN", self.token.as_str()), ("GITLAB_TOKEN", &self.token), ("AZURE_DEVOPS_TOKEN", &self.token)]
                .into_iter()
                .collect();
        let loaded = parse("f.yml", &text, &env).unwrap_or_else(|broken| panic!("{broken}"));
        assert!(loaded.left_out.is_empty(), "{:?}", loaded.left_out);
        loaded
    }

    pub(crate) async fn run(&self, steps: &str) -> RunReport {
        self.attempt(&self.runner, steps, &Attempt::default()).await
    }

    pub(crate) async fn attempt(&self, runner: &Runner, steps: &str, attempt: &Attempt) -> RunReport {
        let loaded = self.settings(steps);
        let project = &loaded.config.projects["p"];
        let platform = platform::open(&project.tracker, &Http::new().unwrap()).unwrap();
        let term = (attempt.epoch as u32, attempt.epoch, "g".to_owned());
        let lease = JobLease::obtained(self.job.clone(), term, None, (Instant::now(), Duration::from_secs(3600)));
        let ours = Arc::clone(&attempt.ours);
        let confirm: Confirm = Arc::new(move || {
            let ours = ours.load(Ordering::SeqCst);
            Box::pin(async move { Some(ours) })
        });
        let writer = Writer::new(lease.clone(), confirm, CancellationToken::new());
        let trackers = Trackers::new(Http::new().unwrap());
        let hands =
            Hands { platform, source: project.source.clone(), forge: trackers.forge_of(project).unwrap(), writer };
        let request = RunRequest {
            job: &self.job,
            attempt: attempt.epoch as u32,
            ticket: &self.ticket,
            pipeline: &loaded.config.pipelines["work"],
            secrets: &Secrets::default(),
            mask: Mask::new([&self.token]),
            hands,
            stop: attempt.stop.clone(),
            right: Arc::new(lease),
            progress: attempt.progress.clone(),
        };
        runner.run(request).await
    }

    /// How often the remote's service was called since the last look.
    pub(crate) fn calls(&self) -> usize {
        let requests = self.sim.faults().requests();
        self.sim.faults().forget_requests();
        requests.iter().filter(|request| request.path_and_query.ends_with("/git-upload-pack")).count()
    }
}

/// One attempt of the job.
pub(crate) struct Attempt {
    pub(crate) epoch: u64,
    pub(crate) ours: Arc<AtomicBool>,
    pub(crate) stop: Stop,
    pub(crate) progress: watch::Sender<Progress>,
}

impl Default for Attempt {
    fn default() -> Self {
        Self { epoch: 1, ours: Arc::new(AtomicBool::new(true)), stop: Stop::default(), progress: Default::default() }
    }
}

pub(crate) fn runner(root: &Path) -> Runner {
    let environment = [
        ("PATH", std::env::var("PATH").unwrap()),
        ("HOME", root.join("home").display().to_string()),
        ("GITHUB_TOKEN", TOKEN.to_owned()),
    ];
    let settings = RunnerSettings {
        data_dir: root.join("data"),
        supervisor: env!("CARGO_BIN_EXE_agent-smith").into(),
        host: "box-1".into(),
        environment: environment.map(|(name, value)| (name.into(), OsString::from(value))).into(),
        cgroup: Err("a test of something else".to_owned()),
    };
    Runner::new(settings).unwrap()
}

fn ticket() -> Ticket {
    Ticket {
        id: "42".into(),
        title: "It crashes".into(),
        body: "Often.".into(),
        labels: ["bug"].into_iter().collect(),
        state: "open".into(),
        open: true,
        url: "https://example.org/42".into(),
    }
}

/// Git as a person at another machine calls it.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        // What is not there is not fetched in secret.
        .env("GIT_ALLOW_PROTOCOL", "file")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "Anna")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "anna@example.org")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Commits files on a branch of a bare repository; one that is not there begins at `main`.
pub(crate) fn commit_to(remote: &Path, branch: &str, files: &[(&str, &str)], message: &str) -> String {
    let desk = tempfile::tempdir().unwrap();
    let at = desk.path();
    git(at, &["clone", "--quiet", remote.to_str().unwrap(), "."]);
    let exists = git(at, &["branch", "--remotes"]).contains(&format!("origin/{branch}"));
    let has_main = git(at, &["branch", "--remotes"]).contains("origin/main");
    match (exists, has_main) {
        (true, _) => git(at, &["checkout", "--quiet", "-B", branch, &format!("origin/{branch}")]),
        (false, true) => git(at, &["checkout", "--quiet", "-B", branch, "origin/main"]),
        (false, false) => git(at, &["checkout", "--quiet", "-b", branch]),
    };
    for (name, text) in files {
        let path = at.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    git(at, &["add", "--all"]);
    git(at, &["commit", "--quiet", "--allow-empty", "--message", message]);
    git(at, &["push", "--quiet", "origin", branch]);
    git(at, &["rev-parse", "HEAD"])
}

/// Why a run failed, in the words of its step.
pub(crate) fn refused(report: &RunReport) -> &str {
    match &report.outcome {
        Outcome::Failed(Failure { cause: FailureCause::Refused(why) | FailureCause::NotStarted(why), .. }) => why,
        other => panic!("{other:?}: {}", log(report)),
    }
}

pub(crate) fn done(report: &RunReport) {
    assert_eq!(report.outcome, Outcome::Done, "{}", log(report));
}

pub(crate) fn log(report: &RunReport) -> String {
    report.log.as_ref().map(|path| std::fs::read_to_string(path).unwrap()).unwrap_or_default()
}
