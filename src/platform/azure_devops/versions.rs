//! Which api-version the server speaks: the newest that we know, until it says that this is too new.
//!
//! Who calls: [`super::client`] for every request. What must stay true: a version is only ever lowered, and remembered
//! for as long as the tracker stays in the configuration, so that an old server is asked once too often at most.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::models::said;
use crate::platform::http::Answer;

/// Released versions, the newest first. Azure DevOps Services and Server 2022.1 speak 7.1, Server 2022 7.0, Server 2020
/// 6.0, Server 2019 5.1 and 5.0; the batch of work items came with 4.1. Source: Microsoft, "REST API versioning".
const RELEASED: [&str; 6] = ["7.1", "7.0", "6.0", "5.1", "5.0", "4.1"];

/// The comments API was never released: it wants a preview version, of the same place as above. Before 5.1 it cannot
/// write. Source: Microsoft, "Comments - Add" of each version.
const COMMENTS: [&str; 4] = ["7.1-preview.4", "7.0-preview.3", "6.0-preview.3", "5.1-preview.3"];

/// Who the credentials belong to: never released either, of the same place as the released ones. Source: Microsoft,
/// "Connection Data".
const CONNECTION: [&str; RELEASED.len()] =
    ["7.1-preview.1", "7.0-preview.1", "6.0-preview.1", "5.1-preview.1", "5.0-preview.1", "4.1-preview.1"];

/// Which API a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// Everything that is not named below.
    Released,
    /// Comments.
    Comments,
    /// Who the credentials belong to.
    Connection,
}

/// What is known of the server.
#[derive(Debug, Default)]
pub(super) struct Versions {
    released: AtomicUsize,
    comments: AtomicUsize,
}

impl Versions {
    /// The version to ask for, with its place for [`Versions::lower`]; `None` when the server has no such API.
    pub(super) fn of(&self, api: Api) -> Option<(usize, &'static str)> {
        let released = self.released.load(Ordering::Relaxed).min(RELEASED.len() - 1);
        match api {
            Api::Released => Some((released, RELEASED[released])),
            Api::Comments => {
                let place = released.max(self.comments.load(Ordering::Relaxed));
                COMMENTS.get(place).map(|version| (place, *version))
            }
            Api::Connection => Some((released, CONNECTION[released])),
        }
    }

    /// Takes note that the version at `place` is too new. False when there is no older one.
    pub(super) fn lower(&self, api: Api, place: usize) -> bool {
        let (known, count) = match api {
            Api::Released => (&self.released, RELEASED.len()),
            Api::Comments => (&self.comments, COMMENTS.len()),
            Api::Connection => (&self.released, CONNECTION.len()),
        };
        if api == Api::Comments || place + 1 < count {
            known.fetch_max(place + 1, Ordering::Relaxed);
        }
        place + 1 < count
    }

    /// Takes note that the server has no comments API at all.
    pub(super) fn without_comments(&self) {
        self.comments.store(COMMENTS.len(), Ordering::Relaxed);
    }
}

/// True for an answer that says that the api-version is too new. The text is translated on some servers, the key is not.
pub(super) fn is_too_new(answer: &Answer) -> bool {
    answer.status == 400 && {
        let said = said(answer);
        matches!(said.type_key.as_str(), "VssVersionOutOfRangeException" | "VssInvalidPreviewVersionException")
            || said.message.contains("is out of range for this server")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_lowered_one_by_one_and_remembered() {
        let versions = Versions::default();
        assert_eq!(versions.of(Api::Released), Some((0, "7.1")));
        assert!(versions.lower(Api::Released, 0) && versions.lower(Api::Released, 1));
        assert!(versions.lower(Api::Released, 0), "an answer to an older request does not raise it");
        assert_eq!(versions.of(Api::Released), Some((2, "6.0")));
        assert_eq!(versions.of(Api::Comments), Some((2, "6.0-preview.3")));
        assert!(versions.lower(Api::Comments, 2) && !versions.lower(Api::Comments, 3));
        assert_eq!(versions.of(Api::Comments), None);
        assert!(!versions.lower(Api::Released, 5));
        assert_eq!(versions.of(Api::Released), Some((2, "6.0")), "the oldest stays in use");
    }

    #[test]
    fn a_server_older_than_the_comments_api_is_not_asked_for_it() {
        let versions = Versions::default();
        versions.lower(Api::Released, 3);
        assert_eq!(versions.of(Api::Comments), None);
        let other = Versions::default();
        other.without_comments();
        assert_eq!((other.of(Api::Comments), other.of(Api::Released)), (None, Some((0, "7.1"))));
    }
}
