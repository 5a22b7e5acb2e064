//! Reading a delivery: bytes to [`Event`](super::event::Event), one file per platform.
//!
//! Called after the signature was checked, with the form of a form-encoded delivery taken off. Pure: no I/O, no clock,
//! no configuration. What must stay true: no bytes make it panic; what is not needed is neither read nor judged; an
//! error names the place in the JSON and never repeats texts of the body.

use http::HeaderMap;

use super::event::{Reading, Unreadable};
use crate::ticket::PlatformKind;

mod azure_fields;
mod jira_changes;
mod json;

pub(super) use json::BYTE_ORDER_MARK;

pub mod azure_devops;
pub mod github;
pub mod gitlab;
pub mod jira;

/// What a delivery of `platform` says.
///
/// # Errors
/// When the body is not what the platform documents.
pub fn read(platform: PlatformKind, headers: &HeaderMap, body: &[u8]) -> Result<Reading, Unreadable> {
    match platform {
        PlatformKind::GitHub => github::read(headers, body),
        PlatformKind::GitLab => gitlab::read(headers, body),
        PlatformKind::AzureDevOps => azure_devops::read(headers, body),
        PlatformKind::Jira => jira::read(headers, body),
    }
}

/// What tells a delivery of `platform` apart from every other one and stays the same when it is sent again; `None` where
/// the platform gives it no name.
pub fn delivery_id(platform: PlatformKind, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    match platform {
        PlatformKind::GitHub => github::delivery_id(headers, body),
        PlatformKind::GitLab => gitlab::delivery_id(headers, body),
        PlatformKind::AzureDevOps => azure_devops::delivery_id(headers, body),
        PlatformKind::Jira => jira::delivery_id(headers, body),
    }
}

#[cfg(test)]
mod tests;
