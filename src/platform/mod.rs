//! The remote platforms: one trait, its outcomes, one folder per platform.
//!
//! Only this room calls platforms. Who calls: poll and housekeeping (listings), the claim service and the consumer
//! (read, transition, comment), commands (who somebody is, answers). What must stay true: a failed listing is an error and never an empty list; a write
//! demands a [`WriteRight`] and is refused once that has run out, an answer demands somebody who is answered; a transition touches lifecycle labels only.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::{Place, Tracker};
use crate::job::{Entitled, WriteRight};
use crate::lifecycle::Lifecycle;
use crate::ticket::{Account, Candidate, Labels, PlatformKind, Ticket};

mod answer;
mod appearance;
pub mod azure_devops;
mod comment;
mod forge;
pub mod github;
pub mod gitlab;
pub mod http;
pub mod jira;
mod labelling;
mod listing;
mod markdown;
pub mod registry;
mod status;

pub use answer::Reaction;
pub use comment::{Comment, CommentId, Writing};
pub use forge::{ChangeRequest, Creation, Forge, OpenRequest, open_forge};
pub use labelling::Labelling;
pub use listing::{End, Found, Page, PlannedCall, Position, Stretch, Walk, list_in_time};
pub use status::StatusChange;

/// Why a platform call did not do what was asked. Texts name the thing and, where a person must act, the cure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The platform asked us to wait.
    #[error("rate limited ({reason}), next call in {} s", retry_after.as_secs())]
    RateLimited {
        /// How long to leave this tracker alone.
        retry_after: Duration,
        /// What the platform said, such as `primary limit`.
        reason: String,
    },
    /// The ticket or the tracker does not exist, or the token may not see it.
    #[error("{what} not found: {cure}")]
    NotFound {
        /// What was looked for.
        what: String,
        /// What a person can do.
        cure: String,
    },
    /// It lives somewhere else now.
    #[error("{what} has moved to {to}: {cure}")]
    Moved {
        /// What was looked for.
        what: String,
        /// Where it is now.
        to: String,
        /// What a person can do.
        cure: String,
    },
    /// The credentials are missing, wrong, expired or too weak.
    #[error("{what}: {cure}")]
    Unauthorized {
        /// What was refused.
        what: String,
        /// What a person can do.
        cure: String,
    },
    /// Somebody else wrote at the same moment, or the write right ran out.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The network or the platform failed. Worth a retry.
    #[error("{0}")]
    Transport(String),
    /// The platform refused the request for good.
    #[error("{what} refused with status {status}: {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What the platform said, shortened.
        message: String,
    },
    /// What was asked is not possible as things stand; says what a person can do.
    #[error("{what}: {cure}")]
    Impossible {
        /// What was asked, and what the platform said.
        what: String,
        /// What a person can do.
        cure: String,
    },
    /// This version cannot call such a tracker.
    #[error("{0}")]
    Unsupported(String),
    /// The answer is not what the platform documents.
    #[error("{what} answered something unreadable: {detail}")]
    Malformed {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        detail: String,
    },
}

impl Error {
    /// True when the same call may succeed later without anybody acting.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Transport(_) | Self::Conflict(_))
    }

    /// How long the platform asked us to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

/// A platform's answer.
pub type Result<T> = std::result::Result<T, Error>;

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing<'a> {
    /// Open tickets with any of these trigger labels.
    Discovery(&'a [String]),
    /// Tickets whose label shows this state, whether or not they carry a trigger label.
    Lifecycle(Lifecycle),
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery(labels) => write!(f, "list tickets labelled {}", labels.join(" or ")),
            Self::Lifecycle(state) => write!(f, "list tickets labelled {state}"),
        }
    }
}

/// What the start-up check of a tracker found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What is reachable, for the log: `org/my-api as octocat`.
    pub summary: String,
    /// Something a person should know although calls will work.
    pub warning: Option<String>,
}

