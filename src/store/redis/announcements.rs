//! Ends waits early: one pub/sub connection per process hears what other processes announce.
//!
//! Who calls: `queue` (a job became visible), `leases` (a lease was given up) and `backend` (a run was asked to stop). What must stay true: an announcement
//! is a hint and never information, so a lost one costs the bound of a wait and nothing else; whenever the connection
//! is made anew all waiting ones are woken, because something may have been missed; a Redis that is away is asked at
//! most every [`SLOWEST_RETRY`].
//!
//! A connection of its own, rather than push messages on the shared one: it resubscribes by itself while nobody sends
//! a command, and commands never queue behind a burst of announcements.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use redis::{Client, RedisResult};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::connection::CONNECT_TIMEOUT;
use super::{codec, keys};
use crate::store::stops::{Announcer, StopHints};

/// A quiet connection is tried this often, so that one that died silently is replaced.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long the answer to that, or to the subscription, may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after the first failure; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// The longest pause. Waits are bounded by `consume_block_seconds` anyway, so faster gains nothing.
const SLOWEST_RETRY: Duration = Duration::from_secs(2);

/// What was announced. Listens from the first use on, until dropped.
#[derive(Debug)]
pub(super) struct Announcements {
    client: Client,
    heard: Arc<Heard>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Heard {
    jobs: Notify,
    leases: Notify,
    stops: Announcer,
}

impl Announcements {
    /// Hears what is announced through the Redis of `client`.
    pub(super) fn of(client: Client) -> Self {
        Self { client, heard: Arc::default(), listener: Mutex::default() }
    }

    /// Notified when a job became visible or was delayed.
    pub(super) fn jobs(&self) -> &Notify {
        self.listen();
        &self.heard.jobs
    }

    /// Notified when a lease was given up.
    pub(super) fn leases(&self) -> &Notify {
        self.listen();
        &self.heard.leases
    }

    /// Hints about runs that are asked to stop from now on.
    pub(super) fn stops(&self) -> StopHints {
        self.listen();
        self.heard.stops.listen()
    }

    fn listen(&self) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.as_ref().is_none_or(JoinHandle::is_finished) {
            *listener = Some(tokio::spawn(listen_always(self.client.clone(), Arc::clone(&self.heard))));
        }
    }
}

impl Drop for Announcements {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
            listener.abort();
        }
    }
}

impl Heard {
    fn wake_all(&self) {
        self.jobs.notify_waiters();
        self.leases.notify_waiters();
        self.stops.announce(None);
    }

    fn hear(&self, message: &redis::Msg) {
        match message.get_channel_name() {
            keys::JOBS_CHANNEL => self.jobs.notify_waiters(),
            keys::LEASES_CHANNEL => self.leases.notify_waiters(),
            _ => {
                let ticket = message.get_payload::<String>().ok();
                self.stops.announce(ticket.and_then(|ticket| codec::ticket_key(&ticket).ok()));
            }
        }
    }
}

async fn listen_always(client: Client, heard: Arc<Heard>) {
    let mut pause = FIRST_RETRY;
    loop {
        match listen_once(&client, &heard, &mut pause).await {
            Ok(()) => debug!("the connection for announcements ended, connecting again"),
            Err(error) => debug!(%error, "no connection for announcements, trying again"),
        }
        // Half to whole: replicas do not come back all at once.
        sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(SLOWEST_RETRY);
    }
}

/// Connects, subscribes, and listens until the connection ends.
async fn listen_once(client: &Client, heard: &Heard, pause: &mut Duration) -> RedisResult<()> {
    let connection = timeout(CONNECT_TIMEOUT, client.get_async_pubsub()).await.map_err(timed_out)??;
    let (mut sink, mut messages) = connection.split();
    let channels = [keys::JOBS_CHANNEL, keys::LEASES_CHANNEL, keys::STOPS_CHANNEL];
    timeout(ANSWER_TIMEOUT, sink.subscribe(&channels)).await.map_err(timed_out)??;
    *pause = FIRST_RETRY;
    heard.wake_all();
    loop {
        match timeout(PING_EVERY, messages.next()).await {
            Ok(Some(message)) => heard.hear(&message),
            Ok(None) => return Ok(()),
            Err(_) => timeout(ANSWER_TIMEOUT, sink.ping::<()>()).await.map_err(timed_out)??,
        }
    }
}

fn timed_out(_: tokio::time::error::Elapsed) -> redis::RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
