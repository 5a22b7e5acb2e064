//! The queue consumer: free slot, take a job, carry it out, again.
//!
//! Runs in every process unless `--no-consumer`. `run_job` is one job's life, `heartbeat` keeps its lease, `show`
//! what it writes to the ticket, `live` what it tells the ticket while it goes on. What must stay true: a job is asked for only when a slot is free; after a soft
//! stop none is taken and those that run are waited for; a hard stop ends them and puts their tickets back.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tracing::{error, info};

use crate::availability::Availability;
use crate::config::Live;
use crate::health::{Health, State};
use crate::job::JobLease;
use crate::pipeline::report::live::Pace;
use crate::pipeline::{Confirm, Runner, Writer};
use crate::platform::registry::Trackers;
use crate::shutdown::Shutdown;
use crate::store::{Error, Store};

mod attempt;
mod budget;
mod end;
mod heartbeat;
mod limits;
mod live;
mod record;
mod run_job;
mod show;

/// Pause after an error of the store that is no outage, so that it cannot make a busy loop.
const BREATHER: Duration = Duration::from_secs(1);

/// Who complains of a project on `/health`.
const SOURCE: &str = "consumer";
/// A complaint that no job has repeated for this long is taken back: its job is tried again every half a minute, here or
/// by another replica, which tells it then.
const COMPLAINT_AGE: Duration = Duration::from_secs(300);

/// What the consumer works with.
#[derive(Clone)]
pub struct Parts {
    /// The configuration in force.
    pub config: Live,
    /// Where the jobs are.
    pub store: Arc<dyn Store>,
    /// Clients of the trackers.
    pub trackers: Trackers,
    /// Executes pipelines.
    pub runner: Runner,
    /// Told about an unreachable store, and waited for.
    pub availability: Availability,
    /// Told how the consumer and each project are doing.
    pub health: Health,
    /// Soft: take no more. Hard: end what runs.
    pub shutdown: Shutdown,
    /// This process, unique among all replicas and starts.
    pub consumer: String,
    /// When a ticket is told something before the result.
    pub pace: Pace,
}

impl Parts {
    /// What writes for this lease. A store that does not answer is reported.
    fn writer(&self, lease: &JobLease) -> Writer {
        let (store, availability, confirmed) = (Arc::clone(&self.store), self.availability.clone(), lease.clone());
        let confirm: Confirm = Arc::new(move || {
            let (store, availability, lease) = (Arc::clone(&store), availability.clone(), confirmed.clone());
            Box::pin(async move { store.confirm(&lease).await.map_err(|error| availability.report(&error)).ok() })
        });
        Writer::new(lease.clone(), confirm, self.shutdown.hard().clone())
    }
}

/// Takes jobs and carries them out.
pub struct Consumer {
    parts: Parts,
    running: JoinSet<()>,
}

impl Consumer {
    /// A consumer with every slot free.
    pub fn new(parts: Parts) -> Self {
        Self { parts, running: JoinSet::new() }
    }

    /// Works until the soft stop, then waits for what runs.
    pub async fn run(mut self) {
        let soft = self.parts.shutdown.soft().clone();
        self.parts.health.set("queue_consumer", State::Up, "");
        while !soft.is_cancelled() {
            if !self.wait_for_slot().await {
                break;
            }
            self.parts.health.take_back_older(SOURCE, COMPLAINT_AGE);
            self.take_one().await;
        }
        while let Some(ended) = self.running.try_join_next() {
            note_panic(ended);
        }
        if !self.running.is_empty() {
            info!(running = self.running.len(), "draining: waiting for the jobs that run");
        }
        while let Some(ended) = self.running.join_next().await {
            note_panic(ended);
        }
    }

    /// True when a slot is free, false when it is time to stop.
    async fn wait_for_slot(&mut self) -> bool {
        while let Some(ended) = self.running.try_join_next() {
            note_panic(ended);
        }
        while self.running.len() >= self.slots().get() {
            tokio::select! {
                () = self.parts.shutdown.soft().cancelled() => return false,
                Some(ended) = self.running.join_next() => note_panic(ended),
            }
        }
        true
    }

    /// Read anew each time, so that an edit of the file takes effect without a restart.
    fn slots(&self) -> NonZeroUsize {
        self.parts.config.current().agent.queue.max_parallel_jobs
    }

    async fn take_one(&mut self) {
        let config = self.parts.config.current();
        let (ttl, wait) = (config.agent.lifecycle.heartbeat_ttl, config.agent.queue.consume_block);
        let limits = limits::concurrency(&config);
        let soft = self.parts.shutdown.soft().clone();
        // Listening before taking: a stop that is asked for right after the take is heard.
        let hints = self.parts.store.stop_hints();
        let taken = tokio::select! {
            () = soft.cancelled() => return,
            taken = self.parts.store.take_within(&self.parts.consumer, ttl, wait, &limits) => taken,
        };
        match taken {
            Ok(Some(lease)) => {
                self.parts.health.set("queue_consumer", State::Up, "");
                self.running.spawn(run_job::run_job(self.parts.clone(), lease, hints));
            }
            Ok(None) => self.parts.health.set("queue_consumer", State::Up, ""),
            Err(error) => self.wait_out(error, &soft).await,
        }
    }

    async fn wait_out(&self, error: Error, soft: &tokio_util::sync::CancellationToken) {
        let pause = async {
            match error {
                Error::Unavailable(_) => {
                    self.parts.availability.report(&error);
                    self.parts.health.set("queue_consumer", State::Down, crate::health::WAITING_FOR_STORE);
                    self.parts.availability.until_up().await;
                }
                Error::Malformed(_) | Error::Full(_) => {
                    self.parts.health.set("queue_consumer", State::Degraded, error.to_string());
                    tokio::time::sleep(BREATHER).await;
                }
            }
        };
        tokio::select! {
            () = soft.cancelled() => {}
            () = pause => {}
        }
    }
}

fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a job's task broke off; its lease lapses and the job is taken again");
    }
}
