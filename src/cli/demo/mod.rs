//! `agent-smith demo`: the whole thing on one machine with nothing installed.
//!
//! Four simulated platforms with tickets and source on them, the embedded store, the real server and real pipelines, and a
//! program that plays the coding agent. `stage` sets it up, `view` shows it in the terminal. What must stay true: it
//! touches nothing outside a directory of its own in the system's temporary directory and removes that at the end, also
//! when nobody reads any more what it prints.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use super::server::{host_name, process_name};
use super::{block_on, fail, start_log};
use crate::app::{self, App};
use crate::config::Env;
use crate::pipeline::report::live::Pace;
use crate::platform::http::Settings;
use crate::shutdown::Signals;
use crate::sim::board::Board;
use crate::store::embedded::EmbeddedStore;
use crate::telemetry::Format;

mod platforms;
mod repositories;
mod stage;
mod view;

use platforms::Platforms;
use stage::{FIRST_TICKETS, Stage};
use view::View;

/// Pause between two tickets that somebody opens while the demo runs.
const NEXT_TICKET: Duration = Duration::from_secs(8);
/// After so many tickets nobody opens further ones: a demo that is left alone comes to rest.
const MOST_TICKETS: usize = 60;

const NOTES: &str = "\
Starts four simulated platforms with tickets on them and the real server with the embedded store, on this machine
only, and shows every ticket on its way from label to result: a script plays the coding agent, and its fixes end in pull
and merge requests that are ready to merge. Needs no configuration, no token and no network; without git there are no
pull requests.
Everything lies in a temporary directory that goes away with the demo. Ctrl-C ends it.

Example:
  agent-smith demo --once > demo.txt               six tickets, then the end";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    /// Port of the server's probes.
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// End by itself when the first six tickets are finished.
    #[arg(long)]
    once: bool,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let env = Env::from_process();
    // The view tells the story; the log joins in when something is wrong.
    if let Err(exit) = start_log(Format::Text, &env, "error") {
        return exit;
    }
    block_on(async move {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(error) => return Ok(fail(&format!("cannot listen on {address}: {error}; choose another --port"))),
        };
        let directory = TemporaryDirectory::create()?;
        let view = View::new(Board::new(), &env);
        let (view, exit) = play(listener, directory.path(), view, arguments.once).await?;
        drop(directory);
        Ok(view.conclude(exit))
    })
}

/// Plays until the end that was asked for: `once`, a signal, or nobody who reads.
async fn play(listener: TcpListener, directory: &Path, mut view: View, once: bool) -> anyhow::Result<(View, ExitCode)> {
    let mut signals =
        Signals::listen().and_then(Signals::also_hangup).context("taking over the signals that end it")?;
    let board = view.board().clone();
    let platforms = Platforms::start(&board, directory).await?;
    let stage = Stage::set(board, &platforms, directory)?;
    let host = host_name();
    let app = App::start(app::Options {
        config: stage.config(),
        store: Some(Arc::new(EmbeddedStore::new())),
        consumer: true,
        supervisor: PathBuf::from("/proc/self/exe"),
        environment: std::env::vars_os().collect(),
        name: process_name(&host),
        host,
        calls: Settings { proxies: false, ..Settings::default() },
        pace: Pace::default(),
        listener,
    })
    .await?;
    platforms.register_webhooks(app.address);
    view.introduce(&platforms.pages(), app.address, platforms.requests());
    stage.open_first_tickets()?;
    let signal = tokio::select! {
        signal = signals.next() => Some(signal),
        () = view.follow_until_finished(if once { FIRST_TICKETS } else { usize::MAX }) => None,
        failed = stage.keep_opening(NEXT_TICKET, MOST_TICKETS), if !once => return Err(failed),
    };
    if let Some(signal) = signal {
        view.say_signal(signal);
    }
    app.shutdown().end_now();
    let exit = tokio::select! {
        _in_time = app.stop() => ExitCode::SUCCESS,
        _second = signals.next() => ExitCode::FAILURE,
    };
    platforms.stop().await;
    Ok((view, exit))
}

/// A directory that goes away with the demo.
struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn create() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("agent-smith-demo-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::error!(%error, "could not remove {}", self.0.display());
        }
    }
}
