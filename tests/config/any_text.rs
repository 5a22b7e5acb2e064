//! Whatever the file holds, there is an answer: every problem has a place in the file, and nothing panics.

use agent_smith::config::{Env, parse};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../agentsmith.yml.example");

/// Pieces that mean something to YAML, to the expansion or to the masking.
const PIECES: [&str; 24] = [
    "",
    " ",
    "\n",
    "\t",
    ":",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "${",
    "$${HOME}",
    "<<: *a",
    "&a ",
    "*a",
    "://me:pw@",
    "ü",
    "\0",
    "auth: x",
    "ghp_",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_damaged_file_is_answered_with_places_in_it(
        edits in prop::collection::vec((0..EXAMPLE.chars().count(), 0_usize..6, prop::sample::select(&PIECES[..])), 1..5),
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, removed, piece) in edits {
            let at = at.min(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.chars());
        }
        let text: String = text.into_iter().collect();
        let lines = u32::try_from(text.split('\n').count()).expect("few lines");
        let result = parse("f.yml", &text, &Env::default());
        let problems = match &result {
            Ok(loaded) => loaded.problems.as_slice(),
            Err(broken) => broken.problems(),
        };
        prop_assert!(result.is_ok() || !problems.is_empty());
        for problem in problems {
            prop_assert!((1..=lines).contains(&problem.line) && problem.col >= 1, "{problem:?}");
            prop_assert!(!problem.message.contains("this cannot be used"), "the structure check let it pass: {problem}");
        }
    }
}
