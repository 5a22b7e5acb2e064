//! GitHub through octocrab: github.com and GitHub Enterprise Server.
//!
//! Who calls: `platform::open`. octocrab knows the API's base, version and headers; it sends exactly one request per
//! call, through the shared retry and rate-limit layer. Answers are read into the small models of this folder, because
//! octocrab's own want fields that proxies, old servers and small tokens leave out.
//!
//! What must stay true:
//! * GitHub has no compare-and-swap on an issue, so a transition adds the new label, then deletes the others one by
//!   one, and never writes the whole list: that would erase what a person added meanwhile.
//! * A token without the right to label is answered 200 with unchanged labels: every write is checked against the list
//!   that came back.
//! * Paging follows `next` links by their path and query only, so that the token never goes to another host.

mod access;
mod account;
mod change_request;
mod client;
mod comment;
mod labels;
mod list;
mod models;
mod pages;
mod read;
mod refusal;
mod status;
mod who_labelled;

pub use client::GitHub;
