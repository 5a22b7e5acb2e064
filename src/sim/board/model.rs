//! The board's vocabulary: what goes in, what comes out, what can go wrong, and the number on every limit.
//!
//! Plain data for the board itself, the faces and tests. Views are copies: they never change after they were taken.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::ticket::{Labels, same_label};

/// Trackers on one board. Ten times what the largest load test wants.
pub(super) const MAX_TRACKERS: usize = 10_000;
/// Tickets in one tracker: a walk over all of them stays in the milliseconds.
pub(super) const MAX_TICKETS: usize = 100_000;
/// Label definitions in one tracker.
pub(super) const MAX_LABEL_DEFS: usize = 10_000;
/// Labels on one ticket; GitHub's own figure.
pub(super) const MAX_LABELS_PER_TICKET: usize = 100;
/// Comments on one ticket; GitHub's own figure.
pub(super) const MAX_COMMENTS: usize = 2_500;
/// Events remembered per tracker; the oldest go first.
pub(super) const MAX_EVENTS: usize = 50_000;
/// Longest title in characters; GitHub's own figure.
pub const MAX_TITLE_CHARS: usize = 256;
/// Longest body of a ticket or comment in characters; GitHub's own figure.
pub const MAX_COMMENT_CHARS: usize = 65_536;
/// Longest label name in characters; GitHub's own figure.
pub const MAX_LABEL_CHARS: usize = 50;
/// The colour of a label that was created by being added to a ticket; GitHub's own.
pub(super) const DEFAULT_COLOR: &str = "ededed";

/// When two label names are the same label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelRule {
    /// `Bug` and `bug` are one label; the first spelling stays. GitHub and Azure DevOps.
    #[default]
    IgnoreCase,
    /// `Bug` and `bug` are two labels. GitLab and Jira.
    ExactCase,
}

impl LabelRule {
    /// True when `a` and `b` name the same label.
    pub fn same(self, a: &str, b: &str) -> bool {
        match self {
            Self::IgnoreCase => same_label(a, b),
            Self::ExactCase => a == b,
        }
    }
}

/// What a person types to open a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTicket {
    /// One line, not empty.
    pub title: String,
    /// The description; may be empty.
    pub body: String,
    /// Names; a missing label is created.
    pub labels: Vec<String>,
}

impl NewTicket {
    /// A ticket with a title and nothing else.
    pub fn titled(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The same with a description.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with one more label.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.labels.push(label.into());
        self
    }
}

/// What a change request is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The repository, where a tracker has several.
    pub repository: String,
    /// The branch with the work.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// It was opened as a draft.
    pub draft: bool,
}

/// What becomes of the wish to open a change request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Its number.
    Opened(u64),
    /// One is open for these branches; its number.
    Exists(u64),
}

/// A label as its tracker defines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelDef {
    /// Unique on the board.
    pub id: u64,
    /// The first spelling anybody used.
    pub name: String,
    /// Six lower-case hexadecimal digits.
    pub color: String,
    /// What a person wrote about it.
    pub description: Option<String>,
}

/// A comment on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Unique on the board.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// As it was written.
    pub body: String,
    /// When.
    pub at: DateTime<Utc>,
    /// When it was last edited, if it was.
    pub edited_at: Option<DateTime<Utc>>,
}

impl Comment {
    /// When it got its present text.
    pub fn updated_at(&self) -> DateTime<Utc> {
        self.edited_at.unwrap_or(self.at)
    }
}

