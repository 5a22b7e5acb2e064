//! `agent-smith runs`: what ran and what runs, what it printed, stop it, run it again.
//!
//! `client` asks a server, `table` and `show` say what it answered. What must stay true: nothing here knows more than any
//! other client of `/runs`; what other people wrote cannot command the terminal.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Subcommand;

use self::client::{Client, Trouble};
use super::output::Output;
use super::{block_on, fail, usage};
use crate::config::{Env, OPERATOR_TOKEN};
use crate::pipeline::readable;
use crate::run_record::{RunRecord, RunState};

mod client;
mod show;
mod table;

/// Where a server is asked unless somebody says otherwise.
const SERVER: &str = "http://127.0.0.1:8081";

const NOTES: &str = "\
RUN is the id of a run, its beginning or its end (4 characters at least, as `ls` shows it), or project#ticket for the
last run of a ticket.

Environment:
  AGENTSMITH_SERVER                where the server is, instead of --server
  AGENTSMITH_OPERATOR_TOKEN        the token that the server has under the same name; a server without one answers its
                                   own machine only

Examples:
  agent-smith runs ls --state failed
  agent-smith runs show my-api#42
  agent-smith runs logs -f my-api#42
  agent-smith runs cancel 3f9a01c2

Exit codes: 0 done, 1 refused, not found or no answer, 2 bad usage.";

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List runs, the newest first.
    Ls(Ls),
    /// Show a run: its attempts, its steps, how it ended.
    Show(One),
    /// Print what a run printed.
    Logs(Logs),
    /// Stop a run, or drop it while it waits.
    Cancel(One),
    /// Run the ticket of a run again.
    Retry(One),
}

#[derive(Debug, clap::Args)]
struct Server {
    /// The server to ask.
    #[arg(long, value_name = "URL", env = "AGENTSMITH_SERVER", default_value = SERVER)]
    server: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
struct Ls {
    /// Only runs of this project.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only runs of this ticket.
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// Only runs in this state: queued, running, done, failed, cancelled, dropped or broken-off.
    #[arg(long, value_parser = state)]
    state: Option<RunState>,
    /// How many at most, up to 200.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=200))]
    limit: u64,
    /// Only runs that were claimed before this one, by its whole id: the next page.
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// Print the answer of the server as it is.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
struct One {
    /// The run.
    run: String,
    /// Print the answer of the server as it is.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, clap::Args)]
#[command(after_help = NOTES)]
struct Logs {
    /// The run.
    run: String,
    /// Go on until it ends.
    #[arg(long, short)]
    follow: bool,
    /// Of this attempt instead of the last.
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
    #[command(flatten)]
    server: Server,
}

fn state(word: &str) -> Result<RunState, String> {
    RunState::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
        format!("no such state; one of {}", known.join(", "))
    })
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let env = Env::from_process();
    let server = match &arguments.what {
        What::Ls(ls) => &ls.server.server,
        What::Show(one) | What::Cancel(one) | What::Retry(one) => &one.server.server,
        What::Logs(logs) => &logs.server.server,
    };
    let client = match Client::of(server, env.trimmed(OPERATOR_TOKEN)) {
        Ok(client) => client,
        Err(why) => return usage(&why),
    };
    block_on(async move {
        let done = match arguments.what {
            What::Ls(asked) => list(&client, &asked, &env).await,
            What::Show(asked) => show_one(&client, &asked, &env).await,
            What::Logs(asked) => logs(&client, &asked).await,
            What::Cancel(asked) => steer(&client, &asked, "cancel").await,
            What::Retry(asked) => steer(&client, &asked, "retry").await,
        };
        Ok(done.unwrap_or_else(|trouble| fail(&trouble.to_string())))
    })
}

async fn list(client: &Client, asked: &Ls, env: &Env) -> Result<ExitCode, Trouble> {
    let limit = asked.limit.to_string();
    let given = [
        ("project", asked.project.as_deref()),
        ("ticket", asked.ticket.as_deref()),
        ("state", asked.state.map(RunState::as_str)),
        ("before", asked.before.as_deref()),
        ("limit", Some(limit.as_str())),
    ];
    let given: Vec<(&str, &str)> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let answer = client.get(&["runs"], &given).await?;
    let mut out = Output::default();
    if asked.json {
        out.line(&answer);
        return Ok(out.end(ExitCode::SUCCESS));
    }
    let page: table::Page = client::read(&answer)?;
    table::print(&mut out, &page, env);
    Ok(out.end(ExitCode::SUCCESS))
}

async fn show_one(client: &Client, asked: &One, env: &Env) -> Result<ExitCode, Trouble> {
    let answer = client.get(&["runs", &asked.run], &[]).await?;
    let mut out = Output::default();
    if asked.json {
        out.line(&answer);
        return Ok(out.end(ExitCode::SUCCESS));
    }
    let run: RunRecord = client::read(&answer)?;
    show::print(&mut out, &run, env);
    Ok(out.end(ExitCode::SUCCESS))
}

async fn steer(client: &Client, asked: &One, what: &str) -> Result<ExitCode, Trouble> {
    let answer = client.post(&["runs", &asked.run, what]).await?;
    let mut out = Output::default();
    if asked.json {
        out.line(&answer);
    } else {
        let done: client::Done = client::read(&answer)?;
        out.line(format_args!("run {}: {}", done.run_id, done.reason));
    }
    Ok(out.end(ExitCode::SUCCESS))
}

/// To a terminal without what only a terminal understands; anywhere else byte by byte as it was printed.
async fn logs(client: &Client, asked: &Logs) -> Result<ExitCode, Trouble> {
    let attempt = asked.attempt.map(|attempt| attempt.to_string());
    let given = [("follow", asked.follow.then_some("true")), ("attempt", attempt.as_deref())];
    let given: Vec<(&str, &str)> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let mut log = client.stream(&["runs", &asked.run, "log"], &given).await?;
    let mut out = std::io::stdout();
    let mut lines = std::io::stdout().is_terminal().then(Lines::default);
    let mut write = |bytes: &[u8]| out.write_all(bytes).and_then(|()| out.flush());
    while let Some(chunk) = log.next().await? {
        let written = match &mut lines {
            Some(lines) => write(lines.whole(&chunk).as_bytes()),
            None => write(&chunk),
        };
        match written {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            Err(error) => return Ok(fail(&format!("cannot write to standard output: {error}"))),
            Ok(()) => {}
        }
    }
    if let Some(rest) = lines.map(|lines| readable(&String::from_utf8_lossy(&lines.begun))) {
        // The end of the log; whoever does not read it any more misses nothing else.
        let _ = write(rest.as_bytes());
    }
    Ok(ExitCode::SUCCESS)
}

/// Keeps the beginning of a line back until the rest is there: an escape sequence may be cut in two.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Longest line that is waited for; progress bars write none.
    const LONGEST: usize = 64 * 1024;

    fn whole(&mut self, chunk: &[u8]) -> String {
        self.begun.extend_from_slice(chunk);
        let end = match self.begun.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            None if self.begun.len() > Self::LONGEST => self.begun.len(),
            None => 0,
        };
        let whole: Vec<u8> = self.begun.drain(..end).collect();
        readable(&String::from_utf8_lossy(&whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_in_two_pieces_does_not_reach_the_terminal() {
        let mut lines = Lines::default();
        let shown = [&b"a\x1b["[..], b"31mred\x1b[0m\nnext", b"\x1b]0;title\x07 line\n"];
        let shown: String = shown.into_iter().map(|chunk| lines.whole(chunk)).collect();
        assert_eq!(shown, "ared\nnext line\n");
    }
}
