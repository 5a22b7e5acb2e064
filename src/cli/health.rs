//! `agent-smith health`: asks a running server how it is doing. For container health checks, which then need no other
//! program in the image.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use super::fail;
use super::output::Output;

/// Container health checks give up after a few seconds; this says why before they do.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A probe's answer is a few kilobytes; this is room for a thousand projects.
const MOST_BYTES: u64 = 1024 * 1024;

const NOTES: &str = "\
Prints the answer as JSON. Exit codes: 0 it lives (with --ready: it is ready for work), 1 it is not or nothing answers.

Example:
  agent-smith health --ready || echo 'not ready'";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    /// Port of the server on this machine.
    #[arg(long, default_value_t = 8081)]
    port: u16,
    /// Ask whether it is ready for work, not only whether it lives.
    #[arg(long)]
    ready: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let path = if arguments.ready { "/health/ready" } else { "/health" };
    match ask(arguments.port, path) {
        Ok((200, body)) => {
            let mut out = Output::default();
            out.line(body);
            out.end(ExitCode::SUCCESS)
        }
        Ok((status, body)) => fail(&format!("{path} answered {status}: {body}")),
        Err(error) => fail(&format!(
            "no answer from port {} of this machine: {error}; does a server run there, or on another --port?",
            arguments.port
        )),
    }
}

/// Status and body of one request.
fn ask(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MOST_BYTES).read_to_string(&mut answer)?;
    let status = answer.split_ascii_whitespace().nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other("the answer is not HTTP"))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.trim().to_owned()))
}
