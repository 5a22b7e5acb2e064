//! What receives deliveries: the parts it works with, and how much it takes at once.
//!
//! Made by `app`, called by `route` and `handle`. What must stay true: whatever comes in, memory and tasks stay below the
//! numbers in `limits`; a flood from one platform leaves the others their places.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, warn};

use super::answer::Answer;
use super::limits::{AT_ONCE, BODIES_KIB, HANDLED};
use super::turns::Turns;
use super::verify::Keys;
use crate::availability::Availability;
use crate::claim::ClaimService;
use crate::config::{Config, Live, webhook_secret_name};
use crate::health::State;
use crate::platform::registry::Trackers;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::ticket::PlatformKind;

/// Refused deliveries are a line of the log at most this often for each platform: whoever reaches the port can cause one.
const REFUSALS_LOGGED: Duration = Duration::from_secs(60);

/// What deliveries are handled with.
pub struct Parts {
    /// The configuration in force.
    pub config: Live,
    /// Clients of the trackers.
    pub trackers: Trackers,
    /// The store and what stands on it; `None` when there is none.
    pub stored: Option<Arc<Stored>>,
    /// Handling goes on after the answer, in tasks that the end waits for.
    pub shutdown: Shutdown,
}

/// The store and what stands on it.
pub struct Stored {
    /// Where deliveries are remembered.
    pub store: Arc<dyn Store>,
    /// The one door.
    pub claims: ClaimService,
    /// Whether the store answers.
    pub availability: Availability,
}

/// Receives deliveries.
pub struct Receiver {
    pub(super) parts: Parts,
    pub(super) turns: Turns,
    at_once: HashMap<PlatformKind, Arc<Semaphore>>,
    bodies: Arc<Semaphore>,
    handled: Arc<Semaphore>,
    refused: Mutex<HashMap<Option<PlatformKind>, (Instant, u64)>>,
}

impl Receiver {
    /// With these parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        let places = |platform| (platform, Arc::new(Semaphore::new(AT_ONCE)));
        Arc::new(Self {
            parts,
            turns: Turns::default(),
            at_once: PlatformKind::ALL.into_iter().map(places).collect(),
            bodies: Arc::new(Semaphore::new(BODIES_KIB)),
            handled: Arc::new(Semaphore::new(HANDLED)),
            refused: Mutex::default(),
        })
    }

    /// A place for a delivery of this platform, and room for a body of so many bytes.
    ///
    /// # Errors
    /// 503 when there is none, or when the process ends.
    pub(super) fn place(&self, platform: PlatformKind, bytes: usize) -> Result<[OwnedSemaphorePermit; 2], Answer> {
        if self.parts.shutdown.soft().is_cancelled() {
            return Err(Answer::unavailable("shutting_down", "this process ends; another one, or the next, takes it"));
        }
        let busy = || Answer::unavailable("busy", format!("too many deliveries of {platform} at once"));
        // At least one, so that nothing is free; what exceeds a number of 32 bits is beyond every limit.
        let kib = u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX);
        let places = self.at_once.get(&platform).ok_or_else(busy)?;
        let place = Arc::clone(places).try_acquire_owned().map_err(|_| busy())?;
        let room = Arc::clone(&self.bodies).try_acquire_many_owned(kib).map_err(|_| busy())?;
        Ok([place, room])
    }

    /// A place for a delivery that is acted on, for as long as that takes.
    ///
    /// # Errors
    /// 503 when there is none.
    pub(super) fn place_to_handle(&self) -> Result<OwnedSemaphorePermit, Answer> {
        let busy = |_| Answer::unavailable("busy", "too many deliveries are waiting for their platforms");
        Arc::clone(&self.handled).try_acquire_owned().map_err(busy)
    }

    /// Logs a refused delivery, unless one was logged a moment ago. `platform`: as far as the route or the headers tell.
    pub(super) fn log_refusal(&self, platform: Option<PlatformKind>, reason: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.get_mut(&platform) {
            Some((since, unlogged)) if since.elapsed() < REFUSALS_LOGGED => {
                *unlogged += 1;
                debug!("refused: {reason}");
            }
            known => {
                let more = known.map_or(0, |(_, unlogged)| *unlogged);
                let more =
                    if more > 0 { format!(" ({more} more were refused since the last line)") } else { String::new() };
                refused.insert(platform, (Instant::now(), 0));
                let whose = platform.map(|platform| format!(" of {}", platform.display_name())).unwrap_or_default();
                warn!("a webhook{whose} was refused: {reason}{more}");
            }
        }
    }
}

/// What `/health` says of webhooks under this configuration.
pub fn state(config: &Config) -> (State, String) {
    let used = |platform: &PlatformKind| config.projects.values().any(|p| p.tracker.platform() == *platform);
    let (with, without): (Vec<PlatformKind>, Vec<PlatformKind>) =
        PlatformKind::ALL.into_iter().filter(used).partition(|platform| !Keys::of(config, *platform).is_empty());
    let names = |platforms: &[PlatformKind]| {
        platforms.iter().map(|platform| platform.display_name()).collect::<Vec<_>>().join(", ")
    };
    if config.webhooks.allow_unsigned && !without.is_empty() {
        return (State::Up, format!("unsigned deliveries of {} are accepted (allow_unsigned)", names(&without)));
    }
    if with.is_empty() {
        let variables: Vec<&str> = without.iter().map(|platform| webhook_secret_name(*platform)).collect();
        return (State::Disabled, format!("no secret is configured; set {}", variables.join(", ")));
    }
    (State::Up, String::new())
}
