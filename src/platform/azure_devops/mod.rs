//! Azure DevOps Boards through `reqwest`: dev.azure.com, the older visualstudio.com addresses and Azure DevOps Server.
//!
//! Who calls: `platform::open`. A work item is a ticket, its tags are the labels, a project is a tracker.
//!
//! ```text
//! client      one project: how a request is made and sent, the `Platform` trait      versions   which api-version
//! list        a query for ids, then the items in batches                             wiql       the text of a query
//! read        one item as it is now                                                  models     the JSON we read
//! transition  tags under `test /rev`                                                 tags       one string, many tags
//! comment     HTML, written once                                                     html       Markdown to HTML
//! access      the start-up check                                                     refusal    errors with their cure
//! ```
//!
//! What must stay true:
//! * A transition is one JSON Patch that begins with `test /rev`: the tags it writes are the tags it read, so that no
//!   tag of a person is lost whenever they edit. The only platform of the four that can do this.
//! * A token that has expired is answered with a page and not with 401; no answer is taken for data because its status
//!   is below 300.
//! * A query for more than 20,000 items is refused and never cut, so that every query is bounded and goes on behind the
//!   last id.

mod access;
mod account;
mod change_request;
mod client;
mod comment;
mod html;
mod list;
mod models;
mod read;
mod refusal;
mod status;
mod tags;
mod transition;
mod versions;
mod who_labelled;
mod wiql;

pub use change_request::AzureRepos;
pub use client::AzureDevOps;
