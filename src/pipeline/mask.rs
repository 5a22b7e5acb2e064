//! Known secrets, and how they are taken out of text and out of a stream of bytes.
//!
//! Who calls: `capture` for the log, `report` for the comment; the consumer makes one for each run. What must stay
//! true: a known secret that a step prints in one piece reaches neither the log nor a comment, however the pipe cuts it.

use std::fmt;
use std::sync::Arc;

/// A shorter "secret" protects nothing, and masking it would tear the text apart.
const SHORTEST: usize = 4;
/// Stands for a secret.
const MASK: &str = "[masked]";

/// Secrets, the longest first, so that one that contains another is masked as a whole. Cheap to clone; `Debug` shows
/// how many there are.
#[derive(Clone, Default)]
pub struct Mask {
    secrets: Arc<[String]>,
}

impl Mask {
    /// Knows these. White space around them is not part of them; a line of one that has several is one too.
    pub fn new(secrets: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut known: Vec<String> = Vec::new();
        for secret in secrets {
            let whole = secret.as_ref().trim();
            known.push(whole.to_owned());
            known.extend(whole.lines().map(|line| line.trim().to_owned()));
        }
        known.retain(|secret| secret.len() >= SHORTEST);
        known.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        known.dedup();
        Self { secrets: known.into() }
    }

    /// The text with every secret masked.
    pub fn apply(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({})", self.secrets.len())
    }
}

/// Masks a stream that comes in chunks. Holds back what may be the beginning of a secret, which is less than the
/// longest one.
#[derive(Debug)]
pub(super) struct MaskedStream {
    mask: Mask,
    first_bytes: Vec<u8>,
    /// Which bytes these are, looked up for every byte of a flood.
    begins: Box<[bool; 256]>,
    held: Vec<u8>,
}

impl MaskedStream {
    pub(super) fn new(mask: Mask) -> Self {
        let mut first_bytes: Vec<u8> = mask.secrets.iter().filter_map(|secret| secret.bytes().next()).collect();
        first_bytes.sort_unstable();
        first_bytes.dedup();
        let mut begins = Box::new([false; 256]);
        for first in &first_bytes {
            begins[usize::from(*first)] = true;
        }
        Self { mask, first_bytes, begins, held: Vec::new() }
    }

    /// Takes a chunk, returns what can be shown of all that came so far.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        let (shown, rest) = self.masked(true);
        self.held = rest;
        shown
    }

    /// What was held back: the stream is over, or pauses, and whatever has begun goes no further.
    pub(super) fn flush(&mut self) -> Vec<u8> {
        let (shown, _nothing) = self.masked(false);
        self.held.clear();
        shown
    }

    /// One walk over the bytes: from one place where a secret may begin to the next.
    fn masked(&self, goes_on: bool) -> (Vec<u8>, Vec<u8>) {
        let bytes = &self.held[..];
        // Some output has nothing of the kind, which is found out by the fastest means that there is.
        if !self.first_bytes.iter().any(|first| bytes.contains(first)) {
            return (bytes.to_vec(), Vec::new());
        }
        let mut shown = Vec::with_capacity(bytes.len());
        let (mut from, mut at) = (0, 0);
        while let Some(next) = bytes[at..].iter().position(|byte| self.begins[usize::from(*byte)]) {
            at += next;
            match self.secret_at(&bytes[at..], goes_on) {
                At::Secret(length) => {
                    shown.extend_from_slice(&bytes[from..at]);
                    shown.extend_from_slice(MASK.as_bytes());
                    at += length;
                    from = at;
                }
                At::Perhaps => {
                    shown.extend_from_slice(&bytes[from..at]);
                    return (shown, bytes[at..].to_vec());
                }
                At::Nothing => at += 1,
            }
        }
        shown.extend_from_slice(&bytes[from..]);
        (shown, Vec::new())
    }

    fn secret_at(&self, rest: &[u8], goes_on: bool) -> At {
        for secret in self.mask.secrets.iter().map(String::as_bytes) {
            if rest.starts_with(secret) {
                return At::Secret(secret.len());
            }
            if goes_on && secret.starts_with(rest) {
                return At::Perhaps;
            }
        }
        At::Nothing
    }
}

/// What stands at a place.
enum At {
    Secret(usize),
    /// The beginning of one, up to the end of what is there.
    Perhaps,
    Nothing,
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_secret_is_masked_as_a_whole() {
        let mask = Mask::new(["abcd", "abcdefgh", "xyz", " spaced \n", "first line\nsecond line"]);
        assert_eq!(mask.apply("abcdefgh abcd xyz spaced"), "[masked] [masked] xyz [masked]");
        assert_eq!(mask.apply("a second line"), "a [masked]");
        assert_eq!(format!("{mask:?}"), "Mask(6)");
    }

    #[test]
    fn a_stream_holds_back_no_more_than_it_must() {
        let mut stream = MaskedStream::new(Mask::new(["secret-token"]));
        assert_eq!(stream.push(b"begin sec"), b"begin ");
        assert_eq!(stream.push(b"ond secret-"), b"second ");
        assert_eq!(stream.push(b"token end"), b"[masked] end");
        assert_eq!(stream.push(b"secret"), b"");
        assert_eq!(stream.flush(), b"secret");
        let mut stream = MaskedStream::new(Mask::new(["bbaba", "bbab"]));
        assert_eq!(stream.push(b"abbab"), b"a", "the longer one may still come");
        assert_eq!(stream.flush(), b"[masked]", "it did not, and the shorter one was there");
    }

    /// A step that floods must not keep a thread of the server from everybody else: each byte is looked at a few times.
    /// Compared with itself, so that no machine is too slow.
    #[test]
    fn a_flood_of_what_begins_a_secret_costs_no_more_beside_another_secret() {
        let flood = vec![b'g'; 512 * 1024];
        let cost = |secrets: &[&str]| {
            let mut stream = MaskedStream::new(Mask::new(secrets));
            let begun = Instant::now();
            assert_eq!(stream.push(&flood).len(), flood.len() - 1, "the last one may still begin it");
            begun.elapsed()
        };
        let (alone, beside) = (cost(&["gh-secret"]), cost(&["gh-secret", "AA-secret"]));
        assert!(beside < alone * 30, "{alone:?} and {beside:?}");
    }

    proptest! {
        #[test]
        fn a_stream_says_what_the_whole_text_would(
            text in "[ab]{0,60}", cuts in proptest::collection::vec(0..60_usize, 0..6), secrets in proptest::collection::vec("[ab]{4,8}", 0..3),
        ) {
            let mut stream = MaskedStream::new(Mask::new(&secrets));
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            cuts.sort_unstable();
            let mut shown = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                shown.extend(stream.push(&text.as_bytes()[from..cut]));
                from = cut;
            }
            shown.extend(stream.flush());
            let mut whole = MaskedStream::new(Mask::new(&secrets));
            let mut at_once = whole.push(text.as_bytes());
            at_once.extend(whole.flush());
            prop_assert_eq!(&shown, &at_once);
            let shown = String::from_utf8(shown).expect("text");
            for secret in &secrets {
                prop_assert!(!shown.contains(secret.as_str()), "{} in {}", secret, shown);
            }
        }
    }
}
