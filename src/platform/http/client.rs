//! The shared HTTP client and its settings.
//!
//! Who calls: the composition root, once; tests with shorter times. Clones share everything.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::allowance::{Allowances, HeldBack};
use super::call::Channel;
use super::limits::Dialect;
use super::settings::Settings;
use crate::platform::{Error, Result};

/// What every platform sees us as.
pub(in crate::platform) const USER_AGENT: &str = concat!("agent-smith/", env!("CARGO_PKG_VERSION"));

/// A connection that is idle for longer is closed by us, before a platform or a NAT box drops it without a word.
const POOL_IDLE: Duration = Duration::from_secs(55);

/// A peer that acknowledges nothing for this long is gone. All requests share one HTTP/2 connection, so that a dead one
/// must be noticed well within a call's time.
const DEAD_PEER: Duration = Duration::from_secs(10);

/// The shared client, the memory of rate limits, the retry policy.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    settings: Settings,
    allowances: Arc<Allowances>,
}

impl Http {
    /// With the default settings.
    ///
    /// # Errors
    /// `Transport` when the client cannot be built, which means that the system has no CA certificates.
    pub fn new() -> Result<Self> {
        Self::with(Settings::default())
    }

    /// With other settings.
    ///
    /// # Errors
    /// As [`Http::new`].
    pub fn with(settings: Settings) -> Result<Self> {
        let builder = reqwest::Client::builder();
        let client = if settings.proxies { builder } else { builder.no_proxy() }
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(DEAD_PEER)
            .http2_keep_alive_timeout(DEAD_PEER)
            .build()
            .map_err(|error| Error::Transport(build_error(&error)))?;
        Ok(Self { client, settings, allowances: Arc::default() })
    }

    /// The client on which platform libraries run. Use it only inside [`Channel::send`].
    pub(in crate::platform) fn client(&self) -> reqwest::Client {
        self.client.clone()
    }

    /// The way to the host of `base` with a token. Channels to the same host with the same token share their limits.
    pub(in crate::platform) fn channel(&self, base: &Url, token: Option<&SecretString>, dialect: Dialect) -> Channel {
        let host = match base.port() {
            Some(port) => format!("{}:{port}", base.host_str().unwrap_or_default()),
            None => base.host_str().unwrap_or_default().to_owned(),
        };
        let token = token.map_or("", |token| token.expose_secret());
        Channel::new(self.settings.clone(), self.allowances.of(&host, token), dialect)
    }

    /// Every host and token that is held back now, for `/health`.
    pub fn held_back(&self) -> Vec<HeldBack> {
        self.allowances.held_back()
    }
}

fn build_error(error: &reqwest::Error) -> String {
    let mut text = format!("http client cannot be built: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    if text.contains("CA certificates") {
        text.push_str(": install the package ca-certificates or point SSL_CERT_FILE at a bundle");
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Runs this very test again in a process whose environment hides the system's certificates.
    #[test]
    fn a_system_without_ca_certificates_is_named_with_the_cure() {
        const CHILD: &str = "AGENT_SMITH_TEST_WITHOUT_CA";
        if std::env::var_os(CHILD).is_some() {
            println!("child says: {:?}", Http::new().err().map(|error| error.to_string()));
            return;
        }
        let name = "platform::http::client::tests::a_system_without_ca_certificates_is_named_with_the_cure";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .env("SSL_CERT_FILE", "/nonexistent/bundle")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("install the package ca-certificates"), "{said}");
    }
}
