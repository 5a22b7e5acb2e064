//! The composition root: configuration and store in, a running server out.
//!
//! The place that makes clients, services and loops, and that spawns every long-lived task. Called by `cli` and by
//! the tests, which run the same app. What must stay true: the server starts whatever the state of the store, and it
//! ends in order: soft stop, grace, hard stop, HTTP last.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::availability::Availability;
use crate::claim::ClaimService;
use crate::config::{Config, Live};
use crate::consumer::{self, Consumer};
use crate::health::{Health, State};
use crate::http;
use crate::leader::Leader;
use crate::pipeline::{Runner, RunnerSettings};
use crate::platform::http::Http;
use crate::platform::registry::Trackers;
use crate::runner::{self, Tick};
use crate::shutdown::Shutdown;
use crate::store::{LeaseName, Store};
use crate::{housekeeping, poll};

/// Pause between two looks at the configuration file.
const CONFIG_PAUSE: Duration = Duration::from_secs(5);
/// What the name of a project's line on `/health` begins with.
const PROJECT: &str = "project:";
/// After the hard stop: three seconds for SIGTERM, the rest for SIGKILL, the ticket's label and the store.
const LAST: Duration = Duration::from_secs(15);

/// What the server is made from.
pub struct Options {
    /// The configuration, read once already.
    pub config: Live,
    /// The store; `None` when the configuration has none, then everything but HTTP is disabled.
    pub store: Option<Arc<dyn Store>>,
    /// Whether this process takes jobs.
    pub consumer: bool,
    /// The program that supervises the processes of a step: this binary.
    pub supervisor: PathBuf,
    /// The environment of this process, of which a step sees a short list of harmless names.
    pub environment: Vec<(OsString, OsString)>,
    /// This process, unique among all replicas and starts: `host-pid-random`.
    pub name: String,
    /// Name of this machine, for comments.
    pub host: String,
    /// Where to listen, bound already so that a taken port is reported before anything starts.
    pub listener: TcpListener,
}

/// A running server.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it says on `/health`.
    pub health: Health,
    shutdown: Shutdown,
    config: Live,
    http: JoinHandle<()>,
    http_stop: CancellationToken,
}

impl App {
    /// Starts everything.
    ///
    /// # Errors
    /// When the data directory cannot be used or the HTTP client cannot be made. An unreachable store is no error.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let health = Health::default();
        let shutdown = Shutdown::default();
        let config = options.config.clone();
        let address = options.listener.local_addr().context("reading the address of the listener")?;
        let trackers = Trackers::new(Http::new().context("making the HTTP client")?);
        spawn(
            &shutdown,
            ConfigWatch {
                config: config.clone(),
                trackers: trackers.clone(),
                health: health.clone(),
                seen: config.current(),
            },
        );
        match &options.store {
            Some(store) => start_loops(&options, store, &trackers, &health, &shutdown)?,
            None => disable(&health),
        }
        let http_stop = CancellationToken::new();
        let router = http::router(health.clone());
        let http = tokio::spawn(http::serve(options.listener, router, http::Limits::default(), http_stop.clone()));
        info!(%address, "listening on http://{address}");
        Ok(Self { address, health, shutdown, config, http, http_stop })
    }

    /// The shutdown that a signal begins.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Ends the server: running jobs get the configured grace, HTTP answers until the end. True when everything ended
    /// in time.
    pub async fn stop(self) -> bool {
        let grace = self.config.current().agent.queue.shutdown_grace;
        let ended = self.shutdown.wait(grace, LAST).await;
        if !ended {
            warn!("some work did not end in time; its leases lapse and other replicas take over");
        }
        self.http_stop.cancel();
        // A panic in the accept loop was reported by the runtime already.
        let _ = self.http.await;
        ended
    }
}

