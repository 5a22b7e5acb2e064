//! The board: what every simulated platform holds, without a word of HTTP.
//!
//! A [`Board`] is a cheap clone around one mutex. Every write happens under it in one go, is recorded in the history
//! with its actor and its time, and then wakes whoever watches [`Board::changed`]. Tests and the demo act through it
//! as a person; a face acts through [`Board::acting_as`] with the login its token belongs to.

mod comments;
mod handle;
mod happening;
mod members;
mod model;
mod query;
mod state;
mod wait;
mod writes;

pub use handle::Board;
pub(in crate::sim) use happening::{Happening, Listener};
pub use members::{Reaction, Role};
pub use model::{
    Asked, BoardError, Change, Comment, Event, LabelDef, LabelRule, MAX_COMMENT_CHARS, MAX_LABEL_CHARS,
    MAX_TITLE_CHARS, NewTicket, TicketView, TrackerView, What,
};
pub use query::{Cursor, From, Page, Query, Sort, StateFilter};
pub use wait::NotReached;
pub(in crate::sim) use writes::Edit;
