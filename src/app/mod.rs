//! The composition root: configuration and store in, a running server out.
//!
//! The place that makes clients, services and loops, and that spawns every long-lived task. Called by `cli` and by
//! the tests, which run the same app. What must stay true: the server starts whatever the state of the store, and it
//! ends in order: soft stop, grace, hard stop, HTTP last.

use std::collections::BTreeSet;
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
use crate::http::{self, webhook};
use crate::leader::Leader;
use crate::pipeline::report::live::Pace;
use crate::pipeline::{Confiner, Runner, RunnerSettings, own_cgroup, supervise};
use crate::platform::http::{Http, Settings};
use crate::platform::registry::Trackers;
use crate::poll::access::AccessCheck;
use crate::runner::{self, Tick};
use crate::shutdown::Shutdown;
use crate::store::{LeaseName, Store};
use crate::{housekeeping, poll};

mod config_watch;

use config_watch::ConfigWatch;

/// After the hard stop: three seconds for SIGTERM, the rest for SIGKILL, for keeping the work, the ticket's label and the
/// store.
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
    /// How the platforms are called.
    pub calls: Settings,
    /// When a ticket is told something before the result of its run.
    pub pace: Pace,
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
        let trackers = Trackers::new(Http::with(options.calls.clone()).context("making the HTTP client")?);
        spawn(
            &shutdown,
            ConfigWatch {
                config: config.clone(),
                trackers: trackers.clone(),
                health: health.clone(),
                known: config.current(),
            },
        );
        let stored = match &options.store {
            Some(store) => Some(start_loops(&options, store, &trackers, &health, &shutdown)?),
            None => {
                disable(&health);
                None
            }
        };
        let stored = stored.map(Arc::new);
        let desk = http::runs::Desk::new(http::runs::Parts {
            config: config.clone(),
            trackers: trackers.clone(),
            stored: stored.clone(),
            shutdown: shutdown.clone(),
            host: options.host.clone(),
        });
        let parts = webhook::Parts { config: config.clone(), trackers, stored, shutdown: shutdown.clone() };
        let http_stop = CancellationToken::new();
        let router = http::router(health.clone(), webhook::Receiver::new(parts), desk);
        let http = tokio::spawn(http::serve(options.listener, router, http::Limits::default(), http_stop.clone()));
        info!("listening on http://{address}");
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

/// What the loops of this process share.
struct Shared<'a> {
    options: &'a Options,
    config: Live,
    store: Arc<dyn Store>,
    trackers: Trackers,
    /// One for all, so that what was found out about people is asked once.
    claims: ClaimService,
    availability: Availability,
    health: Health,
    shutdown: Shutdown,
}

fn start_loops(
    options: &Options,
    store: &Arc<dyn Store>,
    trackers: &Trackers,
    health: &Health,
    shutdown: &Shutdown,
) -> anyhow::Result<webhook::Stored> {
    let (config, health, shutdown) = (options.config.clone(), health.clone(), shutdown.clone());
    let retry_ceiling = config.current().agent.queue.redis_retry_interval;
    let availability = Availability::new(Arc::clone(store), health.clone(), retry_ceiling);
    let (store, trackers) = (Arc::clone(store), trackers.clone());
    let claims = ClaimService::new(Arc::clone(&store)).at_pace(options.pace);
    let shared = Shared { options, config, store, trackers, claims, availability, health, shutdown };
    shared.health.expect(shared.availability.subsystem());
    spawn(&shared.shutdown, shared.availability.prober());
    shared.start_access_check();
    shared.start_leaders();
    if options.consumer {
        shared.start_consumer()?;
    } else {
        info!("taking no jobs: --no-consumer");
        shared.health.note("queue_consumer", State::Disabled, "--no-consumer");
    }
    Ok(webhook::Stored { store: shared.store, claims: shared.claims, availability: shared.availability })
}

