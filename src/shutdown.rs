//! Soft and hard shutdown, and the tracker that knows when everything has ended.
//!
//! Soft: take no more work, give the leases up, let what runs finish. Hard: end it now. A leaf that everything
//! long-lived is handed a clone of. What must stay true: hard implies soft.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

/// Hand a clone to every long-lived task.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Take no more work. Cancelled by the first signal.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// End at once. Cancelled when the grace is over.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Long-lived tasks are spawned here, so that the end can wait for them.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Begins the soft shutdown.
    pub fn begin(&self) {
        self.soft.cancel();
        self.tasks.close();
    }

    /// Begins the hard shutdown.
    pub fn end_now(&self) {
        self.begin();
        self.hard.cancel();
    }

    /// Waits for every task: `grace` for them to finish by themselves, then `last` after they were told to end.
    /// True when all of them have ended.
    pub async fn wait(&self, grace: Duration, last: Duration) -> bool {
        self.begin();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return true;
        }
        self.hard.cancel();
        tokio::time::timeout(last, self.tasks.wait()).await.is_ok()
    }
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes over both signals.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next signal's name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// The first signal begins the soft shutdown of `shutdown`.
    pub async fn begin_shutdown(&mut self, shutdown: &Shutdown) {
        let name = self.next().await;
        info!(signal = name, "{name} received: taking no more work, a second signal ends at once");
        shutdown.begin();
    }
}
