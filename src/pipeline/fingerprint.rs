//! Whether a workspace has changed: one number of all its files.
//!
//! Who calls: `steps::agent`, before and after. It works without a repository, and sees what `.gitignore` leaves out;
//! whether there is anything to commit is the `commit` step's to say. What must stay true: no file is opened, no link
//! followed, and the work is bounded.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Files looked at. A repository with a million files is the largest that people call one; a walk takes seconds then.
const MOST: usize = 1_000_000;

/// Stands for names, kinds, sizes, modes and times of all files below `folder`, but not for those in a `.git`, which
/// change when somebody only looks. `None` when it cannot be told: more than a million, or unreadable.
pub(super) fn fingerprint(folder: &Path) -> Option<u64> {
    let (mut sum, mut seen) = (0_u64, 0);
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).ok()? {
            let entry = entry.ok()?;
            seen += 1;
            if seen > MOST {
                return None;
            }
            if entry.file_name() == ".git" {
                continue;
            }
            let meta = entry.metadata().ok()?;
            if meta.is_dir() {
                open.push(entry.path());
                continue;
            }
            let mut hasher = DefaultHasher::new();
            entry.path().hash(&mut hasher);
            // The second time is the one that nobody can set.
            (meta.mode(), meta.size(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec())
                .hash(&mut hasher);
            // The order in which a folder names its files means nothing.
            sum = sum.wrapping_add(hasher.finish());
        }
    }
    Some(sum)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    type Change = (&'static str, fn(&Path));

    #[test]
    fn every_change_of_a_file_counts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("src/.git")).unwrap();
        fs::write(at("src/a"), "1").unwrap();
        fs::write(at("b"), "2").unwrap();
        let mut last = fingerprint(folder.path()).unwrap();
        assert_eq!(fingerprint(folder.path()), Some(last));
        fs::write(at("src/.git/index"), "x").unwrap();
        fs::create_dir(at("empty")).unwrap();
        fs::read(at("src/a")).unwrap();
        assert_eq!(fingerprint(folder.path()), Some(last), "neither git's own files nor an empty folder is a change");
        let changes: [Change; 5] = [
            ("a new file", |root| fs::write(root.join("src/c"), "").unwrap()),
            ("a longer file", |root| fs::write(root.join("src/a"), "11").unwrap()),
            ("another name", |root| fs::rename(root.join("b"), root.join("bb")).unwrap()),
            ("a link", |root| std::os::unix::fs::symlink("/nowhere", root.join("link")).unwrap()),
            ("a file less", |root| fs::remove_file(root.join("bb")).unwrap()),
        ];
        for (what, change) in changes {
            change(folder.path());
            let now = fingerprint(folder.path()).unwrap();
            assert_ne!(now, last, "{what}");
            last = now;
        }
        assert_eq!(fingerprint(&at("nowhere")), None);
    }
}
