//! Soft and hard shutdown, and the tracker that knows when everything has ended.
//!
//! Soft: take no more work, give the leases up, let what runs finish. Hard: end it now. A leaf that everything
//! long-lived is handed a clone of. What must stay true: hard implies soft.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

/// Signals closer together than this are one request: `timeout`, `make` and others pass on to us what the terminal, or
/// they themselves, have sent to the whole process group already. A person who presses Ctrl-C again takes longer.
const ECHO: Duration = Duration::from_millis(250);

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

/// SIGTERM and SIGINT; with [`Signals::also_hangup`] the end of the terminal too.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
    last: Option<Instant>,
}

impl Signals {
    /// Takes over both signals.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn listen() -> std::io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, hangup: None, last: None })
    }

    /// Takes SIGHUP for a stop as well. For what belongs to its terminal; a server leaves it to `nohup`.
    ///
    /// # Errors
    /// When the operating system refuses the handler.
    pub fn also_hangup(self) -> std::io::Result<Self> {
        Ok(Self { hangup: Some(signal(SignalKind::hangup())?), ..self })
    }

    /// The next signal's name. One that comes within a quarter of a second after another is taken for its echo.
    pub async fn next(&mut self) -> &'static str {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                Some(_) = received(&mut self.hangup) => "SIGHUP",
            };
            let now = Instant::now();
            if self.last.is_none_or(|last| now - last >= ECHO) {
                self.last = Some(now);
                return name;
            }
        }
    }

    /// The first signal begins the soft shutdown of `shutdown`.
    pub async fn begin_shutdown(&mut self, shutdown: &Shutdown) {
        let name = self.next().await;
        info!(signal = name, "{name} received: taking no more work, a second signal ends at once");
        shutdown.begin();
    }
}

async fn received(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => None,
    }
}
