//! What a step says to the steps after it: lines `name=value` in the file that `AGENTSMITH_OUTPUT` names.
//!
//! Who calls: `sequence`, before and after each step. What must stay true: whatever a step writes there, or makes of the
//! file, costs bounded memory and never fails a run; a line that does not fit is left out.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tracing::debug;

/// Bytes read. Outputs are names, versions, addresses; what is larger belongs into a file of the workspace.
const LIMIT: u64 = 64 * 1024;
/// Outputs kept of one step.
const MOST: usize = 100;

/// The file of one step.
#[derive(Debug)]
pub(in crate::pipeline) struct Outputs {
    path: PathBuf,
}

impl Outputs {
    /// The file for the step with this index, in the run's own folder. It is not made: a step that says nothing leaves
    /// nothing.
    pub(in crate::pipeline) fn of_step(folder: &Path, index: usize) -> Self {
        Self { path: folder.join(format!("output-{}", index + 1)) }
    }

    /// Where the step finds it.
    pub(in crate::pipeline) fn path(&self) -> &Path {
        &self.path
    }

    /// What the step has said. The later of two equal names stands.
    pub(in crate::pipeline) fn read(&self) -> BTreeMap<String, String> {
        match self.text() {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                debug!(%error, "the outputs of a step cannot be read: it has none");
                BTreeMap::new()
            }
        }
    }

    /// The step may have put a link or a pipe in its place: neither is followed nor waited for.
    fn text(&self) -> std::io::Result<String> {
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
        let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("not a file"));
        }
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn parse(text: &str) -> BTreeMap<String, String> {
    let named = |name: &&str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let pairs = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((Some(name.trim()).filter(named)?.to_owned(), value.trim_end_matches('\r').to_owned()))
    });
    pairs.take(MOST).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_name_and_a_value_count() {
        let outputs = parse("version=1.2=3\r\n\nno pair\n1x=bad\na-b=bad\nversion=2\n empty =\n");
        let outputs: Vec<(&str, &str)> = outputs.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(outputs, [("empty", ""), ("version", "2")]);
    }

    #[test]
    fn what_is_no_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = Outputs::of_step(folder.path(), 0);
        assert!(outputs.read().is_empty());
        std::os::unix::fs::symlink("/proc/self/environ", outputs.path()).unwrap();
        assert!(outputs.read().is_empty());
        std::fs::remove_file(outputs.path()).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(outputs.path()).status().unwrap().success());
        assert!(outputs.read().is_empty());
        std::fs::remove_file(outputs.path()).unwrap();
        std::fs::write(outputs.path(), "x=1\n".repeat(100_000)).unwrap();
        assert_eq!(outputs.read().len(), 1);
    }
}
