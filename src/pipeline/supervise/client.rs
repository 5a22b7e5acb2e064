//! The server's side of a supervised program: start the supervisor, drain the output, pass a stop on, clean up.
//!
//! Who calls: `steps`. What must stay true: when [`supervise`] returns, nothing of the command runs any more, or the
//! number of processes that could not be ended is in the answer; output is always drained, so that no step ever waits
//! for the log.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{WriteHalf, pipe};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::strangers::{self, Registered};
use super::supervisor::{KILL_LIMIT, STOP_TERM, WATCH};
use super::told::{Message, Told, allowance};
use crate::job::WriteRight;
use crate::pipeline::capture::Capture;
use crate::pipeline::confine::Bounds;

/// How long after a stop the supervisor may take before it is killed itself: its own limits and a second for a loaded
/// machine. A frozen supervisor (the step may send it SIGSTOP) costs this much and no more.
const PATIENCE: Duration = STOP_TERM.saturating_add(KILL_LIMIT).saturating_add(Duration::from_secs(1));
/// From the report to the end of the process. It has nothing left to do.
const EXIT_LIMIT: Duration = Duration::from_secs(1);
/// How long to read on when the tree is gone. The pipe is then at its end, unless a process could not be ended.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// A step's allowance is told at least this often, and four times within itself: a renewed lease is passed on in time.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// Longest report: an error text with a path in it.
const REPORT_LIMIT: u64 = 8 * 1024;
/// As much as a pipe holds.
const READ_SIZE: usize = 64 * 1024;
/// Longest answer. The names of the files of a large change take a few hundred kilobytes.
pub(in crate::pipeline) const ANSWER_LIMIT: usize = 16 * 1024 * 1024;
/// As much of standard error as explains a failure.
const ERRORS_LIMIT: usize = 8 * 1024;

/// What to run, and where.
pub(in crate::pipeline) struct Launch<'a> {
    /// The program that becomes the supervisor: this binary.
    pub(in crate::pipeline) supervisor: &'a Path,
    /// The program and its arguments. One without a slash is looked for in the `PATH` of its own environment.
    pub(in crate::pipeline) command: &'a [OsString],
    /// A file that becomes its standard input; without one, that is empty.
    pub(in crate::pipeline) input: Option<&'a Path>,
    /// The working directory.
    pub(in crate::pipeline) directory: &'a Path,
    /// The whole environment.
    pub(in crate::pipeline) environment: &'a [(OsString, OsString)],
    /// What it may use; `None` is as much as this process.
    pub(in crate::pipeline) bounds: Option<&'a Bounds>,
    /// Until when it may go on. The supervisor keeps to that by its own clock, also when this process is frozen.
    pub(in crate::pipeline) right: &'a dyn WriteRight,
}

/// How a supervised command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline) enum Ended {
    /// The program exited by itself.
    Exit(i32),
    /// A signal that we did not send ended the program.
    Signal(i32),
    /// The stop came first.
    Stopped,
    /// The right to go on ran out first.
    Expired,
    /// It was never started; says why.
    NotStarted(String),
    /// The supervisor was killed. Its processes have been ended.
    SupervisorLost,
}

/// What a program said that is asked for an answer.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Answer {
    /// Its standard output, up to [`ANSWER_LIMIT`].
    pub(in crate::pipeline) output: Vec<u8>,
    /// The end of its standard error.
    pub(in crate::pipeline) errors: Vec<u8>,
}

/// Runs a program to its end, or to its end by `stop`. Returns how it ended and how many processes could not be ended.
pub(in crate::pipeline) async fn supervise(
    launch: &Launch<'_>,
    stop: impl Future<Output = ()>,
    capture: &mut Capture,
) -> (Ended, usize) {
    watch(launch, stop, capture, None).await
}

/// The same for a program whose standard output is an answer and no talk: only standard error goes to `capture`.
pub(in crate::pipeline) async fn supervise_and_read(
    launch: &Launch<'_>,
    stop: impl Future<Output = ()>,
    capture: &mut Capture,
    answer: &mut Answer,
) -> (Ended, usize) {
    watch(launch, stop, capture, Some(answer)).await
}

async fn watch(
    launch: &Launch<'_>,
    stop: impl Future<Output = ()>,
    capture: &mut Capture,
    answer: Option<&mut Answer>,
) -> (Ended, usize) {
    let Started { supervisor, socket, talk, answering } = match start(launch, answer.is_some()) {
        Ok(started) => started,
        Err(error) => return (Ended::NotStarted(format!("cannot start the supervisor: {error}")), 0),
    };
    let over = CancellationToken::new();
    let control = async {
        let ended = control(supervisor, socket, launch.right, stop).await;
        over.cancel();
        ended
    };
    let reading = async {
        let (Some(answering), Some(Answer { output, errors })) = (answering, answer) else {
            return drain(talk, &over, Listener::Log(capture)).await;
        };
        let answer = drain(answering, &over, Listener::Answer(output));
        tokio::join!(answer, drain(talk, &over, Listener::LogAndErrors(capture, errors)));
    };
    let (ended, ()) = tokio::join!(control, reading);
    ended
}

