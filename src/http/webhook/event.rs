//! What one delivery says, in the product's own words.
//!
//! The parsers of the four platforms make it, `handle` acts on it. It holds what the sender claims, which is never
//! evidence: whether a ticket may run is decided by the claim service, from the ticket itself.

use url::Url;

use crate::ticket::{Account, Labels};

/// What became of reading a delivery's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Something happened to a ticket.
    Event(Box<Event>),
    /// A ping, a test button, an event of another kind: the reason in words, for the answer and the log.
    Nothing(String),
}

/// The body is not what the platform documents. The text names the field and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Something happened to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The tracker that the payload itself names.
    pub tracker: TrackerNamed,
    /// The platform's own identifier of the ticket, as in [`crate::ticket::Ticket::id`].
    pub ticket: String,
    /// What happened: at least one, in the order of the payload.
    pub changes: Vec<Change>,
    /// Who did it, where the payload says. The identifier is empty where the payload shows only what somebody chose to
    /// be called.
    pub actor: Option<Account>,
    /// What the payload shows of the ticket.
    pub seen: Seen,
}

/// One thing that happened to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was created.
    Opened,
    /// It was finished and is not any more.
    Reopened,
    /// It is finished.
    Closed,
    /// It does not exist any more, or not here.
    Deleted,
    /// These labels came, lifecycle labels included.
    LabelsAdded(Vec<String>),
    /// These labels went, lifecycle labels included.
    LabelsRemoved(Vec<String>),
    /// It has this assignee now.
    Assigned(Account),
    /// Its status changed to this word of the platform; says nothing of open or finished.
    StatusChanged(String),
    /// It changed, and the payload does not say how: only the ticket itself can tell.
    Unnamed,
    /// Somebody wrote a comment; an edited one is none.
    Commented(CommentSeen),
}

/// A comment as the payload shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentSeen {
    /// The platform's identifier of the comment, where the payload has one: what a reaction is attached to.
    pub id: Option<String>,
    /// The text, in the platform's own markup. Data, never to be trusted.
    pub body: String,
}

/// What a payload shows of a ticket; `None` where it is silent, and the ticket has to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// All labels after the change.
    pub labels: Option<Labels>,
    /// Whether the platform counts it as not finished.
    pub open: Option<bool>,
    /// The platform's word for the status.
    pub status: Option<String>,
}

/// The tracker as the payload names it, to be compared with the configured ones: without regard to case, `.git`, a
/// slash at the end, or the default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrackerNamed {
    /// A repository.
    GitHub {
        /// Its page: `https://github.com/owner/repo`.
        web_url: Url,
    },
    /// A project.
    GitLab {
        /// Its page: `https://host/group/sub/name`.
        web_url: Url,
        /// Its full path: `group/sub/name`.
        path: String,
    },
    /// A project of a collection. At least one of the two names is there.
    AzureDevOps {
        /// The organization or collection: `https://dev.azure.com/org`.
        collection: Option<Url>,
        /// The project's name.
        project: Option<String>,
        /// The project's GUID.
        project_id: Option<String>,
    },
    /// A project of a site.
    Jira {
        /// The site, taken from the ticket's own API address: `https://site.atlassian.net`, context path included.
        site: Option<Url>,
        /// The key, taken from the ticket's.
        project: String,
    },
}
