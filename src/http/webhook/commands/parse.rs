//! The command in a comment.
//!
//! Pure. What must stay true: a command stands at the start of a line; the first of several counts.

use super::spoken::spoken_lines;
use crate::ticket::PlatformKind;

/// What a command begins with, in any case.
const NAME: &str = "/agent-smith";
/// Characters of what is not understood that are kept, for the answer.
const SHOWN: usize = 60;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A run, of this pipeline, or of the one that the labels ask for.
    Run {
        /// As it was written.
        pipeline: Option<String>,
    },
    /// That nothing runs and nothing waits.
    Cancel,
    /// The last run once more.
    Retry,
    /// To know how it stands.
    Status,
    /// Something that we do not understand, or help: what was written.
    Unknown(String),
}

/// What a comment asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The first command in it.
    pub command: Command,
    /// True when there are more, which do not count.
    pub more: bool,
}

/// The command in a comment, if there is one.
pub fn listen(platform: PlatformKind, body: &str) -> Option<Heard> {
    let lines = spoken_lines(platform, body);
    let mut commands = lines.iter().filter_map(|line| command(line));
    let command = commands.next()?;
    Some(Heard { command, more: commands.next().is_some() })
}

fn command(line: &str) -> Option<Command> {
    let line = line.trim();
    let (name, rest) = (line.get(..NAME.len())?, line.get(NAME.len()..)?);
    if !name.eq_ignore_ascii_case(NAME) || rest.starts_with(|c: char| !c.is_whitespace()) {
        return None;
    }
    let rest = rest.trim();
    let (verb, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let argument = argument.trim().trim_matches(['`', '"', '\'']);
    Some(match (verb.trim_end_matches(['.', '!']).to_lowercase().as_str(), argument) {
        ("run", "") => Command::Run { pipeline: None },
        ("run", name) => Command::Run { pipeline: Some(shortened(name)) },
        ("cancel", "") => Command::Cancel,
        ("retry", "") => Command::Retry,
        ("status", "") => Command::Status,
        _ => Command::Unknown(shortened(rest)),
    })
}

/// A name is never longer than this; what is gets an answer that shows its beginning.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN * 2) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(body: &str) -> Option<Command> {
        listen(PlatformKind::GitHub, body).map(|heard| heard.command)
    }

    #[test]
    fn each_command_is_understood_in_any_case() {
        let run = |name: Option<&str>| Some(Command::Run { pipeline: name.map(str::to_owned) });
        let cases = [
            ("/agent-smith run", run(None)),
            ("/Agent-Smith RUN  security-scan  ", run(Some("security-scan"))),
            ("/agent-smith run `fix-bug`", run(Some("fix-bug"))),
            ("/agent-smith run My Pipeline", run(Some("My Pipeline"))),
            ("Hello.\n\n/agent-smith\tcancel\nThanks", Some(Command::Cancel)),
            ("/agent-smith cancel.", Some(Command::Cancel)),
            ("/agent-smith retry", Some(Command::Retry)),
            ("/agent-smith\u{a0}status!", Some(Command::Status)),
            ("/agent-smith", Some(Command::Unknown(String::new()))),
            ("/agent-smith help", Some(Command::Unknown("help".to_owned()))),
            ("/agent-smith cancel everything", Some(Command::Unknown("cancel everything".to_owned()))),
            ("/agent-smithers run", None),
            ("/agent-smith:run", None),
            ("please /agent-smith run", None),
            ("", None),
            ("/agent", None),
        ];
        for (body, expected) in cases {
            assert_eq!(heard(body), expected, "{body:?}");
        }
    }

    #[test]
    fn the_first_of_several_counts() {
        let two = listen(PlatformKind::GitHub, "/agent-smith status\n/agent-smith cancel");
        assert_eq!(two, Some(Heard { command: Command::Status, more: true }));
        let quoted = listen(PlatformKind::GitHub, "> /agent-smith status\n\n/agent-smith cancel");
        assert_eq!(quoted, Some(Heard { command: Command::Cancel, more: false }));
    }

    proptest! {
        /// Whatever somebody writes is read without a panic, and what has no command at the start of a line is none.
        #[test]
        fn any_text_is_read(body in any::<String>(), pieces in "(/agent-smith |run|<|>|```|\n|\\{code\\}|é|&lt;| ){0,30}") {
            for platform in PlatformKind::ALL {
                let _ = listen(platform, &body);
                let heard = listen(platform, &pieces);
                prop_assert!(heard.is_none() || pieces.to_lowercase().contains("/agent-smith"));
            }
        }
    }
}
