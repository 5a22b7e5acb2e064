//! `agent-smith server`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use tokio::net::TcpListener;
use tracing::{error, info, warn};

use super::{ConfigArgument, block_on, fail, start_log, usage};
use crate::app::{self, App};
use crate::config::{Env, Live};
use crate::shutdown::Signals;
use crate::store::Store;
use crate::store::embedded::EmbeddedStore;
use crate::store::redis::RedisStore;
use crate::telemetry::{self, Format};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Port for webhooks and probes.
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0")]
    bind: IpAddr,
    #[command(flatten)]
    config: ConfigArgument,
    /// Where jobs and leases live: Redis (at REDIS_URL) for any number of replicas, embedded for one box.
    #[arg(long, value_enum, default_value_t = StoreKind::Redis)]
    store: StoreKind,
    /// Take no jobs; poll, reconcile and receive webhooks only.
    #[arg(long)]
    no_consumer: bool,
    /// How a log line looks.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

/// Where jobs and leases live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreKind {
    /// Redis, at `REDIS_URL`.
    Redis,
    /// In this process, for one box.
    Embedded,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let env = Env::from_process();
    if let Err(exit) = start_log(arguments.log_format, &env, telemetry::DEFAULT_FILTER) {
        return exit;
    }
    let config = match load(&arguments.config.config, &env) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    block_on(async move {
        let store = match open_store(arguments.store, &env) {
            Ok(store) => store,
            Err(message) => return Ok(usage(&message)),
        };
        let address = SocketAddr::new(arguments.bind, arguments.port);
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => {
                return Ok(fail(&format!("cannot listen on {address}: {error}; choose another --port or --bind")));
            }
        };
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
    let kind = store.as_ref().map_or("none", |store| store.kind());
    info!(version = env!("CARGO_PKG_VERSION"), store = kind, projects = config.current().projects.len(), "starting");
    let app = App::start(app::Options {
        config,
        store,
        consumer,
        supervisor: PathBuf::from("/proc/self/exe"),
        environment: std::env::vars_os().collect(),
        name: process_name(&host),
        host,
        listener,
    })
    .await?;
    signals.begin_shutdown(app.shutdown()).await;
    tokio::select! {
        _in_time = app.stop() => {
            info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        signal = signals.next() => Ok(fail(&format!("second signal ({signal}): ending at once"))),
    }
}

/// Reads the file; prints every problem. A bad project is left out, a bad file is the end.
pub(super) fn load(path: &std::path::Path, env: &Env) -> Result<Live, ExitCode> {
    match Live::start(path, env.clone()) {
        Ok((live, loaded)) => {
            for problem in &loaded.problems {
                if problem.is_error() {
                    error!("{}", problem.one_line());
                } else {
                    warn!("{}", problem.one_line());
                }
            }
            Ok(live)
        }
        Err(broken) => {
            eprintln!("{broken}");
            Err(usage("the configuration cannot be used; `agent-smith validate` shows every mistake"))
        }
    }
}

/// `None`: Redis was asked for and there is no address.
pub(super) fn open_store(kind: StoreKind, env: &Env) -> Result<Option<Arc<dyn Store>>, String> {
    let store: Arc<dyn Store> = match (kind, env.redis_url()) {
        (StoreKind::Embedded, _) => Arc::new(EmbeddedStore::new()),
        (StoreKind::Redis, Some(url)) => Arc::new(RedisStore::connect(url).map_err(|error| error.to_string())?),
        (StoreKind::Redis, None) => return Ok(None),
    };
    Ok(Some(store))
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
