//! From the path of a request to the issue it means.
//!
//! Every handler of an issue takes a [`Located`], so none can forget who calls, whether the token may see the project, or
//! where a moved issue is now: Jira answers for it under its old key.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::face::Face;
use super::guard::Caller;
use super::options::Deployment;
use super::problem::Problem;
use crate::sim::board::{Board, BoardError, TicketView, TrackerView};

/// Moves that are followed from one key; more would be a circle.
const MAX_MOVES: usize = 10;

/// An issue that the caller may see.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) tracker: TrackerView,
    pub(super) ticket: TicketView,
    pub(super) caller: Caller,
    pub(super) face: Face,
    /// What the path names below the issue.
    pub(super) comment: Option<u64>,
}

impl Located {
    pub(super) fn board(&self) -> &Board {
        &self.face.board
    }

    /// Counts a write to this issue, where it is counted.
    pub(super) fn admit_write(&self) -> Result<(), Problem> {
        match self.face.options.deployment {
            Deployment::Cloud => self.face.writes.admit(self.ticket.id).map_err(Problem::too_many_writes),
            Deployment::DataCenter => Ok(()),
        }
    }
}

/// The issue with this key or id.
fn find(board: &Board, name: &str) -> Option<(TrackerView, TicketView)> {
    let (mut project, mut number) = match name.rsplit_once('-') {
        Some((project, number)) => (project.to_owned(), number.parse::<u64>().ok()?),
        None => {
            let id = name.parse::<u64>().ok()?;
            let all = board.trackers().into_iter();
            let mut all =
                all.flat_map(|tracker| board.tickets(&tracker.name).into_iter().map(move |t| (tracker.clone(), t)));
            return all.find(|(_, ticket)| ticket.id == id);
        }
    };
    for _ in 0..MAX_MOVES {
        match board.look(&project, number) {
            Ok(ticket) => return Some((board.tracker(&project)?, ticket)),
            Err(BoardError::Transferred { tracker, number: there }) => (project, number) = (tracker, there),
            Err(_) => return None,
        }
    }
    None
}

impl FromRequestParts<Face> for Located {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, face: &Face) -> Result<Self, Problem> {
        let Path(params) =
            Path::<HashMap<String, String>>::from_request_parts(parts, face).await.map_err(|_| Problem::no_issue())?;
        // The guard puts it there on every route of the API.
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::no_issue)?;
        let name = params.get("issue").map_or("", String::as_str);
        let found = find(&face.board, name).filter(|(tracker, _)| !tracker.hidden && caller.login.is_some());
        let (tracker, ticket) = found.ok_or_else(Problem::no_issue)?;
        let comment = params.get("comment").and_then(|id| id.parse().ok());
        Ok(Self { tracker, ticket, caller, face: face.clone(), comment })
    }
}
