//! What is said to a person who gave an order in a comment: a reaction, or a short comment.
//!
//! Who calls: the platforms, and through them whoever carries orders out. What must stay true: nothing here can write a
//! label. A claim lock or a lease is not asked for, because an answer changes nothing that a claim or a run reads, and
//! it must be possible to say "it is running" while somebody else holds the lease; the witness is instead that the one
//! who is answered may give orders ([`Entitled`](crate::job::Entitled)), so that nobody else makes us write.

use std::time::Duration;

use tokio::time::Instant;

use crate::job::WriteRight;
use crate::ticket::{PlatformKind, TicketKey};

/// An answer that could not be given by now is of no use to the one who asked.
const STILL_OF_USE: Duration = Duration::from_secs(60);

/// How we show on a comment what we did with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It was read and is being carried out.
    Seen,
    /// It was not understood or cannot be done.
    Refused,
}

/// The right to answer, for a short time. Only the platforms make one, and only for answers.
pub(super) struct Spoken {
    about: TicketKey,
    until: Instant,
}

impl Spoken {
    pub(super) fn about(platform: PlatformKind, ticket: &str) -> Self {
        Self { about: TicketKey::new(platform, "", ticket), until: Instant::now() + STILL_OF_USE }
    }
}

impl WriteRight for Spoken {
    fn ticket(&self) -> &TicketKey {
        &self.about
    }
    fn valid_until(&self) -> Instant {
        self.until
    }
}