fn start_loops(
    options: &Options,
    store: &Arc<dyn Store>,
    trackers: &Trackers,
    health: &Health,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let config = options.config.clone();
    let agent = config.current().agent.clone();
    let availability = Availability::new(Arc::clone(store), health.clone(), agent.queue.redis_retry_interval);
    let claims = ClaimService::new(Arc::clone(store));
    health.expect(availability.subsystem());
    spawn(shutdown, availability.prober());
    for name in [LeaseName::Poller, LeaseName::Housekeeping] {
        health.expect(name.as_str());
    }

    let poll_parts = poll::Parts {
        config: config.clone(),
        trackers: trackers.clone(),
        claims: claims.clone(),
        availability: availability.clone(),
        health: health.clone(),
    };
    let housekeeping_parts = housekeeping::Parts {
        config: config.clone(),
        store: Arc::clone(store),
        trackers: trackers.clone(),
        claims,
        availability: availability.clone(),
        health: health.clone(),
        stop: CancellationToken::new(),
    };
    let leader = |name| Leader {
        store: Arc::clone(store),
        availability: availability.clone(),
        health: health.clone(),
        name,
        holder: options.name.clone(),
        config: config.clone(),
    };
    let poller =
        leader(LeaseName::Poller).run(shutdown.soft().clone(), move |term| poll::run(poll_parts.clone(), term));
    let housekeeper = leader(LeaseName::Housekeeping)
        .run(shutdown.soft().clone(), move |term| housekeeping::run(housekeeping_parts.clone(), term));
    shutdown.tasks().spawn(poller);
    shutdown.tasks().spawn(housekeeper);

    if options.consumer {
        let settings = RunnerSettings {
            data_dir: agent.data_dir,
            supervisor: options.supervisor.clone(),
            host: options.host.clone(),
            environment: options.environment.clone(),
        };
        let runner = Runner::new(settings).context("preparing the data directory (agent.data_dir)")?;
        let parts = consumer::Parts {
            config,
            store: Arc::clone(store),
            trackers: trackers.clone(),
            runner,
            availability,
            health: health.clone(),
            shutdown: shutdown.clone(),
            consumer: options.name.clone(),
        };
        health.expect("queue_consumer");
        shutdown.tasks().spawn(Consumer::new(parts).run());
    } else {
        health.note("queue_consumer", State::Disabled, "--no-consumer");
    }
    Ok(())
}

/// Without a store nothing but HTTP works, and `/health` says why.
fn disable(health: &Health) {
    for name in ["redis", "queue_consumer", "housekeeping", "poller"] {
        health.set(name, State::Disabled, "REDIS_URL is not set; set it, or start with --store embedded");
    }
}

fn spawn(shutdown: &Shutdown, mut work: impl Tick + 'static) {
    let stop = shutdown.soft().clone();
    shutdown.tasks().spawn(async move { runner::run(&mut work, &stop).await });
}

/// Reads the file again and says on `/health` what is wrong with it.
struct ConfigWatch {
    config: Live,
    trackers: Trackers,
    health: Health,
    /// What was in force at the last look. The poll reads the file as well, and the log must tell of an edit whoever
    /// notices it first.
    seen: Arc<Config>,
}

impl Tick for ConfigWatch {
    async fn tick(&mut self) -> Duration {
        self.config.refresh();
        let current = self.config.current();
        if !Arc::ptr_eq(&current, &self.seen) {
            if current != self.seen {
                info!(projects = current.projects.len(), "agentsmith.yml was read again");
            }
            self.seen = Arc::clone(&current);
        }
        match self.config.trouble() {
            Some(trouble) => self.health.note("config", State::Degraded, trouble),
            None => self.health.note("config", State::Up, ""),
        }
        self.name_projects(&current);
        CONFIG_PAUSE
    }
}

impl ConfigWatch {
    /// Projects that were left out are shown with the reason, projects that are gone are not shown any more: neither
    /// one that a poll that was still under way told of.
    fn name_projects(&self, config: &Config) {
        self.trackers.keep_only(config);
        let left_out = self.config.left_out();
        for shown in self.health.snapshot() {
            let Some(name) = shown.name.strip_prefix(PROJECT) else { continue };
            if left_out.contains_key(name) {
                continue;
            }
            match config.projects.contains_key(name) {
                true => self.health.take_back("config", &shown.name),
                false => self.health.remove(&shown.name),
            }
        }
        for (name, reason) in &left_out {
            self.health.note_as("config", &format!("{PROJECT}{name}"), State::Down, reason.clone());
        }
    }
}
