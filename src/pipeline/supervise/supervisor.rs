//! The supervisor of one step: a process of its own, plain blocking code, no runtime.
//!
//! Who calls: `cli`, before it does anything else. Standard input is the socket to the server, standard output and
//! error are the step's. What must stay true: it exits only when it has no child left (or after `KILL_LIMIT`, and
//! then says how many are left); it inherits nothing to the step but standard output and error; it makes no attempt
//! to outlive the server.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{self, Pid, getpid};

use super::told::{Allowance, Message, Told, allowed};
use super::tree;
use crate::pipeline::confine::Bounds;

/// Between SIGTERM and SIGKILL when the server asks for a stop. Long enough for a build tool to remove its temporary
/// files, short enough for ten seconds in all.
pub(super) const STOP_TERM: Duration = Duration::from_secs(3);
/// The same for what a step left behind when its program ended by itself: it had its chance.
const LEFTOVER_TERM: Duration = Duration::from_secs(1);
/// How long SIGKILL is repeated. What is left then sits in the kernel or belongs to another user.
pub(super) const KILL_LIMIT: Duration = Duration::from_secs(2);
/// Between two looks while a tree is ending.
const LOOK: Duration = Duration::from_millis(5);
/// The exit code when supervising failed, as `env` and `timeout` use it.
const NOT_STARTED: u8 = 125;
/// The exit code when the program could not be started, as a shell says it.
pub(super) const NOT_FOUND: u8 = 127;

/// First argument of the supervisor itself.
pub(super) const WATCH: &str = "watch";
/// First argument of the short stage between the supervisor and the program.
const BECOME: &str = "become";

/// What the hidden subcommand does with the arguments behind it: a role, `watch` or `become`, then what the program may
/// use (empty: anything), then the program and its arguments. For `watch`, a file stands before the program that becomes
/// its standard input; an empty one is none.
///
/// A supervisor ends with the exit code of the program, 128 + n for signal n. That is for people; the server reads the
/// report on the socket.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let role = arguments.next();
    let rest: Vec<OsString> = arguments.collect();
    match (role, rest.as_slice()) {
        (Some(role), [bounds, input, command @ ..]) if role == WATCH && !command.is_empty() => {
            watch((bounds, input), command)
        }
        (Some(role), [bounds, program, arguments @ ..]) if role == BECOME => become_program(bounds, program, arguments),
        _ => {
            eprintln!("agent-smith starts this subcommand by itself for each step: it is not for use by hand");
            ExitCode::from(2)
        }
    }
}

fn watch(conditions: (&OsStr, &OsStr), command: &[OsString]) -> ExitCode {
    close_inherited();
    let supervised = supervise(conditions, command);
    let message = supervised.unwrap_or_else(|error| Message { told: Told::Failed(error.to_string()), left: 0 });
    if let Ok(mut socket) = socket() {
        let _ = socket.write_all(message.to_text().as_bytes()); // the server may be gone, and then nobody asks
    }
    ExitCode::from(match message.told {
        Told::Exit(code) => u8::try_from(code).unwrap_or(u8::MAX),
        Told::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        Told::Stopped => 128 + 15,
        Told::Expired => 128 + 9,
        Told::Failed(_) => NOT_STARTED,
    })
}

fn supervise(conditions: (&OsStr, &OsStr), command: &[OsString]) -> io::Result<Message> {
    // All signals wait until they are asked for: a SIGTERM to everything, as some service supervisors send it, ends the
    // step and leaves this process to clean up. Blocked and not ignored, because a shell keeps ignoring what it was
    // told to ignore.
    SigSet::all().thread_block()?;
    unistd::setsid()?;
    prctl::set_child_subreaper(true)?;
    // The step may not look into this process, where it would find the socket.
    prctl::set_dumpable(false)?;
    let stop = watch_for_stop()?;
    let program = start_program(conditions, command)?;
    let mut step = Step { program, ended: None };
    let stopped = step.wait(&stop)?;
    let left = step.end_tree(match stopped {
        Some(Stop::Asked) => STOP_TERM,
        // Somebody else may have the ticket by now: there is no time to be polite.
        Some(Stop::Expired) => Duration::ZERO,
        None => LEFTOVER_TERM,
    });
    let told = match (stopped, step.ended) {
        (Some(Stop::Asked), _) => Told::Stopped,
        (Some(Stop::Expired), _) => Told::Expired,
        (None, Some(Ended::Code(code))) => Told::Exit(code),
        (None, Some(Ended::Signal(number))) => Told::Signal(number),
        (None, None) => Told::Failed("the program is gone and its exit status with it".to_owned()),
    };
    Ok(Message { told, left })
}

/// Starts the program by way of [`become_program`].
fn start_program((bounds, input): (&OsStr, &OsStr), command: &[OsString]) -> io::Result<Child> {
    let stdin = match input.is_empty() {
        true => Stdio::null(),
        false => Stdio::from(fs::File::open(input).map_err(|error| named("cannot open its input", &error))?),
    };
    let program = Command::new("/proc/self/exe")
        .arg0("agent-smith")
        .args([super::SUBCOMMAND, BECOME])
        .arg(bounds)
        .args(command)
        .stdin(stdin)
        .process_group(0) // so that `kill 0` in a script means the script
        .spawn();
    program.map_err(|error| named("cannot start the program", &error))
}

fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Turns this process into the program, with no signal blocked and within its bounds. The supervisor stays outside: it
/// must go on when the program is out of memory.
///
/// A process inherits blocked signals, and the supervisor cannot unblock its own for a moment: a step that starts with
/// a signal to its parent would hit it in that moment. So the new process unblocks them itself.
fn become_program(bounds: &OsStr, program: &OsStr, arguments: &[OsString]) -> ExitCode {
    // Made before there is little memory left to make it from.
    let mut command = Command::new(program);
    command.args(arguments);
    let error = match SigSet::empty().thread_set_mask().map_err(io::Error::from).and_then(|()| take_on(bounds)) {
        Ok(()) => command.exec(),
        Err(error) => error,
    };
    eprintln!("agent-smith: cannot start {}: {error}", program.display());
    ExitCode::from(NOT_FOUND)
}

fn take_on(bounds: &OsStr) -> io::Result<()> {
    if bounds.is_empty() {
        return Ok(());
    }
    let bounds = Bounds::from_argument(bounds).ok_or_else(|| io::Error::other("its limits are not readable"))?;
    bounds.take_on().map_err(|error| named("its limits cannot be set", &error))
}

/// Closes what this process should not have been given; the server's own descriptors close themselves.
fn close_inherited() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        let _ = unistd::close(descriptor); // the directory just read is among them and already closed
    }
}

fn socket() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Why a step must end before its program does.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// The server asked, or is gone.
    Asked,
    /// The server did not say in time that it may go on: it is frozen, and its lease over.
    Expired,
}

/// Listens on the socket in a thread. At a stop, sets the reason and wakes the main thread with SIGCHLD.
fn watch_for_stop() -> io::Result<Arc<OnceLock<Stop>>> {
    let mut socket = socket()?;
    let stop = Arc::new(OnceLock::new());
    let reason = Arc::clone(&stop);
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        let _ = reason.set(listen(&mut socket)); // the only one to set it
        let _ = kill(getpid(), Signal::SIGCHLD);
    })?;
    Ok(stop)
}

/// Reads allowances until one runs out or the socket ends. The first one is waited for without a limit: the server has
/// sent it before the step began, or it is gone.
fn listen(socket: &mut UnixStream) -> Stop {
    let mut message: Allowance = [0; 8];
    loop {
        match socket.read_exact(&mut message) {
            Ok(()) => {}
            // The kernel's word for a read that waited as long as it was told to.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Stop::Expired;
            }
            Err(_) => return Stop::Asked,
        }
        // A time-out of zero would mean none at all.
        let left = allowed(message);
        if left.is_zero() {
            return Stop::Expired;
        }
        if socket.set_read_timeout(Some(left)).is_err() {
            return Stop::Asked;
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Ended {
    Code(i32),
    Signal(i32),
}

struct Step {
    program: Child,
    ended: Option<Ended>,
}

impl Step {
    /// Sleeps until the program has ended (`None`) or must end.
    fn wait(&mut self, stop: &OnceLock<Stop>) -> io::Result<Option<Stop>> {
        let mut wake = SigSet::empty();
        wake.add(Signal::SIGCHLD);
        loop {
            if self.reap() || self.ended.is_some() {
                return Ok(None);
            }
            if let Some(stop) = stop.get() {
                return Ok(Some(*stop));
            }
            wake.wait()?;
        }
    }

    /// Takes the exit status of every child that has ended. True when there is no child left: then, because orphans
    /// become children of this process, there is no descendant left either.
    fn reap(&mut self) -> bool {
        // Asked first and by itself, because only the standard library can read a status with a real-time signal.
        if let Ok(Some(status)) = self.program.try_wait() {
            self.ended = self.ended.or(ended(status));
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return false,
                Ok(WaitStatus::Exited(pid, code)) if self.is_program(pid) => self.ended = Some(Ended::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) if self.is_program(pid) => {
                    self.ended = Some(Ended::Signal(signal as i32));
                }
                Err(Errno::ECHILD) => return true,
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn is_program(&self, pid: Pid) -> bool {
        u32::try_from(pid.as_raw()).is_ok_and(|pid| pid == self.program.id())
    }

    /// Ends every descendant: SIGTERM, `term` to obey it, then SIGKILL until none is left. Returns how many are left.
    fn end_tree(&mut self, term: Duration) -> usize {
        if self.reap() {
            return 0;
        }
        // All are found before the first is asked: when a parent ends, its children are no longer found below it. Each
        // is asked once, so that what a script starts in order to clean up is left in peace.
        let mut asked = Vec::new();
        tree::visit_descendants(getpid(), &mut |pid| asked.push(pid));
        for pid in asked {
            tree::signal(pid, Signal::SIGTERM);
            tree::signal(pid, Signal::SIGCONT); // a stopped process would not see it
        }
        let kill_at = Instant::now() + term;
        while Instant::now() < kill_at {
            std::thread::sleep(LOOK);
            if self.reap() {
                return 0;
            }
        }
        let give_up_at = Instant::now() + KILL_LIMIT;
        let mut newest = None;
        loop {
            let (mut count, mut last) = (0, None);
            tree::visit_descendants(getpid(), &mut |pid| {
                tree::kill_now(pid);
                count += 1;
                last = last.max(Some(pid));
            });
            if self.reap() {
                return 0;
            }
            if Instant::now() >= give_up_at {
                return count;
            }
            // While new processes still appear somebody forks, and every pause helps them.
            if last == newest {
                std::thread::sleep(LOOK);
            }
            newest = last;
        }
    }
}

fn ended(status: ExitStatus) -> Option<Ended> {
    status.code().map(Ended::Code).or(status.signal().map(Ended::Signal))
}
