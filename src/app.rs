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
use indexmap::IndexMap;
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
use crate::pipeline::{Runner, RunnerSettings, supervise};
use crate::platform::http::{Http, Settings};
use crate::platform::registry::Trackers;
use crate::runner::{self, Tick};
use crate::shutdown::Shutdown;
use crate::store::{LeaseName, Store};
use crate::{housekeeping, poll};

/// Pause between two looks at the configuration file: whoever has just edited it waits for the answer, and a look at an
/// unchanged file costs one `stat`.
const CONFIG_PAUSE: Duration = Duration::from_secs(1);
/// What the name of a project's line on `/health` begins with.
const PROJECT: &str = "project:";
/// After the hard stop: three seconds for SIGTERM, the rest for SIGKILL, the ticket's label and the store.
const LAST: Duration = Duration::from_secs(15);

/// Changes that a line of the log names after an edit; more would not be read.
const CHANGES_NAMED: usize = 10;

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
        match &options.store {
            Some(store) => start_loops(&options, store, &trackers, &health, &shutdown)?,
            None => disable(&health),
        }
        let http_stop = CancellationToken::new();
        let router = http::router(health.clone());
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
        if let Err(error) = supervise::shield_environment() {
            warn!(%error, "steps of the same user can read this process's environment");
        }
        let settings = RunnerSettings {
            data_dir: agent.data_dir,
            supervisor: options.supervisor.clone(),
            host: options.host.clone(),
            environment: options.environment.clone(),
        };
        let place = settings.data_dir.display().to_string();
        let runner = Runner::new(settings)
            .context("cannot use agent.data_dir, set it to a directory that this user may write")?;
        info!("taking up to {} jobs at once; workspaces and run logs are in {place}", agent.queue.max_parallel_jobs);
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
        info!("taking no jobs: --no-consumer");
        health.note("queue_consumer", State::Disabled, "--no-consumer");
    }
    Ok(())
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

/// Reads the file again and says on `/health` what is wrong with it.
struct ConfigWatch {
    config: Live,
    trackers: Trackers,
    health: Health,
    /// What was in force at the last look. The poll loop refreshes too, so what a refresh returns does not tell all.
    known: Arc<Config>,
}

impl Tick for ConfigWatch {
    async fn tick(&mut self) -> Duration {
        self.config.refresh();
        let now = self.config.current();
        if !Arc::ptr_eq(&self.known, &now) {
            info!("agentsmith.yml was read again: {}", what_changed(&self.known, &now));
            self.known = Arc::clone(&now);
        }
        match self.config.trouble() {
            Some(trouble) => self.health.note("config", State::Degraded, trouble),
            None => self.health.note("config", State::Up, ""),
        }
        self.name_projects(&now);
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
            // The line of `config` names it in the log.
            self.health.note_as_quietly("config", &format!("{PROJECT}{name}"), State::Down, reason.clone());
        }
    }
}

/// `project a is new, project b has changed`: by name, as far as a line is still read.
fn what_changed(before: &Config, now: &Config) -> String {
    let mut changes = named_changes("project", &before.projects, &now.projects);
    changes.extend(named_changes("pipeline", &before.pipelines, &now.pipelines));
    let rest = [("agent", before.agent != now.agent), ("webhooks", before.webhooks != now.webhooks)];
    changes.extend(rest.iter().filter(|(_, differs)| *differs).map(|(name, _)| format!("{name} has changed")));
    if changes.is_empty() {
        return "nothing that is in force has changed".to_owned();
    }
    let more = changes.len().saturating_sub(CHANGES_NAMED);
    changes.truncate(CHANGES_NAMED);
    let more = if more > 0 { format!(" and {more} changes more") } else { String::new() };
    changes.join(", ") + &more
}

fn named_changes<T: PartialEq>(
    what: &str,
    before: &IndexMap<String, Arc<T>>,
    now: &IndexMap<String, Arc<T>>,
) -> Vec<String> {
    let of_now = now.iter().filter_map(|(name, one)| match before.get(name) {
        None => Some(format!("{what} {name} is new")),
        Some(last) => (last != one).then(|| format!("{what} {name} has changed")),
    });
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| format!("{what} {name} is gone"));
    of_now.chain(gone).collect()
}
