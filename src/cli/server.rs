//! `agent-smith server`.
//!
//! What must stay true: whoever reads the log from its first line knows which version runs with which file and store,
//! which projects are polled how often, what was left out and why, and where it listens.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tracing::{error, info, warn};

use super::open::{StoreKind, open_config, open_store, redis_place};
use super::{ConfigArgument, block_on, fail, start_log, usage};
use crate::app::{self, App};
use crate::config::{Config, Env, Live, Problem, Project};
use crate::lifecycle::Lifecycle;
use crate::pipeline::report::live::Pace;
use crate::platform::http::Settings;
use crate::shutdown::Signals;
use crate::store::Store;
use crate::telemetry::{self, Format};

/// Projects that the log introduces one by one: a screen. Who has more knows them from the file.
const PROJECTS_NAMED: usize = 25;

const NOTES: &str = "\
Environment:
  AGENTSMITH_CONFIG, REDIS_URL, GITHUB_TOKEN, RUST_LOG, NO_COLOR: see `agent-smith --help`
  STATE_DIRECTORY                  where workspaces and run logs go, unless agent.data_dir says it

SIGTERM or SIGINT: takes no more work, lets running jobs finish within shutdown_grace_seconds, ends them, puts
their tickets back, exits with 0. A second signal ends at once.

Examples:
  agent-smith server --store embedded                          one box, no Redis
  REDIS_URL=redis://redis:6379 agent-smith server --log-format json";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    /// Port to listen on.
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0")]
    bind: IpAddr,
    #[command(flatten)]
    config: ConfigArgument,
    /// Where jobs and leases live.
    #[arg(long, value_enum, default_value_t = StoreKind::Redis)]
    store: StoreKind,
    /// Take no jobs: poll, keep house and answer only.
    #[arg(long)]
    no_consumer: bool,
    /// How a line of the log looks; the log goes to standard error.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let env = Env::from_process();
    if let Err(exit) = start_log(arguments.log_format, &env, telemetry::DEFAULT_FILTER) {
        return exit;
    }
    let path = &arguments.config.config;
    let (config, loaded) = match open_config(path, &env) {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let store = match open_store(arguments.store, &env) {
        Ok(store) => store,
        Err(message) => return usage(&message),
    };
    block_on(async {
        let address = SocketAddr::new(arguments.bind, arguments.port);
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => {
                return Ok(fail(&format!("cannot listen on {address}: {error}; choose another --port or --bind")));
            }
        };
        introduce(path, &store_in_words(arguments.store, &env));
        tell_problems(&loaded.problems);
        tell_projects(&config.current());
        serve(config, store, !arguments.no_consumer, listener).await
    })
}

async fn serve(
    config: Live,
    store: Option<Arc<dyn Store>>,
    consumer: bool,
    listener: TcpListener,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("taking over SIGTERM and SIGINT")?;
    let host = host_name();
    let app = App::start(app::Options {
        config,
        store,
        consumer,
        supervisor: PathBuf::from("/proc/self/exe"),
        environment: std::env::vars_os().collect(),
        name: process_name(&host),
        host,
        calls: Settings::default(),
        pace: Pace::default(),
        listener,
    })
    .await?;
    signals.begin_shutdown(app.shutdown()).await;
    tokio::select! {
        _in_time = app.stop() => {
            info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        signal = signals.next() => {
            warn!(signal, "second signal ({signal}): ending at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn introduce(path: &Path, store: &str) {
    let (version, file) = (env!("CARGO_PKG_VERSION"), std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    info!(version, "agent-smith {version} starts with {} and {store}", file.display());
}

fn store_in_words(kind: StoreKind, env: &Env) -> String {
    match (kind, env.redis_url()) {
        (StoreKind::Embedded, _) => "the embedded store".to_owned(),
        (StoreKind::Redis, Some(url)) => redis_place(url),
        (StoreKind::Redis, None) => "no store".to_owned(),
    }
}

/// A bad project is left out: what is wrong with it, each mistake with its place.
fn tell_problems(problems: &[Problem]) {
    for problem in problems {
        if problem.is_error() {
            error!("{}", problem.one_line());
        } else {
            warn!("{}", problem.one_line());
        }
    }
}

fn tell_projects(config: &Config) {
    for project in config.projects.values().take(PROJECTS_NAMED) {
        let hears_webhooks = config.webhooks.may_speak_for(project);
        info!(project = project.name, "project {}: {}", project.name, in_words(project, hears_webhooks));
    }
    match config.projects.len() {
        0 => warn!("no project is in force: there is nothing to do"),
        more if more > PROJECTS_NAMED => info!("and {} projects more", more - PROJECTS_NAMED),
        _ => {}
    }
}

/// What happens with a project's tickets: `https://github.com/o/r, polled every 30 s ± 15 %, label a for fix-bug`.
fn in_words(project: &Project, hears_webhooks: bool) -> String {
    let polling = project.polling;
    let how_often = match (polling.enabled, polling.interval.as_secs(), polling.jitter_percent) {
        (false, ..) if hears_webhooks => "found by webhooks alone (polling.enabled is false)".to_owned(),
        (false, ..) => "not polled (polling.enabled is false)".to_owned(),
        (true, seconds, 0) => format!("polled every {seconds} s"),
        (true, seconds, jitter) => format!("polled every {seconds} s \u{b1} {jitter} %"),
    };
    let labels = project.trigger.pipeline_from_label.iter();
    let labels: Vec<String> = labels.map(|(label, pipeline)| format!("{label} \u{2192} {pipeline}")).collect();
    let labels = match labels.is_empty() {
        true => format!("no trigger label, only {}", Lifecycle::Pending),
        false => labels.join(", "),
    };
    format!("{}, {how_often}, {labels}", project.tracker.web_url)
}

/// The machine's name, for comments and logs.
pub(super) fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "unknown-host".to_owned())
}

/// This process among all replicas and all its own starts.
pub(super) fn process_name(host: &str) -> String {
    let random = uuid::Uuid::now_v7().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &random[random.len() - 8..])
}
