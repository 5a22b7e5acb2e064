//! Where source lives that change requests are opened for: one trait, found or created exactly once.
//!
//! Who calls: the step `open_change_request`. What must stay true: for one branch at most one open change request is
//! ever made, also when an answer was lost, a run begins again or two runs race; one that somebody else opened is used
//! and never written to; a write demands a [`WriteRight`].

use async_trait::async_trait;

use super::azure_devops::AzureRepos;
use super::github::GitHub;
use super::gitlab::GitLab;
use super::http::{HeldBack, Http};
use super::{Error, Result};
use crate::config::{self, ForgePlace, Place, Tracker};
use crate::job::WriteRight;
use crate::ticket::PlatformKind;
use std::sync::Arc;

/// By this, whatever comes after it, a change request is known to be ours. Hidden in Markdown.
const OURS: &str = "<!-- agent-smith run ";

/// A change request as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// The branch with the work; it is on the remote.
    pub branch: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown, with nothing in it that a platform would carry out.
    pub body: String,
    /// Ends the body, hidden: which run wrote it.
    pub run: String,
    /// Not to be merged yet.
    pub draft: bool,
}

impl ChangeRequest {
    /// The body with its marker, in at most so many characters. Source of the limits: each platform's own.
    pub(super) fn text(&self, most: usize) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let run: String = self.run.chars().take(100).map(|c| if plain(c) { c } else { '_' }).collect();
        let marker = format!("\n\n{OURS}{run} -->");
        let room = most.saturating_sub(marker.chars().count());
        match self.body.char_indices().nth(room) {
            None => format!("{}{marker}", self.body),
            Some(_) => {
                let note = "\n\n*(shortened)*";
                let end = self.body.char_indices().nth(room.saturating_sub(note.len())).map_or(0, |(at, _)| at);
                // A line that is cut through might open what the rest of the text should have closed.
                let end = self.body[..end].rfind('\n').unwrap_or(end);
                format!("{}{note}{marker}", &self.body[..end])
            }
        }
    }
}

/// True for a body that an agent-smith wrote.
fn is_ours(body: &str) -> bool {
    body.contains(OURS)
}

/// A change request that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// Its number.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// As it is now.
    pub(super) title: String,
    /// As it is now.
    pub(super) body: String,
    /// The branch that it is to be merged into.
    pub(super) base: String,
}

impl OpenRequest {
    /// What is open already for the branch: the one into the same base, else any.
    pub(super) fn best(found: Vec<Self>, base: &str) -> Option<Self> {
        let mut found = found;
        let at = found.iter().position(|one| one.base == base).unwrap_or(0);
        (!found.is_empty()).then(|| found.swap_remove(at))
    }
}

/// What became of the wish to open one.
#[derive(Debug)]
pub enum Creation {
    /// It is there.
    Opened(OpenRequest),
    /// The platform says that there is one for the branch already.
    Exists,
}

/// One repository on a platform that has change requests.
#[async_trait]
pub trait Forge: Send + Sync + 'static {
    /// Which platform this is.
    fn kind(&self) -> PlatformKind;

    /// Whether calls are held back now because the platform asked for it, for how long and why.
    fn held_back(&self) -> Option<HeldBack>;

    /// The open change request of a branch of this very repository, not of a copy.
    async fn find(&self, branch: &str, base: &str) -> Result<Option<OpenRequest>>;

    /// Opens one. The request is not repeated once it may have arrived.
    async fn create(&self, right: &dyn WriteRight, wanted: &ChangeRequest) -> Result<Creation>;

    /// Gives it this title and this body.
    async fn rewrite(&self, right: &dyn WriteRight, number: u64, wanted: &ChangeRequest) -> Result<()>;

    /// Title and body as this platform is given them, and gives them back.
    fn shown(&self, wanted: &ChangeRequest) -> (String, String);

    /// Finds the open change request of the branch, or opens one. One of ours gets the title and the body.
    ///
    /// # Errors
    /// `Conflict` when the platform says that there is one and does not show it yet, which is worth another attempt;
    /// else as the calls behind it.
    async fn open_change_request(&self, right: &dyn WriteRight, wanted: &ChangeRequest) -> Result<OpenRequest> {
        let (title, body) = self.shown(wanted);
        for _ in 0..2 {
            if let Some(found) = self.find(&wanted.branch, &wanted.base).await? {
                let is_new = (found.title.as_str(), found.body.as_str()) != (title.as_str(), body.as_str());
                if is_ours(&found.body) && is_new {
                    self.rewrite(right, found.number, wanted).await?;
                }
                return Ok(found);
            }
            match self.create(right, wanted).await? {
                Creation::Opened(opened) => return Ok(opened),
                Creation::Exists => {}
            }
        }
        Err(Error::Conflict(format!(
            "a change request for {} was opened a moment ago and is not shown yet",
            wanted.branch
        )))
    }
}

/// The client of a repository. Must be called inside a tokio runtime.
///
/// # Errors
/// As [`super::open`].
pub fn open_forge(forge: &config::Forge, http: &Http) -> Result<Arc<dyn Forge>> {
    let tracker = |place| Tracker {
        api_url: forge.api_url.clone(),
        web_url: forge.web_url.clone(),
        place,
        credentials: forge.credentials.clone(),
    };
    match &forge.place {
        ForgePlace::GitHub { owner, repo } => {
            let place = Place::GitHub { owner: owner.clone(), repo: repo.clone() };
            Ok(Arc::new(GitHub::open(&tracker(place), (owner, repo), http)?))
        }
        ForgePlace::GitLab { path } => {
            Ok(Arc::new(GitLab::open(&tracker(Place::GitLab { path: path.clone() }), path, http)?))
        }
        ForgePlace::AzureRepos { project, repository } => {
            let place = Place::AzureDevOps { project: project.clone(), open_states: Vec::new() };
            Ok(Arc::new(AzureRepos::open(&tracker(place), (project, repository), http)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(body: &str) -> ChangeRequest {
        let (branch, base) = ("agent-smith/1".to_owned(), "main".to_owned());
        ChangeRequest { branch, base, title: "t".into(), body: body.into(), run: "0190/1 -->".into(), draft: false }
    }

    #[test]
    fn a_body_is_as_long_as_allowed_and_always_marked() {
        assert_eq!(wanted("text").text(200), "text\n\n<!-- agent-smith run 0190/1_--_ -->");
        let text = wanted(&"line of text\n".repeat(100)).text(300);
        assert!(text.chars().count() <= 300 && text.contains("line of text\n\n*(shortened)*\n\n<!-- agent-smith run "));
        assert!(is_ours(&text) && !is_ours("by hand"));
    }

    #[test]
    fn the_one_into_the_same_base_is_taken() {
        let on = |number, base: &str| OpenRequest {
            number,
            url: String::new(),
            title: String::new(),
            body: String::new(),
            base: base.to_owned(),
        };
        assert_eq!(OpenRequest::best(vec![on(1, "old"), on(2, "main")], "main").map(|one| one.number), Some(2));
        assert_eq!(OpenRequest::best(vec![on(1, "old")], "main").map(|one| one.number), Some(1));
        assert_eq!(OpenRequest::best(Vec::new(), "main"), None);
    }
}
