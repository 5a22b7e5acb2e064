//! A command line that is run to its end, with everything it printed.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::process::{command, free_port};
use crate::support::world::{Settings, World, eventually};

pub(crate) const TRACKER: &str = "org/api";

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Fails unless it ended so and never panicked; returns itself for more questions.
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }

    /// Fails unless standard error holds every one of these.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is not in {self:#?}");
        }
        self
    }

    /// Fails unless standard output holds every one of these.
    pub(crate) fn prints(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "`{part}` is not in {self:#?}");
        }
        self
    }
}

/// A command that runs; killed when dropped. What it prints goes to files, so that it can be read meanwhile.
pub(crate) struct Running {
    child: Child,
    files: TempDir,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let files = tempfile::tempdir().unwrap();
        command.stdout(File::create(files.path().join("out")).unwrap());
        Self::start_with_own_stdout(command, files)
    }

    pub(crate) fn start_with_own_stdout(command: &mut Command, files: TempDir) -> Self {
        command.stderr(File::create(files.path().join("err")).unwrap());
        Self { child: command.spawn().unwrap(), files }
    }

    pub(crate) fn start_with_own_stderr(command: &mut Command, stderr: Stdio) -> Self {
        Self { child: command.stderr(stderr).spawn().unwrap(), files: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    pub(crate) fn out(&self) -> String {
        std::fs::read_to_string(self.files.path().join("out")).unwrap_or_default()
    }

    pub(crate) fn err(&self) -> String {
        std::fs::read_to_string(self.files.path().join("err")).unwrap_or_default()
    }

    pub(crate) async fn end(mut self) -> Ended {
        let status: ExitStatus = eventually("the command ends", async || self.child.try_wait().unwrap()).await;
        Ended { code: status.code(), out: self.out(), err: self.err() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Runs a command line to its end.
pub(crate) async fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, &[]).await
}

/// The same with these environment variables.
pub(crate) async fn run_with(arguments: &[&str], env: &[(&str, &str)]) -> Ended {
    Running::start(command(arguments).envs(env.iter().copied())).end().await
}

/// `server` on a free port of the loopback, for starts that are expected to fail.
pub(crate) async fn server(config: &str, arguments: &[&str], env: &[(&str, &str)]) -> Ended {
    let port = free_port().to_string();
    let mut line = vec!["server", "--bind", "127.0.0.1", "--port", &port, "--config", config];
    line.extend(arguments);
    run_with(&line, env).await
}

/// One tracker, one project `api`, one pipeline with these steps, and the path of the file.
pub(crate) async fn world(steps: &[&str]) -> (World, String) {
    let world = World::with(&[TRACKER]).await;
    world.write_config(&Settings { projects: world.project("api", TRACKER), ..Settings::steps(steps) });
    let config = world.config_path().to_str().unwrap().to_owned();
    (world, config)
}

/// Standard output that nobody reads.
pub(crate) fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}
