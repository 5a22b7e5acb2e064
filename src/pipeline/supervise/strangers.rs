//! Ending what a killed supervisor left behind.
//!
//! A step can kill its own supervisor. Its processes then become children of the server, because [`adopt_orphans`] made
//! that a subreaper. They are told from children the server started itself by two facts: they are not a supervisor in
//! the register, and they are not in the server's session, which no descendant of a supervisor can be in. Which run
//! they came from does not matter: no process of a live run is ever a child of the server.
//!
//! Who calls: `client`, after a supervisor was lost or could not end its tree. What must stay true: a supervisor is in
//! the register from before it exists for others until its exit status has been taken.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid, getsid};
use tokio::process::{Child, Command};

use super::tree;

/// How long SIGKILL is repeated. With the other limits on the way, ten seconds after a stop everything is over.
const SWEEP_LIMIT: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// The process ids of the supervisors of this process. One for the whole process, as its children are.
static SUPERVISORS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Makes orphans below this process its children. Idempotent.
pub(in crate::pipeline) fn adopt_orphans() -> io::Result<()> {
    Ok(prctl::set_child_subreaper(true)?)
}

/// A started supervisor, in the register for as long as this lives. Drop it after its exit status was taken; one that
/// is dropped earlier, with the whole runtime, counts as a stranger from then on.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) child: Child,
    pid: i32,
}

impl Registered {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut supervisors = register();
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        supervisors.insert(pid);
        Ok(Self { child, pid })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        register().remove(&self.pid);
    }
}

/// Kills every stranger with everything below it. Blocks up to [`SWEEP_LIMIT`]; returns how many are left.
pub(super) fn sweep() -> usize {
    let give_up_at = Instant::now() + SWEEP_LIMIT;
    loop {
        let strangers = strangers();
        for stranger in &strangers {
            tree::kill_now(*stranger);
            tree::visit_descendants(*stranger, &mut tree::kill_now);
            let _ = waitpid(*stranger, Some(WaitPidFlag::WNOHANG)); // not dead yet: the next round takes it
        }
        if strangers.is_empty() || Instant::now() >= give_up_at {
            return strangers.len();
        }
        std::thread::sleep(LOOK);
    }
}

fn strangers() -> Vec<Pid> {
    let Ok(own_session) = getsid(None) else { return Vec::new() };
    let supervisors = register();
    let is_stranger = |pid: &Pid| {
        !supervisors.contains(&pid.as_raw()) && tree::process(*pid).is_some_and(|child| child.session != own_session)
    };
    tree::children(getpid()).into_iter().filter(is_stranger).collect()
}

fn register() -> MutexGuard<'static, BTreeSet<i32>> {
    SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner)
}
