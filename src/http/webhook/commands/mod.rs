//! Commands in comments: `/agent-smith run [pipeline]`, `cancel`, `retry`, `status`.
//!
//! ```text
//! spoken       what a comment says in its author's own words, without code and quotes (pure)
//! parse        the command in it (pure)
//! carry_out    who may give one, and what is done        answer    what is said in return (pure)
//! ```
//!
//! Who calls: `handle`, for each new comment. What must stay true: only people whose word counts are heard, everybody
//! else is ignored and logged; what we write ourselves is never a command; a ticket is claimed and taken back by the
//! claim service and nothing else.

mod answer;
mod carry_out;
mod parse;
mod spoken;

pub use carry_out::{Outcome, Parts, carry_out};
pub use parse::{Command, Heard, listen};
pub(super) use spoken::{spoken_lines, without_inline_code};
