//! What a supervisor tells the server when it is through: one short text over the socket.
//!
//! Only `supervisor` writes it and only `client` reads it, and both are the same build. No text means that the
//! supervisor was killed.

/// How the shell ended, as its supervisor saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It exited by itself.
    Exit(i32),
    /// A signal ended it, and not one that the supervisor sent.
    Signal(i32),
    /// The server asked for a stop before it had ended.
    Stopped,
    /// It could not be started or waited for; says why.
    Failed(String),
}

/// The whole message: how the shell ended and how many processes could not be ended.
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
    fn every_message_survives_the_way_and_nothing_else_is_one() {
        let all = [Told::Exit(3), Told::Signal(9), Told::Stopped, Told::Failed("no such file: /bin/sh".into())];
        for told in all {
            let message = Message { told, left: 2 };
            assert_eq!(Message::from_text(&message.to_text()), Some(message));
        }
        for text in ["", "0", "0 exit", "0 exit x", "x exit 0", "0 done 0"] {
            assert_eq!(Message::from_text(text), None, "{text:?}");
        }
    }
}
