//! Finding the control group that was given to this process to divide.
//!
//! Who calls: `app` at the start of a server, `cli` for `validate --check`. What must stay true: a group that another
//! program manages is not taken for ours.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::group::controllers;

/// The folder of our own control group.
///
/// # Errors
/// Why there is none to be divided, in words for the log.
pub fn own_cgroup() -> Result<PathBuf, String> {
    let read = |file: &str| fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
    let (place, is_top) = place(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?)?;
    let owner = fs::metadata(&place).map_err(|error| format!("{}: {error}", place.display()))?.uid();
    let user = geteuid();
    if user.is_root() && !is_top {
        // To root everything is writable, so nothing tells whether systemd has let go of it.
        return Err("as root it cannot be told whether a control group is ours: run the server as a user of its own, \
                    with Delegate=yes"
            .to_owned());
    }
    if owner != user.as_raw() {
        return Err(format!(
            "the control group {} is not delegated to this user (systemd: Delegate=yes)",
            place.display()
        ));
    }
    controllers(&place).map(|_| place)
}

/// Where the group is, and whether it is the top of what this process sees, as in a container.
///
/// The lines of cgroup(7) and proc_pid_mountinfo(5): `0::<path>` is the place in the one hierarchy of version 2, the
/// fourth field of a mount what of it is mounted, the fifth where; behind a lone hyphen follows the type.
pub(super) fn place(cgroup: &str, mountinfo: &str) -> Result<(PathBuf, bool), String> {
    let ours = cgroup.lines().find_map(|line| line.strip_prefix("0::")).ok_or("this kernel has no cgroup v2")?;
    let mount = mountinfo.lines().find_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        kind.starts_with("cgroup2 ").then_some((fields.next()?, fields.next()?))
    });
    let (top, mount) = mount.ok_or("no cgroup v2 is mounted")?;
    let inside = Path::new(ours).strip_prefix(top).map_err(|_| "our control group is not mounted")?;
    Ok((Path::new(mount).join(inside), ours == "/"))
}
