//! A runner on a data directory of its own, and eyes for processes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use agent_smith::config::{Action, Budget, Env, KeepWorkspace, Limits, Pipeline, Retry, Secrets, Step, parse};
use agent_smith::job::{AskedBy, Job, JobLease, WriteRight};
use agent_smith::pipeline::{Confirm, Hands, Mask, RunReport, RunRequest, Runner, RunnerSettings, Stop, Writer};
use agent_smith::platform;
use agent_smith::platform::http::Http;
use agent_smith::ticket::{PlatformKind, Ticket, TicketKey};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The program that supervises steps.
pub(crate) const SUPERVISOR: &str = env!("CARGO_BIN_EXE_agent-smith");

pub(crate) struct Bench {
    pub(crate) root: TempDir,
    pub(crate) runner: Runner,
    pub(crate) ticket: Ticket,
    pub(crate) job: Job,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let runner = Runner::new(settings(root.path())).unwrap();
        let key = TicketKey::new(PlatformKind::GitHub, "my-api", "42");
        Self { root, runner, ticket: ticket(), job: Job::new(key, "fix-bug", AskedBy::TriggerLabel) }
    }

    pub(crate) async fn run(&self, commands: &[&str]) -> RunReport {
        self.run_with(&pipeline(commands, Duration::from_secs(60)), &Stop::default()).await
    }

    pub(crate) async fn run_with(&self, pipeline: &Pipeline, stop: &Stop) -> RunReport {
        self.run_for(pipeline, stop, Duration::from_secs(3600)).await
    }

    /// With a right to run that lasts so long.
    pub(crate) async fn run_for(&self, pipeline: &Pipeline, stop: &Stop, lease: Duration) -> RunReport {
        let Self { runner, ticket, job, .. } = self;
        let (right, stop, hands) = (right(job, lease), stop.clone(), hands(job));
        let secrets: Secrets = [("deploy_key".to_owned(), SECRET.into())].into_iter().collect();
        let mask = Mask::new([SECRET]);
        let (secrets, progress) = (&secrets, Default::default());
        let request = RunRequest { job, attempt: 1, ticket, pipeline, secrets, mask, hands, stop, right, progress };
        runner.run(request).await
    }

    /// What is in the folder of this process: nothing but the lock when no run is under way.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        entries(&self.root.path().join("work"))
            .into_iter()
            .filter(|path| path.is_dir())
            .flat_map(|instance| entries(&instance))
            .filter(|path| !path.ends_with("lock"))
            .collect()
    }
}

/// The value of the one secret that steps may ask for.
pub(crate) const SECRET: &str = "s3cr3t-of-the-deploy";

pub(crate) fn right(job: &Job, lease: Duration) -> Arc<dyn WriteRight> {
    let now = tokio::time::Instant::now();
    Arc::new(JobLease::obtained(job.clone(), (1, 1, "g".to_owned()), None, (now, lease)))
}

/// Hands of a run that writes nowhere: its tracker does not answer.
pub(crate) fn hands(job: &Job) -> Hands {
    let text = "projects: { p: { tickets: { type: GitHub, url: 'http://127.0.0.1:9/o/r' } } }";
    let loaded = parse("f.yml", text, &Env::default()).unwrap_or_else(|broken| panic!("{broken}"));
    let platform = platform::open(&loaded.config.projects["p"].tracker, &Http::new().unwrap()).unwrap();
    let lease = JobLease::obtained(
        job.clone(),
        (1, 1, "g".to_owned()),
        None,
        (tokio::time::Instant::now(), Duration::from_secs(3600)),
    );
    let confirm: Confirm = Arc::new(|| Box::pin(async { Some(true) }));
    Hands { platform, source: None, forge: None, writer: Writer::new(lease, confirm, CancellationToken::new()) }
}

pub(crate) fn settings(root: &Path) -> RunnerSettings {
    let environment = [
        ("PATH", std::env::var("PATH").unwrap().as_str()),
        ("HOME", "/home/smith"),
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
        ("GITHUB_TOKEN", "ghp_secret-token"),
        ("REDIS_URL", "redis://:secret@localhost"),
        ("AGENTSMITH_CONFIG", "/etc/agentsmith.yml"),
        ("LD_PRELOAD_", "x"),
    ]
    .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    RunnerSettings {
        data_dir: root.to_owned(),
        supervisor: SUPERVISOR.into(),
        host: "box-1".into(),
        environment: environment.into(),
        cgroup: Err("a test of something else".to_owned()),
    }
}

pub(crate) fn pipeline(commands: &[&str], timeout: Duration) -> Pipeline {
    let steps = commands.iter().map(|command| step(command)).collect();
    of_steps(steps, timeout)
}

/// A step without options.
pub(crate) fn step(command: &str) -> Step {
    Step::new(Action::Run { command: command.to_owned() })
}

pub(crate) fn of_steps(steps: Vec<Step>, timeout: Duration) -> Pipeline {
    Pipeline {
        name: "fix-bug".into(),
        timeout,
        retry: Retry::OnCrash,
        attempts: 3,
        backoff: Duration::ZERO,
        concurrency: None,
        budget: Budget::default(),
        limits: Limits::default(),
        keep_workspace: KeepWorkspace::Never,
        steps,
        built_in: false,
    }
}

pub(crate) fn ticket() -> Ticket {
    Ticket {
        id: "42".into(),
        title: "It crashes".into(),
        body: "Often.".into(),
        labels: ["bug", "agent-smith"].into_iter().collect(),
        state: "open".into(),
        open: true,
        url: "https://example.org/42".into(),
    }
}

/// A number that is good as an argument of `sleep` and in no other command line.
pub(crate) fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("77{:08}{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The processes with the marker in their command line. A process that has ended has none.
pub(crate) fn running(marker: &str) -> Vec<u32> {
    let is_marked = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(marker.len()).any(|window| window == marker.as_bytes())
    };
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(is_marked).collect()
}

/// How many of them are `sleep` itself, and not a shell that is about to start it.
pub(crate) fn sleeping(marker: &str) -> usize {
    let line = format!("sleep\0{marker}\0");
    let is_sleep = |pid: &&u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|seen| seen == line.as_bytes());
    running(marker).iter().filter(is_sleep).count()
}

/// Waits until a condition holds, ten seconds at most.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let give_up_at = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < give_up_at, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}
