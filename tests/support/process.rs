//! The built binary as a process of its own, with its log in a file; killed when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::world::{BOUND, TOKEN, eventually};

/// A running server.
pub struct Server {
    child: Child,
    pub port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts `agent-smith server` on a free port and waits until it answers.
    pub async fn start(config: &Path, redis_url: Option<&str>, log: PathBuf, extra: &[&str]) -> Self {
        let redis_url = redis_url.map(|url| ("REDIS_URL", url));
        Self::start_with(config, redis_url.as_slice(), log, extra).await
    }

    /// The same with these environment variables.
    pub async fn start_with(config: &Path, env: &[(&str, &str)], log: PathBuf, extra: &[&str]) -> Self {
        // The server binds before it does anything else, so a port that was taken meanwhile shows at once.
        for _ in 0..5 {
            let port = free_port();
            let child = command(&["server", "--bind", "127.0.0.1", "--port", &port.to_string()])
                .args(extra)
                .arg("--config")
                .arg(config)
                .envs(env.iter().copied())
                .stdout(Stdio::null())
                .stderr(File::create(&log).unwrap())
                .spawn()
                .unwrap();
            let mut server = Self { child, port, log: log.clone() };
            let answers = eventually("the server answers or ends", async || {
                if server.child.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                server.get("/health").await.map(|_| true)
            })
            .await;
            if answers {
                return server;
            }
        }
        panic!("the server did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
    }

    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for the end and returns the exit code; `None` when a signal ended it.
    pub async fn ended(&mut self) -> Option<i32> {
        eventually("the server ends", async || self.child.try_wait().unwrap()).await.code()
    }

    /// Sends a signal again and again until the end, for one that is taken for the echo of another at first.
    pub async fn ended_by(&mut self, signal: Signal) -> Option<i32> {
        let ended = async || {
            let ended = self.child.try_wait().unwrap();
            if ended.is_none() {
                self.signal(signal);
            }
            ended
        };
        eventually("the server ends", ended).await.code()
    }

    /// Kills it as a power failure would.
    pub async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.ended().await;
    }

    /// Status and body; `None` while nothing answers.
    pub async fn get(&self, path: &str) -> Option<(u16, serde_json::Value)> {
        get(self.port, path).await
    }

    /// A subsystem's state and reason.
    pub async fn subsystem(&self, name: &str) -> Option<(String, String)> {
        let (_, body) = self.get("/health").await?;
        let found = body["subsystems"].as_array()?.iter().find(|one| one["name"] == name)?.clone();
        Some((found["state"].as_str()?.to_owned(), found["reason"].as_str()?.to_owned()))
    }

    pub async fn leads(&self, name: &str) -> bool {
        self.subsystem(name).await.is_some_and(|(_, reason)| reason == "leading")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill(Pid::from_raw(self.pid()), Signal::SIGCONT);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server on port {} ---\n{}", self.port, self.log());
        }
    }
}

/// The binary with an environment that holds nothing but what it needs.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent-smith"));
    command.args(arguments).env_clear().env("GITHUB_TOKEN", TOKEN).env("HOME", "/nonexistent");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    command
}

/// Process ids whose command line contains `mark`.
pub fn processes_with(mark: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(mark) {
            found.push(pid);
        }
    }
    found
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn get(port: u16, path: &str) -> Option<(u16, serde_json::Value)> {
    let client = reqwest::Client::builder().timeout(BOUND).no_proxy().build().unwrap();
    let answer = client.get(format!("http://127.0.0.1:{port}{path}")).send().await.ok()?;
    let status = answer.status().as_u16();
    Some((status, serde_json::from_str(&answer.text().await.ok()?).ok()?))
}
