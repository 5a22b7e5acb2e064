//! The times of the layer, and its way out.
//!
//! Who uses them: the shared client and every call; tests give shorter ones.

use std::time::Duration;

/// The times of the layer, and its way out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For one connection, TLS included.
    pub connect_timeout: Duration,
    /// For one call, from the first attempt to the last byte of the last one.
    pub total_timeout: Duration,
    /// Attempts of a call that may be repeated, the first one included.
    pub attempts: u32,
    /// Ceiling of the random pause before the second attempt; doubles for each further one.
    pub pause_base: Duration,
    /// The ceiling never rises above this.
    pub pause_cap: Duration,
    /// Whether `HTTP_PROXY` and its like are obeyed. The demo talks to this machine only, which no proxy can reach.
    pub proxies: bool,
}

impl Default for Settings {
    /// Connecting takes 5 s at most. 35 s in all, because Azure DevOps delays a request by up to 30 s on purpose. Three
    /// attempts bridge a restarting load balancer; a longer outage is the business of whoever polls again.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(35),
            attempts: 3,
            pause_base: Duration::from_millis(250),
            pause_cap: Duration::from_secs(4),
            proxies: true,
        }
    }
}
