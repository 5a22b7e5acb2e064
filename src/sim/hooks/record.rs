//! What was delivered and what was answered, for tests and people to look at.

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `None` when there was no answer in time.
    pub status: Option<u16>,
    /// The body, or why there was no answer.
    pub body: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// One delivery with everything that was answered to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same each time it is sent.
    pub id: String,
    /// What the platform calls the event.
    pub event: String,
    /// The ticket it is about; `None` for a ping.
    pub ticket: Option<u64>,
    /// Who did what it tells of.
    pub actor: String,
    /// The bytes that are sent.
    pub body: Bytes,
    /// The headers of the latest request.
    pub headers: Vec<(String, String)>,
    /// It was not sent at all, because that was asked for.
    pub is_lost: bool,
    /// Oldest first.
    pub answers: Vec<Answer>,
}

impl Delivery {
    /// The status of the latest answer.
    pub fn status(&self) -> Option<u16> {
        self.answers.last()?.status
    }
}
