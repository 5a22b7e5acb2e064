//! The command line: one file per command, each reading like a parts list.
//!
//! Exit codes: 0 done, 1 failed, 2 bad usage or bad configuration. Beside `config` the only room that reads the
//! environment.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Env;
use crate::pipeline::supervise;
use crate::telemetry::{self, Format};

mod check;
mod demo;
mod health;
mod open;
mod output;
mod pipelines;
mod poll;
mod runs;
pub mod schema;
mod server;
pub mod validate;

/// Bad usage or bad configuration.
const EXIT_USAGE: u8 = 2;

const OVERVIEW: &str = "\
Begin with:
  agent-smith demo                 see it work, with nothing installed and nothing configured
  agent-smith validate --check     what is wrong in agentsmith.yml, and what this machine lacks for it, all at once
  agent-smith poll --dry-run       which tickets would be claimed, and why not the others
  agent-smith server               run it
  agent-smith runs ls              what ran and what runs

Environment:
  AGENTSMITH_CONFIG                path of the configuration file, default ./agentsmith.yml
  REDIS_URL                        redis://[user:password@]host[:port][/db], or rediss:// for TLS
  GITHUB_TOKEN                     for `auth: token`; may write issues, and to push, contents and pull requests
  AGENTSMITH_OPERATOR_TOKEN        proves an operator to the server, for `runs`
  RUST_LOG                         log filter, such as info, debug or agent_smith=debug
  NO_COLOR                         no colours, also on a terminal

Exit codes: 0 done, 1 failed, 2 bad usage or bad configuration.";

/// Turns labelled tickets into finished work, from inside networks that nothing can reach.
#[derive(Debug, Parser)]
#[command(name = "agent-smith", version, propagate_version = true, max_term_width = 100, after_help = OVERVIEW)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: webhooks, probes, poller, housekeeping and queue consumer.
    Server(server::Arguments),
    /// See the whole thing work on this machine: four simulated platforms, real pipelines, nothing to install.
    Demo(demo::Arguments),
    /// Check agentsmith.yml and show every mistake with its place.
    Validate(validate::Arguments),
    /// Show the pipelines that come with the program.
    #[command(after_help = pipelines::EXAMPLES)]
    Pipelines(pipelines::Arguments),
    /// Poll once now and claim what asks for a run.
    Poll(poll::Arguments),
    /// Print the JSON Schema of agentsmith.yml, for editors.
    #[command(after_help = schema::EXAMPLES)]
    Schema,
    /// See what ran and what runs, read its output, stop it, run it again.
    Runs(runs::Arguments),
    /// Ask a running server on this machine how it is doing; for container health checks.
    Health(health::Arguments),
}

/// Where the configuration is.
#[derive(Debug, Clone, clap::Args)]
struct ConfigArgument {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = "AGENTSMITH_CONFIG", default_value = "agentsmith.yml")]
    config: PathBuf,
}

/// Runs the program and says how it ended.
pub fn main() -> ExitCode {
    // Before anything else: a supervisor must not set up what a server needs.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == supervise::SUBCOMMAND) {
        return supervise::supervisor::main(arguments);
    }
    // The TLS library can choose its provider by itself only while exactly one is linked in; this does not depend on
    // it. A provider that is installed already stays.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Arguments::parse().command {
        Command::Server(arguments) => server::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Pipelines(arguments) => pipelines::run(&arguments),
        Command::Poll(arguments) => poll::run(arguments),
        Command::Schema => schema::run(),
        Command::Runs(arguments) => runs::run(arguments),
        Command::Health(arguments) => health::run(&arguments),
    }
}

/// Starts logging with the filter of `RUST_LOG`, or says what is wrong with it.
fn start_log(format: Format, env: &Env, default: &str) -> Result<(), ExitCode> {
    let filter = env.trimmed("RUST_LOG").unwrap_or(default);
    telemetry::init(format, filter, output::takes_colour(&std::io::stderr(), env))
        .map_err(|error| usage(&format!("RUST_LOG `{filter}` is no log filter: {error}; try RUST_LOG=info")))
}

/// Runs `work` on the program's runtime. What went wrong is printed as one line.
fn block_on(work: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("could not start: {error}")),
    };
    let exit = runtime.block_on(work).unwrap_or_else(|error| fail(&format!("{error:#}")));
    // Whatever still runs was told to end; the process does not wait for it.
    runtime.shutdown_background();
    exit
}

fn usage(message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(EXIT_USAGE)
}

fn fail(message: &str) -> ExitCode {
    complain(message);
    ExitCode::FAILURE
}

/// The exit code says it too, so a standard error that nobody reads is no reason to panic.
fn complain(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "error: {message}");
}
