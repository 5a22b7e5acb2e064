//! A real `redis-server`, started by a test on a free port and in a directory of its own, killed when dropped.
//!
//! Who calls: every test and bench that needs Redis. What must stay true: the server listens on loopback only, never
//! outlives its test, and keeps its port across restarts, so that clients can find it again. It writes an append-only
//! file, so that [`RedisServer::restart_with_data`] finds everything that was acknowledged before a kill.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Longest wait for a server to answer or to end; a busy machine needs a second or two.
const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks at a server that is starting.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Another process may take the free port before the server binds it; a few new tries make that a non-event.
const PORT_TRIES: usize = 5;

/// A running (or stopped) Redis.
#[derive(Debug)]
pub struct RedisServer {
    dir: TempDir,
    port: u16,
    server: Option<Child>,
}

impl RedisServer {
    /// Starts an empty Redis and waits until it answers.
    ///
    /// # Panics
    /// When `redis-server` is not installed or does not start.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("agent-smith-redis-").tempdir().expect("a temporary directory");
        let mut redis = Self { dir, port: 0, server: None };
        for _ in 0..PORT_TRIES {
            redis.port = free_port();
            if redis.launch() {
                return redis;
            }
        }
        panic!("redis-server did not start:\n{}", redis.log());
    }

    /// `redis://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port, the same across restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Shuts it down as an operator would (SIGTERM) and waits for its end.
    pub fn stop(&mut self) {
        self.end_with(Signal::SIGTERM);
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        self.end_with(Signal::SIGKILL);
    }

    /// Suspends it: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a suspended one go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Starts it again on the same port with everything it had acknowledged.
    pub fn restart_with_data(&mut self) {
        self.kill();
        assert!(self.launch(), "redis-server did not come back:\n{}", self.log());
    }

    /// Starts it again on the same port with nothing.
    pub fn restart_empty(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(self.data());
        assert!(self.launch(), "redis-server did not come back:\n{}", self.log());
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// False when the server ended instead of answering, as it does when the port is taken.
    fn launch(&mut self) -> bool {
        fs::create_dir_all(self.data()).expect("a data directory");
        let log = File::create(self.dir.path().join("log")).expect("a log file");
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""])
            .arg("--dir")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn();
        match server {
            Ok(server) => self.server = Some(server),
            Err(error) => panic!(
                "cannot run `redis-server` ({error}): these tests use a real one; install it (Debian: apt-get install \
                 redis-server, macOS: brew install redis) so that it is on the PATH"
            ),
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.answers() {
                return true;
            }
            if self.has_ended() {
                return false;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        false
    }

    /// True when this very server answers: its process id is asked for, since another may listen on a lost port.
    fn answers(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let Ok(mut socket) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
        let _ = socket.set_read_timeout(Some(Duration::from_secs(1)));
        // PING is refused while the data are still being loaded, INFO is not.
        if socket.write_all(b"PING\r\nINFO server\r\n").is_err() {
            return false;
        }
        let Some(mark) = self.pid().map(|pid| format!("process_id:{pid}\r")) else { return false };
        let (mut reply, mut buffer) = (String::new(), [0; 4096]);
        while let Ok(read @ 1..) = socket.read(&mut buffer) {
            reply.push_str(&String::from_utf8_lossy(&buffer[..read]));
            if reply.contains(&mark) {
                return reply.starts_with("+PONG");
            }
        }
        false
    }

    fn has_ended(&mut self) -> bool {
        self.server.as_mut().is_none_or(|server| server.try_wait().is_ok_and(|status| status.is_some()))
    }

    fn pid(&self) -> Option<Pid> {
        self.server.as_ref().and_then(|server| i32::try_from(server.id()).ok()).map(Pid::from_raw)
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = kill(pid, signal);
        }
    }

    fn end_with(&mut self, signal: Signal) {
        self.signal(signal);
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the port that was bound").port()
}
