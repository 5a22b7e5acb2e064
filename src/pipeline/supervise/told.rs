//! What a supervisor and its server tell each other over the socket.
//!
//! The server says again and again how long the step may still go on; the supervisor says once how it ended. Only
//! `supervisor` and `client` speak this, and both are the same build. No text means that the supervisor was killed.

use std::time::Duration;

/// How long the step may go on, as a message of fixed size.
pub(super) type Allowance = [u8; 8];

/// The allowance in milliseconds.
pub(super) fn allowance(left: Duration) -> Allowance {
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX).to_be_bytes()
}

/// What [`allowance`] says.
pub(super) fn allowed(message: Allowance) -> Duration {
    Duration::from_millis(u64::from_be_bytes(message))
}

/// How the program ended, as its supervisor saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It exited by itself.
    Exit(i32),
    /// A signal ended it, and not one that the supervisor sent.
    Signal(i32),
    /// The server asked for a stop before it had ended.
    Stopped,
    /// The server did not say in time that it may go on.
    Expired,
    /// It could not be started or waited for; says why.
    Failed(String),
}

/// The whole message: how the program ended and how many processes could not be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) told: Told,
    pub(super) left: usize,
}

impl Message {
    pub(super) fn to_text(&self) -> String {
        let left = self.left;
        match &self.told {
            Told::Exit(code) => format!("{left} exit {code}"),
            Told::Signal(number) => format!("{left} signal {number}"),
            Told::Stopped => format!("{left} stopped -"),
            Told::Expired => format!("{left} expired -"),
            Told::Failed(why) => format!("{left} failed {why}"),
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let (left, rest) = text.split_once(' ')?;
        let (kind, value) = rest.split_once(' ')?;
        let told = match kind {
            "exit" => Told::Exit(value.parse().ok()?),
            "signal" => Told::Signal(value.parse().ok()?),
            "stopped" => Told::Stopped,
            "expired" => Told::Expired,
            "failed" => Told::Failed(value.to_owned()),
            _ => return None,
        };
        Some(Self { told, left: left.parse().ok()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_survives_the_way() {
        for left in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(7200)] {
            assert_eq!(allowed(allowance(left)), left);
        }
    }

    #[test]
    fn every_message_survives_the_way_and_nothing_else_is_one() {
        let all = [
            Told::Exit(3),
            Told::Signal(9),
            Told::Stopped,
            Told::Expired,
            Told::Failed("no such file: /bin/sh".into()),
        ];
        for told in all {
            let message = Message { told, left: 2 };
            assert_eq!(Message::from_text(&message.to_text()), Some(message));
        }
        for text in ["", "0", "0 exit", "0 exit x", "x exit 0", "0 done 0"] {
            assert_eq!(Message::from_text(text), None, "{text:?}");
        }
    }
}
