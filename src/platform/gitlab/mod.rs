//! GitLab through the `gitlab` crate: gitlab.com and self-managed instances, also below a path.
//!
//! Who calls: `platform::open`. Of the crate only its endpoints and its query traits are used; they run on a client of
//! ours (`session.rs`) that sends every request through the shared retry and rate-limit layer. The crate's own client
//! has no timeout, follows redirects with the token, and asks GitLab a question before it can be built. Its paging is
//! not used either: it takes a short page for the last one, where only the link to the next page is to be trusted.
//!
//! What must stay true:
//! * A transition is one PUT that adds and removes labels by name, and never the whole list. Two writers at the same
//!   moment can leave a label twice, or two lifecycle labels: what comes back is read as a set and repaired.
//! * Titles of labels know upper and lower case here, and nowhere else in this program: whoever asks for a label asks
//!   for every spelling of it that the project has, and whoever removes one removes every spelling.
//! * A comment may hold what a step printed. Quick actions (`/close`) and mentions in it are made harmless.
//! * The token is in one header, marked sensitive, and goes to the host of the API base only.

mod access;
mod account;
mod change_request;
mod client;
mod comment;
mod harmless;
mod labels;
mod list;
mod lookup;
mod models;
mod pages;
mod read;
mod refusal;
mod session;
mod spellings;
mod status;
mod who_labelled;

pub use account::is_program;
pub use client::GitLab;