/// A ticket (or pull request) as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketView {
    /// Unique on the board.
    pub id: u64,
    /// Unique in the tracker, shared with pull requests, never reused.
    pub number: u64,
    /// Rises by one with every write to the ticket.
    pub revision: u64,
    /// One line.
    pub title: String,
    /// The description.
    pub body: String,
    /// Who opened it.
    pub author: String,
    /// Names in the order they were added.
    pub labels: Labels,
    /// The same labels with their definitions.
    pub label_defs: Vec<Arc<LabelDef>>,
    /// Not closed.
    pub open: bool,
    /// Oldest first.
    pub comments: Vec<Arc<Comment>>,
    /// True for a pull request, which some platforms list among the tickets.
    pub is_pull_request: bool,
    /// What a change request is about.
    pub change: Option<Arc<Change>>,
    /// Where it stands in a workflow, when that says more than open or closed.
    pub status: Option<String>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When anything on it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was last closed, if it is closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A tracker as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerView {
    /// Unique on the board, kept across renames.
    pub id: u64,
    /// Its present name, such as `org/my-api`.
    pub name: String,
    /// The token may change labels and tickets.
    pub can_write: bool,
    /// The token may not see it.
    pub hidden: bool,
    /// Open tickets and pull requests.
    pub open_count: usize,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Rises over the whole board.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who did it: a login.
    pub actor: String,
    /// The ticket it happened to; `None` when it happened to the tracker.
    pub ticket: Option<u64>,
    /// What it was.
    pub what: What,
}

/// What an [`Event`] was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The tracker was added.
    TrackerAdded,
    /// A ticket was opened.
    Opened,
    /// A pull request was opened.
    PullRequestOpened,
    /// The label was not on the ticket and now is.
    LabelAdded(String),
    /// The label was on the ticket and no longer is.
    LabelRemoved(String),
    /// The label came into being in the tracker.
    LabelCreated(String),
    /// A comment was written; its id.
    Commented(u64),
    /// A comment was edited; its id.
    CommentEdited(u64),
    /// A comment was deleted; its id.
    CommentDeleted(u64),
    /// Somebody reacted to a comment; its id.
    Reacted(u64),
    /// The title changed.
    TitleSet,
    /// The description changed.
    BodySet,
    /// It stands elsewhere in its workflow.
    StatusSet,
    /// Closed.
    Closed,
    /// Opened again.
    Reopened,
    /// Deleted for good.
    Deleted,
    /// Now lives in another tracker under another number.
    Transferred {
        /// The other tracker.
        to: String,
        /// The number there.
        number: u64,
    },
    /// The token may write (`true`) or no longer may.
    WriteRight(bool),
    /// The tracker was hidden from the token (`true`) or shown again.
    Hidden(bool),
    /// The tracker has a new name.
    Renamed(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.format("%H:%M:%S%.3f");
        match self.ticket {
            Some(number) => write!(f, "{at} #{number} {}: {:?}", self.actor, self.what),
            None => write!(f, "{at} {}: {:?}", self.actor, self.what),
        }
    }
}

/// Why the board refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// No tracker has this name.
    #[error("no tracker `{0}` on the board")]
    NoTracker(String),
    /// A tracker has this name already.
    #[error("a tracker `{0}` is already on the board")]
    TrackerExists(String),
    /// The tracker never had this number.
    #[error("no ticket {number} in tracker `{tracker}`")]
    NoTicket {
        /// The tracker.
        tracker: String,
        /// The number.
        number: u64,
    },
    /// The ticket was deleted.
    #[error("ticket {number} in tracker `{tracker}` was deleted")]
    Deleted {
        /// The tracker.
        tracker: String,
        /// The number.
        number: u64,
    },
    /// The ticket lives in another tracker now.
    #[error("the ticket was transferred to `{tracker}` as {number}")]
    Transferred {
        /// The other tracker.
        tracker: String,
        /// The number there.
        number: u64,
    },
    /// The ticket has no such comment.
    #[error("no comment {0} there")]
    NoComment(u64),
    /// The label is not on the ticket, or not in the tracker.
    #[error("no label `{0}` there")]
    NoLabel(String),
    /// The tracker has the label already, perhaps in another spelling.
    #[error("label `{0}` already exists")]
    LabelExists(String),
    /// Nobody can name a label so, or colour it so.
    #[error("label `{name}`: {reason}")]
    InvalidLabel {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A text is missing or too long.
    #[error("{field} {reason}")]
    InvalidText {
        /// Which text.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A bound of the board was reached.
    #[error("the board is full: {0}")]
    Full(String),
}