/// One configured tracker on one platform.
#[async_trait]
pub trait Platform: Send + Sync + 'static {
    /// Which platform this is.
    fn kind(&self) -> PlatformKind;

    /// Whether calls are held back now because the platform asked for it, for how long and why.
    fn held_back(&self) -> Option<http::HeldBack> {
        None
    }

    /// One request that tells whether the credentials are good, the tracker is visible and labels can be written.
    async fn check_access(&self) -> Result<Access>;

    /// Whether the tracker is what webhooks call `id`, on a platform that calls a tracker by an identifier alone. The
    /// answer is remembered for as long as the tracker is.
    async fn is_known_as(&self, id: &str) -> Result<bool> {
        let _ = id;
        Ok(false)
    }

    /// One page of a listing and where the next one is, no pull requests. Costs no quota when nothing changed, where
    /// the platform honours conditional requests. It is one request or a few, so that a walk gets on when each is slow.
    /// A position of another listing, or of a listing with other labels, means nothing.
    async fn page(&self, listing: Listing<'_>, at: &Position) -> Result<Page>;

    /// The requests that a listing makes up to the first page of each of its parts, from what is known now; sends none.
    fn plan(&self, listing: Listing<'_>) -> Vec<PlannedCall>;

    /// All pages of a listing, oldest first, however long that takes: for whoever does not come back for the rest. A
    /// failure on any page fails it.
    async fn list(&self, listing: Listing<'_>) -> Result<Vec<Candidate>> {
        listing::list_all(self, listing).await
    }

    /// Reads one ticket as it is now.
    async fn read(&self, ticket: &str) -> Result<Ticket>;

    /// Shows `to` on the ticket (`None`: no lifecycle label) and removes every other lifecycle label. Touches no other
    /// label. Verified by what the platform returns; returns the labels as they are now.
    async fn transition(&self, right: &dyn WriteRight, to: Option<Lifecycle>) -> Result<Labels>;

    /// Moves the ticket to this status of the platform's own workflow: the name of a status in Jira, of a state in Azure
    /// DevOps, `open` or `closed` on GitHub and GitLab; case does not matter.
    async fn set_status(&self, right: &dyn WriteRight, status: &str) -> Result<StatusChange>;

    /// Writes a comment, or edits the one that is there, as [`Writing`] says; an edit that changes nothing is not sent.
    /// Where the comment is then; `None` when there is nothing that could be edited: it was not there and was not to be
    /// written, somebody deleted it, or the server cannot edit comments.
    async fn comment(&self, right: &dyn WriteRight, comment: &Comment) -> Result<Option<CommentId>>;

    /// Who the token belongs to. Asked once per client; a failure is an error, and the next call asks again.
    async fn me(&self) -> Result<Account>;

    /// True when this account may write to the tracker, as far as `ticket` is concerned. An error when that cannot be
    /// found out; its text names the cure.
    async fn may_write(&self, who: &Account, ticket: &str) -> Result<bool>;

    /// Who most recently put one of these labels on the ticket, which carries all of them now; whoever created it for a
    /// label that it had from the start. Bounded. `None`: the history was read and names nobody, because nobody was signed
    /// in or it happened too long ago.
    async fn who_labelled(&self, ticket: &str, labels: &[&str]) -> Result<Option<Labelling>>;

    /// Shows a reaction to a comment on a ticket. False: this platform has none, and something has to be said instead.
    async fn react(&self, to: &Entitled, place: (&str, &str), reaction: Reaction) -> Result<bool>;

    /// Writes a comment that answers somebody who may give orders. Needs no right to the ticket: see `answer`.
    async fn answer(&self, to: &Entitled, ticket: &str, comment: &Comment) -> Result<()>;
}

/// The client of a tracker. Must be called inside a tokio runtime. Trackers on the same host with the same token share
/// their rate limits through `http`.
///
/// # Errors
/// `Unsupported` for a base that is no URL for calls, `Unauthorized` for a token that cannot be sent. A missing token is
/// no error here: every call then says so.
pub fn open(tracker: &Tracker, http: &http::Http) -> Result<Arc<dyn Platform>> {
    match &tracker.place {
        Place::GitHub { owner, repo } => Ok(Arc::new(github::GitHub::open(tracker, (owner, repo), http)?)),
        Place::GitLab { path } => Ok(Arc::new(gitlab::GitLab::open(tracker, path, http)?)),
        Place::AzureDevOps { project, open_states } => {
            Ok(Arc::new(azure_devops::AzureDevOps::open(tracker, (project, open_states), http)?))
        }
        Place::Jira { project } => Ok(Arc::new(jira::Jira::open(tracker, project.as_deref(), http)?)),
    }
}
