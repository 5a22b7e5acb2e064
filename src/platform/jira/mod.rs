//! Jira over plain HTTP: Cloud (REST version 3) and Data Center (version 2), told apart by what they answer.
//!
//! Who calls: `platform::open`. Every request goes through the shared retry and rate-limit layer.
//!
//! What must stay true:
//! * A wrong token is not refused by everything: a search answers 200 with nothing, an issue 404. So who the token is
//!   is asked before a listing is believed and before "not found" is said.
//! * Jira has no compare-and-swap on an issue. A transition is one update that adds and removes by name, repeated on
//!   409, and believed only after the issue was read again; the update itself answers with nothing.
//! * Labels are told apart by case here, and by nobody else in this program: queries ask for the usual spellings, and
//!   every spelling of a lifecycle label is removed.
//! * Text of a ticket arrives as a document tree (Cloud) or wiki markup (Data Center) and leaves as either; what a run
//!   printed has no effect in both.
//!
//! ```text
//! list · read · labels · comment · access · account    the calls
//! identity · refusal                                   who the token is, what a refusal means
//! client · deployment · detect                         how a request is made, and to which version
//! write · turns                                        when an issue may be written
//! models · jql · sayings                               what goes over the wire
//! markdown -> adf · wiki    plain_text                 formats
//! ```

mod access;
mod account;
mod adf;
mod client;
mod comment;
mod deployment;
mod detect;
mod identity;
mod jql;
mod labels;
mod list;
mod models;
mod plain_text;
mod read;
mod refusal;
mod sayings;
mod status;
mod turns;
mod who_labelled;
mod wiki;
mod write;

pub use client::Jira;
