//! What git's words mean: whose fault it is, and what helps.
//!
//! Who calls: `call` for whether to try again, `history` for whether the mirror is to blame, `push`. Git tells its
//! failures apart by words alone, which every release has kept; they are English because every call has `LC_ALL=C`.

use super::remote::Remote;

/// Characters of git's own words in a message.
const QUOTED: usize = 300;

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum Refusal {
    /// The remote does not let us in.
    NoAccess,
    /// There is no such repository, or none that we may see.
    NotFound,
    /// The network or the remote failed; worth another try.
    Temporary,
    /// Something else, and perhaps on our side.
    Other,
}

const NO_ACCESS: [&str; 9] = [
    "authentication failed",
    "could not read username",
    "could not read password",
    "access denied",
    "permission denied",
    "returned error: 401",
    "returned error: 403",
    "host key verification failed",
    "you are not allowed to",
];
const NOT_FOUND: [&str; 6] = [
    "repository not found",
    "returned error: 404",
    "' not found",
    "could not be found",
    "does not appear to be a git repository",
    "tf401019",
];
const TEMPORARY: [&str; 20] = [
    "could not resolve host",
    "couldn't connect to server",
    "could not connect to server",
    "failed to connect",
    "connection refused",
    "connection reset",
    "connection timed out",
    "connection closed",
    "operation timed out",
    "operation too slow",
    "empty reply from server",
    "recv failure",
    "send failure",
    "rpc failed",
    "early eof",
    "unexpected disconnect",
    "hung up unexpectedly",
    "returned error: 429",
    "returned error: 5",
    "expected flush after ref listing",
];

/// Reads the end of git's standard error.
pub(in crate::pipeline) fn refusal(errors: &str) -> Refusal {
    let errors = errors.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| errors.contains(word));
    // A dropped connection may be followed by the advice to check the access rights.
    if says(&TEMPORARY) {
        Refusal::Temporary
    } else if says(&NO_ACCESS) {
        Refusal::NoAccess
    } else if says(&NOT_FOUND) {
        Refusal::NotFound
    } else {
        Refusal::Other
    }
}

/// What a person is told of a call to the remote that failed.
pub(super) fn in_words(errors: &str, remote: &Remote) -> String {
    let (address, quoted) = (remote.address(), quoted(errors));
    match refusal(errors) {
        Refusal::NoAccess => format!("{address} does not let us in: {}; git says: {quoted}", remote.cure()),
        Refusal::NotFound => {
            format!(
                "{address} is not there, or may not be seen: check the address, and {}; git says: {quoted}",
                remote.cure()
            )
        }
        Refusal::Temporary => format!("{address} could not be reached; git says: {quoted}"),
        Refusal::Other => format!("git failed; it says: {quoted}"),
    }
}

/// The lines that say what went wrong, on one line.
pub(super) fn quoted(errors: &str) -> String {
    let telling =
        |line: &&str| ["fatal:", "error:", "remote:", "ssh:", " ! "].iter().any(|start| line.starts_with(start));
    let mut lines: Vec<&str> = errors.lines().filter(telling).map(str::trim).collect();
    if lines.is_empty() {
        lines = errors.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    }
    // The last ones tell most.
    let from = lines.len().saturating_sub(4);
    let text: String = lines[from..].join("; ").chars().filter(|c| !c.is_control()).take(QUOTED).collect();
    if text.is_empty() { "nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_git_and_of_servers_are_known() {
        for (errors, expected) in [
            ("fatal: Authentication failed for 'https://h/o/r.git/'", Refusal::NoAccess),
            ("fatal: could not read Username for 'https://h': terminal prompts disabled", Refusal::NoAccess),
            ("remote: Repository not found.\nfatal: repository 'https://h/o/r.git/' not found", Refusal::NotFound),
            (
                "fatal: '/srv/x' does not appear to be a git repository\nfatal: Could not read from remote",
                Refusal::NotFound,
            ),
            ("fatal: unable to access 'https://h/': Could not resolve host: h", Refusal::Temporary),
            ("fatal: unable to access 'https://h/': The requested URL returned error: 503", Refusal::Temporary),
            ("fatal: unable to access 'https://h/': The requested URL returned error: 403", Refusal::NoAccess),
            ("error: inflate: data stream error\nfatal: loose object is corrupt", Refusal::Other),
        ] {
            assert_eq!(refusal(errors), expected, "{errors}");
        }
    }
}
