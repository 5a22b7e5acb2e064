//! The `git` program, and how it is kept from obeying what it works on.
//!
//! Who calls: the steps `checkout`, `commit` and `push`. Everything in a workspace may have been written by somebody
//! hostile: the repository's authors, a coding agent that was talked into it, a `run` step. Git runs programs that a
//! repository's own configuration names (hooks, `core.fsmonitor`, filters, `core.sshCommand`, credential helpers) and
//! sends tokens where it says (`url.*.insteadOf`, `pushurl`). So:
//!
//! * No call of ours ever opens the `.git` of a workspace. That one is made once, for the agent and for people, and
//!   never read again. Ours is a folder beside the workspace (`folders`), and its configuration is written anew before
//!   each step; hooks, attributes and excludes that somebody put there are removed.
//! * Nor the `.git` of a repository that lies inside of the workspace: what has changed is found and taken into the
//!   index by `ls-files` and `update-index`, which look no further than a file. `add` and `status` would start a git
//!   inside of it.
//! * What configuration there is comes from the environment of the call, which outranks any file; the user's and the
//!   system's are not read. Filters are therefore never run, and large files kept elsewhere (LFS) stay pointers.
//! * The token is in the environment of those calls alone that talk to the remote, and of no other process. A helper of
//!   one line hands it to git for the scheme, host and port of the source and for nothing else, so that neither a
//!   redirect nor a submodule carries it away. It is in no address, argument or file.
//!
//! Objects come by way of one mirror for each repository (`mirror`), which all runs share. A run's own folder has hard
//! links to them, so that a mirror may be repacked or removed under it. What must stay true: whoever runs as the
//! server's user can write to these folders too, so a step that wants to can spoil the mirror's objects. It gains what it
//! could have by committing the same.

mod branch;
mod call;
mod changes;
mod credentials;
mod earlier;
mod folders;
mod history;
mod mirror;
mod refusal;
mod remote;

pub(super) use branch::{PREFIX, branch_of};
pub(super) use call::{Call, Git, Trouble};
pub(super) use changes::{Author, Tree, changed_files, commit_all, commits_ahead};
pub(super) use earlier::{Owner, TICKET, names_ticket};
pub(super) use folders::{GitFolder, make_workspace, replace};
pub(super) use history::{Start, Wanted, begin};
pub(super) use mirror::Mirrors;
pub(super) use refusal::{Refusal, refusal};
pub(super) use remote::Remote;
