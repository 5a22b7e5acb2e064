//! Whether one branch can be merged into another, and what that would change: the git behind a change request.
//!
//! Who calls: the faces, for a single change request as a platform shows it, and the demo. What must stay true: nothing is
//! merged; what it says is what git says of the two branches at this moment.

use super::Repositories;

/// What merging a branch comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merge {
    /// A person has to decide between the two.
    pub conflicts: bool,
    /// Commits that the base does not have.
    pub commits: usize,
    /// Files that differ from where the branch began.
    pub files: usize,
    /// Lines added, over all files that have lines.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
}

impl Repositories {
    /// What merging `head` into `base` comes to; `None` when one of them is not there.
    pub async fn merge(&self, path: &str, base: &str, head: &str) -> Option<Merge> {
        let (base, head) = (self.commit_of(path, base).await?, self.commit_of(path, head).await?);
        let commits = self.ask(path, &["rev-list", "--count", &format!("{base}..{head}")]).await?.parse().ok()?;
        let conflicts = self.ask(path, &["merge-tree", "--write-tree", "--no-messages", &base, &head]).await.is_none();
        let stat = self.ask(path, &["diff", "--numstat", "--no-renames", &format!("{base}...{head}")]).await?;
        let mut merge = Merge { conflicts, commits, ..Merge::default() };
        for line in stat.lines() {
            // A binary file has hyphens in the place of numbers.
            let mut lines = line.split('\t').map(|count| count.parse().unwrap_or(0));
            merge.files += 1;
            merge.added += lines.next().unwrap_or(0);
            merge.removed += lines.next().unwrap_or(0);
        }
        Some(merge)
    }
}
