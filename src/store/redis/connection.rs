//! The one connection that carries all commands, shared by every task of the process.
//!
//! Who calls: the files beside this one. What must stay true: no call waits longer than [`CALL_LIMIT`]; a lost
//! connection comes back by itself; a command that may have reached Redis is never sent again, because a second take
//! would take a second job; no error text shows the password.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    Client, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError,
    RedisResult, ScriptInvocation, ServerErrorKind,
};

use crate::store::{Error, Result};

/// The longest that any call may take, connecting included: what the contract promises.
const CALL_LIMIT: Duration = Duration::from_secs(3);
/// The longest wait for an answer. Scripts end within 10 ms; two seconds is a Redis that is stuck.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that one attempt to connect may take, TLS and login included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One more attempt after a short pause, for a restart that is just under way. Longer outages are the caller's.
const CONNECT_RETRIES: usize = 1;
const CONNECT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// After this long without an acknowledgement the kernel drops the connection; else a cable pulled out would hold it
/// for a quarter of an hour.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Clones share the connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    client: Client,
    manager: Arc<Mutex<Option<ConnectionManager>>>,
}

impl Connection {
    /// Reads the address. Connects at the first call, not now.
    pub(super) fn to(url: &str) -> Result<Self> {
        let client = client(url).map_err(|error| {
            Error::Unavailable(format!(
                "REDIS_URL is not the address of a Redis ({error}); write redis://[user:password@]host[:port][/db] or \
                 rediss://… for TLS, with special characters of the password percent-encoded"
            ))
        })?;
        Ok(Self { client, manager: Arc::default() })
    }

    /// For a connection of its own.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a script. It is loaded first if this Redis does not know it.
    pub(super) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T> {
        self.call(|mut manager| async move { script.invoke_async(&mut manager).await }).await
    }

    /// Sends commands in one round trip.
    pub(super) async fn send<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T> {
        self.call(|mut manager| async move { commands.query_async(&mut manager).await }).await
    }

    async fn call<T, F>(&self, ask: impl Fn(ConnectionManager) -> F) -> Result<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let answer = tokio::time::timeout(CALL_LIMIT, async {
            match ask(self.manager()?).await {
                // Nothing was sent: this is the memory of the last failed attempt, or the attempt itself.
                Err(error) if error.is_connection_refusal() => ask(self.manager()?).await,
                answer => answer,
            }
        });
        match answer.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                    self.forget_manager();
                }
                Err(explain(&error))
            }
            Err(_) => Err(Error::Unavailable(format!("redis did not answer within {} s", CALL_LIMIT.as_secs()))),
        }
    }

    /// The manager, made at the first call because it needs the runtime.
    fn manager(&self) -> RedisResult<ConnectionManager> {
        let mut manager = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manager) = manager.as_ref() {
            return Ok(manager.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(CONNECT_RETRIES)
            .set_min_delay(CONNECT_RETRY_DELAY)
            .set_max_delay(CONNECT_RETRY_DELAY)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let made = ConnectionManager::new_lazy_with_config(self.client.clone(), config)?;
        Ok(manager.insert(made).clone())
    }

    /// The next call connects anew: this server has become a replica, and the address leads to another one by now.
    fn forget_manager(&self) {
        self.manager.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// RESP3, so that the connection notices at once when the server goes; no delay, because every call is one round trip.
fn client(url: &str) -> RedisResult<Client> {
    let info = url.trim().into_connection_info()?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        // Somebody may have installed a provider already; then that one is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(TCP_USER_TIMEOUT))
        .set_user_timeout(TCP_USER_TIMEOUT);
    Client::open(info.set_redis_settings(redis).set_tcp_settings(tcp))
}

/// An error of Redis in our words. Only data that should not be there is not worth a retry.
fn explain(error: &RedisError) -> Error {
    let text = error.to_string();
    // Redis 6 wraps the error of a command inside a script, Redis 7 passes it on.
    let malformed = matches!(error.kind(), ErrorKind::Parse | ErrorKind::UnexpectedReturnType)
        || text.contains("WRONGTYPE")
        || text.contains("user_script");
    if malformed {
        return Error::Malformed(text);
    }
    let cure = match error.code() {
        Some("NOAUTH" | "WRONGPASS" | "NOPERM") => "; check user, password and permissions of REDIS_URL",
        Some("OOM") => "; give redis more memory, its data must not be evicted",
        _ if error.kind() == ErrorKind::AuthenticationFailed => "; check user and password of REDIS_URL",
        _ => "",
    };
    Error::Unavailable(format!("redis: {text}{cure}"))
}