struct Started {
    supervisor: Registered,
    socket: UnixStream,
    /// What it prints; only on standard error when there is the next.
    talk: pipe::Receiver,
    answering: Option<pipe::Receiver>,
}

fn start(launch: &Launch<'_>, answers: bool) -> io::Result<Started> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let (talk, talker) = io::pipe()?;
    let (answering, output) = match answers {
        true => io::pipe().map(|(answering, output)| (Some(answering), output))?,
        false => (None, talker.try_clone()?),
    };
    let mut command = Command::new(launch.supervisor);
    command
        .arg0("agent-smith")
        .args([super::SUBCOMMAND, WATCH])
        .arg(launch.bounds.map(Bounds::to_argument).unwrap_or_default())
        .arg(launch.input.map_or(OsStr::new(""), Path::as_os_str))
        .args(launch.command)
        .current_dir(launch.directory)
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(OwnedFd::from(output)))
        .stderr(Stdio::from(OwnedFd::from(talker)));
    let talk = pipe::Receiver::from_owned_fd(OwnedFd::from(talk))?;
    let answering = answering.map(|answering| pipe::Receiver::from_owned_fd(OwnedFd::from(answering))).transpose()?;
    let socket = UnixStream::from_std(ours)?;
    // The writing ends live in `command` and are closed with it; only the step holds them then.
    Ok(Started { supervisor: Registered::spawn(&mut command)?, socket, talk, answering })
}

/// Waits for the report, passes a stop on, and makes sure that the supervisor and its tree are gone.
async fn control(
    mut supervisor: Registered,
    mut socket: UnixStream,
    right: &dyn WriteRight,
    stop: impl Future<Output = ()>,
) -> (Ended, usize) {
    let mut report = Vec::new();
    let stopped = {
        let (reader, mut writer) = socket.split();
        let mut reader = reader.take(REPORT_LIMIT);
        let mut reading = pin!(reader.read_to_end(&mut report));
        let over = tokio::select! {
            biased;
            _ = &mut reading => true,
            () = stop => false,
            () = allow(&mut writer, right) => false,
        };
        match over {
            true => false,
            false => {
                let _ = writer.shutdown().await; // fails when the supervisor is gone, which the read notices too
                let _ = timeout(PATIENCE, &mut reading).await;
                true
            }
        }
    };
    let message = Message::from_text(&String::from_utf8_lossy(&report));
    if message.is_none() || timeout(EXIT_LIMIT, supervisor.child.wait()).await.is_err() {
        // Fails only when it has ended already.
        let _ = supervisor.child.start_kill();
        let _ = timeout(EXIT_LIMIT, supervisor.child.wait()).await;
    }
    let left = match &message {
        Some(Message { left: 0, .. }) => 0,
        _ => {
            warn!("a supervisor was lost or could not end its processes: ending them from here");
            drop(supervisor);
            tokio::task::spawn_blocking(strangers::sweep).await.unwrap_or_default()
        }
    };
    let ended = match message.map(|message| message.told) {
        Some(Told::Exit(code)) => Ended::Exit(code),
        Some(Told::Signal(number)) => Ended::Signal(number),
        Some(Told::Failed(why)) => Ended::NotStarted(why),
        Some(Told::Stopped) => Ended::Stopped,
        Some(Told::Expired) => Ended::Expired,
        None if stopped => Ended::Stopped,
        None => Ended::SupervisorLost,
    };
    (ended, left)
}

/// Says again and again how long the step may go on. Resolves when that is over, or when nobody listens any more.
async fn allow(writer: &mut WriteHalf<'_>, right: &dyn WriteRight) {
    loop {
        let left = right.valid_until().saturating_duration_since(Instant::now());
        if writer.write_all(&allowance(left)).await.is_err() || left.is_zero() {
            // Whoever is gone is noticed by the read; a right that has run out is the supervisor's to act on.
            return std::future::pending().await;
        }
        sleep((left / 4).min(LONGEST_SILENCE)).await;
    }
}

/// Where a pipe's bytes go.
enum Listener<'a> {
    Log(&'a mut Capture),
    LogAndErrors(&'a mut Capture, &'a mut Vec<u8>),
    Answer(&'a mut Vec<u8>),
}

impl Listener<'_> {
    async fn take(&mut self, chunk: &[u8]) {
        match self {
            Self::Log(capture) => capture.take(chunk).await,
            Self::LogAndErrors(capture, errors) => {
                capture.take(chunk).await;
                errors.extend_from_slice(chunk);
                errors.drain(..errors.len().saturating_sub(ERRORS_LIMIT));
            }
            Self::Answer(output) => {
                let room = ANSWER_LIMIT.saturating_sub(output.len());
                output.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
        }
    }
}

/// Reads until the pipe ends, or until [`DRAIN_LIMIT`] after the tree is gone.
async fn drain(mut pipe: pipe::Receiver, over: &CancellationToken, mut listener: Listener<'_>) {
    let reading = async {
        let mut buffer = vec![0; READ_SIZE];
        while let Ok(count) = pipe.read(&mut buffer).await
            && count > 0
        {
            listener.take(&buffer[..count]).await;
        }
    };
    let too_late = async {
        over.cancelled().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    tokio::select! {
        () = reading => {}
        () = too_late => {}
    }
}
