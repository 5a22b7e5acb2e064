//! Running one program so that nothing of it is left when it is over.
//!
//! A step does not run as a child of the server but under a small process of its own, its supervisor: this binary,
//! started again with [`SUBCOMMAND`]. The supervisor is the subreaper of the step, so whatever the step starts stays
//! below it, also what forked twice or opened a session of its own; when the kernel tells the supervisor that it has
//! no child left, the tree is provably empty. Its standard input is one end of a socket pair whose other end only the
//! server holds: the end of that stream means stop, and it comes by itself when the server is killed.
//!
//! Two lines of defence remain for a step that kills its own supervisor: the server is a subreaper as well, and
//! `strangers` ends what then becomes its child.
//!
//! ```text
//! server --socket pair--> supervisor --> <program> <arguments> --> ...
//!        <----report----
//! ```
//!
//! Who calls: `cli` ([`supervisor::main`], before anything else), `steps` (`client`), `app` ([`shield_environment`]).
//! What must stay true: a tree is dead within ten seconds of the moment a stop is seen (see the limits in
//! [`supervisor`] and `client`); the supervisor has no environment but the step's.

pub(super) mod client;
pub(super) mod strangers;
pub mod supervisor;
mod told;
mod tree;

/// The hidden subcommand that makes this binary a supervisor; [`supervisor::main`] takes what follows it.
pub const SUBCOMMAND: &str = "supervise-step";

/// Denies other processes of the same user the view into this process, above all `/proc/<pid>/environ` with the tokens.
///
/// A step runs as the same user as the server and could otherwise read the server's environment. Call it once, at the
/// start of the server. It also turns core dumps off. Root sees everything regardless: do not run steps as root.
///
/// # Errors
/// When the kernel refuses; nothing is changed then.
pub fn shield_environment() -> std::io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}
