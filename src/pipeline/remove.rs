//! Removing a directory tree, whatever a step left in it.
//!
//! Who calls: whoever has a folder of ours to remove. What must stay true: symbolic links are removed and never followed; neither the depth of the
//! tree nor its permissions stop it; one thing that cannot be removed does not keep the rest.

use std::fs::{self, DirEntry, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Looks at a directory that fills up while it is emptied. More than one, because a file system may skip entries.
const ROUNDS: usize = 3;

/// Removes `top` and everything in it. It being gone already is no error.
///
/// Each nested directory is moved into one folder below `top` before it is emptied: so every path stays short, and a
/// tree deeper than the longest path or than the limit of open files goes like any other.
///
/// # Errors
/// The first of the errors that kept something from being removed, with its path. All the rest is removed.
pub(super) fn remove_tree(top: &Path) -> io::Result<()> {
    match fs::symlink_metadata(top) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(named(top, &error)),
        Ok(meta) if !meta.is_dir() => return fs::remove_file(top).map_err(|error| named(top, &error)),
        Ok(_) => {}
    }
    // A name that nothing in the tree can have, so that it needs no check for each directory.
    let parking = top.join(format!(".removing-{}", uuid::Uuid::now_v7()));
    let mut removal = Removal { parking, parked: 0, open: Vec::new(), first_error: None };
    removal.begin(top);
    removal.empty(top);
    while let Some(directory) = removal.open.pop() {
        removal.empty(&directory);
        removal.note(&directory, fs::remove_dir(&directory));
    }
    removal.note(top, fs::remove_dir(&removal.parking));
    removal.note(top, fs::remove_dir(top));
    removal.first_error.map_or(Ok(()), Err)
}

struct Removal {
    parking: PathBuf,
    parked: u64,
    open: Vec<PathBuf>,
    first_error: Option<io::Error>,
}

impl Removal {
    fn begin(&mut self, top: &Path) {
        let made = make_usable(top).and_then(|()| fs::create_dir(&self.parking));
        self.note(top, made);
    }

    /// Unlinks the files of a directory and moves its directories away.
    fn empty(&mut self, directory: &Path) {
        for _ in 0..ROUNDS {
            let entries: Vec<DirEntry> = match fs::read_dir(directory) {
                Ok(entries) => entries.flatten().filter(|entry| entry.path() != self.parking).collect(),
                Err(error) => return self.note(directory, Err(error)),
            };
            if entries.is_empty() {
                return;
            }
            for entry in entries {
                self.take_out(&entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
            }
        }
    }

    fn take_out(&mut self, path: &Path, is_dir: bool) {
        if !is_dir {
            return self.note(path, fs::remove_file(path));
        }
        // Moving a directory changes its `..`, for which it must be writable itself.
        let made = make_usable(path);
        self.note(path, made);
        self.parked += 1;
        let parked = self.parking.join(self.parked.to_string());
        match fs::rename(path, &parked) {
            Ok(()) => self.open.push(parked),
            Err(error) => self.note(path, Err(error)),
        }
    }

    fn note(&mut self, path: &Path, result: io::Result<()>) {
        if let Err(error) = result
            && error.kind() != ErrorKind::NotFound
            && self.first_error.is_none()
        {
            self.first_error = Some(named(path, &error));
        }
    }
}

fn make_usable(directory: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(directory)?.permissions().mode();
    if mode & 0o700 == 0o700 { Ok(()) } else { fs::set_permissions(directory, Permissions::from_mode(0o700)) }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot remove {}: {error}", path.display()))
}
