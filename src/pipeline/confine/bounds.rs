//! What holds for the processes of one step, and taking it on.
//!
//! Who calls: `confinement` makes them, `supervise::client` hands them on as one argument, and the stage between the
//! supervisor and the program takes them on. What must stay true: whatever is started below inherits all of it; a hard
//! limit is never raised, because only root may.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Of a machine that has no memory left, the kernel ends a step before the server and whatever else runs there. Half of
/// the scale: far above anything that has not asked for it, and still below what says that it may be ended first.
const ENDED_EARLY: i32 = 500;
/// What stands for a limit that is not there.
const NONE: &str = "-";

/// What holds for the processes of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::pipeline) struct Bounds {
    /// The control group that they are in.
    pub(super) group: Option<PathBuf>,
    /// Bytes of address space of each.
    pub(super) address_space: Option<u64>,
    /// Processes of this user at one time.
    pub(super) processes: Option<u64>,
    /// Seconds of CPU time of each.
    pub(super) cpu_seconds: Option<u64>,
    /// Bytes of a file that one of them writes.
    pub(super) file_size: Option<u64>,
}

impl Bounds {
    /// As one argument that is not empty. The group comes last, because a path may hold anything.
    pub(in crate::pipeline) fn to_argument(&self) -> OsString {
        let numbers = [self.address_space, self.processes, self.cpu_seconds, self.file_size];
        let words = numbers.map(|number| number.map_or(NONE.to_owned(), |number| number.to_string()));
        let mut argument = OsString::from(words.join(" "));
        argument.push(" ");
        argument.push(self.group.as_deref().unwrap_or("".as_ref()));
        argument
    }

    /// What [`Bounds::to_argument`] says.
    pub(in crate::pipeline) fn from_argument(argument: &OsStr) -> Option<Self> {
        let mut words = argument.as_bytes().splitn(5, |byte| *byte == b' ');
        let mut number = || {
            let word = std::str::from_utf8(words.next()?).ok()?;
            if word == NONE { Some(None) } else { word.parse().ok().map(Some) }
        };
        let (address_space, processes, cpu_seconds, file_size) = (number()?, number()?, number()?, number()?);
        let group = words.next()?;
        let group = (!group.is_empty()).then(|| PathBuf::from(OsString::from_vec(group.to_vec())));
        Some(Self { group, address_space, processes, cpu_seconds, file_size })
    }

    /// Puts this process into the group and under the limits, for what it becomes next. Address space comes last: this
    /// process may itself have more than that.
    pub(in crate::pipeline) fn take_on(&self) -> io::Result<()> {
        if let Some(group) = &self.group {
            fs::write(group.join("cgroup.procs"), std::process::id().to_string())?;
        }
        end_early();
        limit(Resource::RLIMIT_FSIZE, self.file_size, 0)?;
        // With nothing between the two the kernel sends SIGKILL, which says nothing. Who hears the signal of the first has
        // a second to end.
        limit(Resource::RLIMIT_CPU, self.cpu_seconds, 1)?;
        limit(Resource::RLIMIT_NPROC, self.processes, 0)?;
        limit(Resource::RLIMIT_AS, self.address_space, 0)
    }
}

/// Sets a limit, and `grace` above it the one that cannot be raised any more.
fn limit(resource: Resource, most: Option<u64>, grace: u64) -> io::Result<()> {
    let Some(most) = most else { return Ok(()) };
    let (_, hard) = getrlimit(resource)?;
    Ok(setrlimit(resource, most.min(hard), most.saturating_add(grace).min(hard))?)
}

/// Anybody may ask to be ended earlier. A kernel that does not know it ends whom it likes.
fn end_early() {
    let file = "/proc/self/oom_score_adj";
    let now = fs::read_to_string(file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    if now.is_some_and(|now| now < ENDED_EARLY) {
        let _ = fs::write(file, ENDED_EARLY.to_string());
    }
}