impl Shared<'_> {
    fn start_access_check(&self) {
        let (config, trackers) = (self.config.clone(), self.trackers.clone());
        let stop = self.shutdown.soft().clone();
        spawn(&self.shutdown, AccessCheck::new(config, trackers, self.health.clone(), stop));
    }

    /// The two loops that run in one process at a time.
    fn start_leaders(&self) {
        let poll_parts = poll::Parts {
            config: self.config.clone(),
            store: Arc::clone(&self.store),
            trackers: self.trackers.clone(),
            claims: self.claims.clone(),
            availability: self.availability.clone(),
            health: self.health.clone(),
        };
        let housekeeping_parts = housekeeping::Parts {
            config: self.config.clone(),
            store: Arc::clone(&self.store),
            trackers: self.trackers.clone(),
            claims: self.claims.clone(),
            availability: self.availability.clone(),
            health: self.health.clone(),
            stop: CancellationToken::new(),
            pace: self.options.pace,
        };
        self.lead(LeaseName::Poller, move |term| poll::run(poll_parts.clone(), term));
        self.lead(LeaseName::Housekeeping, move |term| housekeeping::run(housekeeping_parts.clone(), term));
    }

    fn lead<F>(&self, name: LeaseName, work: impl FnMut(CancellationToken) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.health.expect(name.as_str());
        let leader = Leader {
            store: Arc::clone(&self.store),
            availability: self.availability.clone(),
            health: self.health.clone(),
            name,
            holder: self.options.name.clone(),
            config: self.config.clone(),
        };
        self.shutdown.tasks().spawn(leader.run(self.shutdown.soft().clone(), work));
    }

    fn start_consumer(&self) -> anyhow::Result<()> {
        if let Err(error) = supervise::shield_environment() {
            warn!(%error, "steps of the same user can read this process's environment");
        }
        let agent = self.config.current().agent.clone();
        let settings = RunnerSettings {
            data_dir: agent.data_dir,
            supervisor: self.options.supervisor.clone(),
            host: self.options.host.clone(),
            environment: self.options.environment.clone(),
            cgroup: own_cgroup(),
        };
        let place = settings.data_dir.display().to_string();
        let runner = Runner::new(settings)
            .context("cannot use agent.data_dir, set it to a directory that this user may write")?;
        info!("taking up to {} jobs at once; workspaces and run logs are in {place}", agent.queue.max_parallel_jobs);
        tell_limits(runner.confiner(), &self.config.current());
        let parts = consumer::Parts {
            config: self.config.clone(),
            store: Arc::clone(&self.store),
            trackers: self.trackers.clone(),
            runner,
            availability: self.availability.clone(),
            health: self.health.clone(),
            shutdown: self.shutdown.clone(),
            consumer: self.options.name.clone(),
            pace: self.options.pace,
        };
        self.health.expect("queue_consumer");
        self.shutdown.tasks().spawn(Consumer::new(parts).run());
        Ok(())
    }
}

/// How runs are confined, and what of the limits in the file is not kept as it is meant.
fn tell_limits(confiner: &Confiner, config: &Config) {
    info!("{}", confiner.in_words());
    let missing: BTreeSet<String> =
        config.pipelines.values().flat_map(|pipeline| confiner.missing(&pipeline.limits)).collect();
    missing.iter().for_each(|what| warn!("{what}"));
}

/// Without a store nothing but HTTP works, and log and `/health` say why.
fn disable(health: &Health) {
    warn!("REDIS_URL is not set: nothing is polled and nothing runs; set it, or start with --store embedded");
    for name in ["redis", "queue_consumer", "housekeeping", "poller"] {
        health.set(name, State::Disabled, "REDIS_URL is not set; set it, or start with --store embedded");
    }
}

fn spawn(shutdown: &Shutdown, mut work: impl Tick + 'static) {
    let stop = shutdown.soft().clone();
    shutdown.tasks().spawn(async move { runner::run(&mut work, &stop).await });
}
